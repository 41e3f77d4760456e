"""The contract of every store: the same tests run against each kind."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

import lookalike
from fakes import SPEC
from lookalike.errors import GalleryError, GalleryExistsError, GalleryNotFoundError, QueryError
from lookalike.gallery.records import Calibration, Changes
from lookalike.gallery.store import Store
from lookalike.gallery.stores import create_store, open_store
from lookalike.images.decode import Properties
from lookalike.images.files import FileStat, SkipKind, Skipped
from lookalike.search.query import Filter
from stores import RULES, STAT, check_store, digest_of, new_vectors, paths_of, upsert, vector_of


class Place(Protocol):
    """Where one kind of store keeps galleries."""

    root: Path

    def create(self) -> Store:
        """A new gallery, open for writing."""
        ...

    def open(self, *, writing: bool = False) -> Store:
        """That gallery, opened once more."""
        ...


class LocalPlace:
    """A local folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "photos"
        self.root.mkdir()

    def create(self) -> Store:
        """See :class:`Place`."""
        return create_store(None, self.root, SPEC)

    def open(self, *, writing: bool = False) -> Store:
        """See :class:`Place`."""
        return open_store(self.root, writing=writing)


PLACES = {"local": LocalPlace}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for each kind of store."""
    return PLACES[request.param](tmp_path)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """An empty store, open for writing."""
    with closing(place.create()) as store:
        yield store


def add(store: Store, *paths: str) -> None:
    """Add an entry with its own content at each path."""
    store.commit(Changes(upserts=[upsert(path) for path in paths]))


def reopen(place: Place, store: Store) -> Store:
    """Close the store and open it for reading."""
    store.close()
    return place.open()


def found(store: Store, content: str, k: int = 10, **options: object) -> list[str]:
    """The paths of the entries nearest to a synthetic content, in order."""
    return [match.entry.path for match in store.search(vector_of(digest_of(content)), k, **options)]  # type: ignore[arg-type]


def brute_force(contents: dict[str, str], query: str, k: int) -> list[str]:
    """The k paths nearest to the content ``query``, computed from all vectors."""
    wanted = vector_of(digest_of(query)).astype(np.float64)
    scores = {
        path: round(float(vector_of(digest_of(content)).astype(np.float64) @ wanted), 7)
        for path, content in contents.items()
    }
    return sorted(contents, key=lambda path: (-scores[path], os.fsencode(path)))[:k]


def test_a_new_store_is_empty(place: Place, store: Store):
    """A new store has its stamp and root, no entries, and can be searched."""
    assert store.stamp == SPEC
    assert store.root == place.root
    assert store.is_writable
    assert store.weights_path is None
    assert (store.count(), store.vector_count(), list(store.iter_entries()), store.skips()) == (0, 0, [], [])
    assert list(store.iter_vectors()) == []
    assert store.search(vector_of(digest_of("a")), 3) == []
    assert store.sample(10) == []
    assert store.calibration() is None


def test_creating_a_store_twice_raises_gallery_exists_error(place: Place, store: Store):
    """The existing gallery is not changed."""
    add(store, "a.jpg")
    store.close()
    with pytest.raises(GalleryExistsError):
        place.create()
    store = place.open()
    assert check_store(store) == ["a.jpg"]
    store.close()


def test_opening_a_store_that_does_not_exist_raises_gallery_not_found_error(place: Place):
    """Nothing is created."""
    with pytest.raises(GalleryNotFoundError):
        place.open()


def test_commits_are_durable(place: Place, store: Store):
    """Entries, vectors, skipped files and the calibration are there when the store is opened again."""
    skipped = Skipped("c.jpg", SkipKind.DAMAGED, "truncated", FileStat(4, 5, 6))
    folder_problem = Skipped("d", SkipKind.UNREADABLE_FOLDER, "no permission")
    a, b = digest_of("a.jpg"), digest_of("b.jpg")
    add(store, "b.jpg", "a.jpg")
    store.commit(Changes(skipped=[folder_problem, skipped]))
    store.save_calibration(Calibration((a, b), (b, a), np.array([0.5, 0.25]), 2))
    store = reopen(place, store)
    assert check_store(store) == ["a.jpg", "b.jpg"]
    assert [entry.stat for entry in store.iter_entries()] == [STAT, STAT]
    assert store.skips() == [skipped, folder_problem]
    stored = store.calibration()
    assert stored is not None
    pairs = {one: (other, score) for one, other, score in zip(stored.digests, stored.best, stored.scores, strict=True)}
    assert (pairs, stored.vector_count) == ({a: (b, 0.5), b: (a, 0.25)}, 2)
    store.close()


def test_skipped_files_can_be_replaced_and_removed(store: Store):
    """A path has one entry in the list of skipped files."""
    store.commit(Changes(skipped=[Skipped("a", SkipKind.EMPTY, "empty"), Skipped("b", SkipKind.EMPTY, "empty")]))
    store.commit(Changes(skipped=[Skipped("b", SkipKind.DAMAGED, "damaged")], unskipped=["a"]))
    assert store.skips() == [Skipped("b", SkipKind.DAMAGED, "damaged")]


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_entries_are_ordered_by_the_bytes_of_their_paths(store: Store):
    """Paths that are not UTF-8 are kept."""
    names = [b"A.png", b"B/a.png", b"a.png", b"b-.png", b"b.png", b"b/a.png", "ä.png".encode(), b"\xff.png"]
    add(store, *map(os.fsdecode, reversed(names)))
    assert [os.fsencode(path) for path in check_store(store)] == names


def test_many_entries_are_read_in_order(store: Store):
    """Entries and vectors are complete when they don't fit into one page."""
    rng = np.random.default_rng(0)
    names = [f"{number:05}.jpg" for number in range(9000)]
    vectors = rng.normal(size=(len(names), SPEC.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    changes = [upsert(name, known=True) for name in names]
    for change, vector in zip(changes, vectors, strict=True):
        object.__setattr__(change, "vector", vector)
    store.commit(Changes(upserts=changes[::-1]))
    assert paths_of(store) == names
    by_digest = {change.digest: change.vector for change in changes}
    read = [
        (digest, vector)
        for batch in store.iter_vectors()
        for digest, vector in zip(batch.digests, batch.vectors, strict=True)
    ]
    assert len(read) == len(names)
    assert all(np.array_equal(vector, by_digest[digest]) for digest, vector in read)
    assert len(store.vectors_of([change.digest for change in changes])) == len(names)
    assert len(store.entries_by_path(names)) == len(store.entries_by_id(range(1, 9001))) == len(names)


def test_files_of_one_content_share_a_vector(store: Store):
    """A content is embedded once, in one commit or in several, however many files have it."""
    add(store, "a.jpg")
    store.commit(Changes(upserts=[upsert("b.jpg", "a.jpg", known=True), upsert("c.jpg", "x"), upsert("d.jpg", "x")]))
    assert check_store(store) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert store.vector_count() == 2
    assert [digest for batch in store.iter_vectors() for digest in batch.digests] == [
        digest_of("a.jpg"),
        digest_of("x"),
    ]
    entries = store.entries_by_id(store.ids_of_digest(digest_of("a.jpg")))
    assert [entry.path for entry in entries.values()] == ["a.jpg", "b.jpg"]


def test_entries_can_be_looked_up(store: Store):
    """Unknown ids, paths and digests are left out."""
    add(store, "a.jpg", "b.jpg")
    a, b = store.iter_entries()
    assert store.entries_by_id([b.id, 12345, a.id]) == {a.id: a, b.id: b}
    assert store.entries_by_path(["b.jpg", "none.jpg"]) == {"b.jpg": b}
    assert store.ids_of_digest(digest_of("none")) == []
    assert list(store.vectors_of([digest_of("none"), a.digest])) == [a.digest]
    assert store.has_content(a.digest)
    assert not store.has_content(digest_of("none"))


def test_a_changed_entry_keeps_its_id(store: Store):
    """An entry with new content is found by it, and not by the old content."""
    add(store, "a.jpg", "b.jpg")
    before = store.entries_by_path(["a.jpg"])["a.jpg"]
    store.commit(Changes(upserts=[upsert("a.jpg", "new")]))
    after = store.entries_by_path(["a.jpg"])["a.jpg"]
    assert (after.id, after.digest) == (before.id, digest_of("new"))
    assert store.search(vector_of(digest_of("new")), 1)[0].entry == after
    assert store.search(vector_of(digest_of("a.jpg")), 1)[0].score < 1


def test_a_moved_entry_keeps_its_id(store: Store):
    """An entry moved to another path, even over another entry, keeps its id."""
    add(store, "a.jpg", "b.jpg")
    a, b = store.iter_entries()
    store.commit(Changes(upserts=[upsert("c.jpg", "a.jpg", known=True, moved_id=a.id)]))
    assert [(entry.id, entry.path) for entry in store.iter_entries()] == [(b.id, "b.jpg"), (a.id, "c.jpg")]
    store.commit(Changes(upserts=[upsert("b.jpg", "a.jpg", known=True, moved_id=a.id)]))
    assert [(entry.id, entry.path) for entry in store.iter_entries()] == [(a.id, "b.jpg")]
    assert found(store, "b.jpg") == ["b.jpg"]


def test_ids_are_never_reused(store: Store):
    """The id of a removed entry is not assigned again."""
    add(store, "a.jpg")
    (entry,) = store.iter_entries()
    store.commit(Changes(removed=["a.jpg"]))
    store.commit(Changes(upserts=[upsert("a.jpg", known=True)]))
    (again,) = store.iter_entries()
    assert again.id != entry.id


def test_delete_unused_keeps_contents_with_entries(place: Place, store: Store):
    """Contents without entries are deleted; before that, they are neither sampled nor iterated over."""
    add(store, "a.jpg", "b.jpg", "c.jpg")
    a, b, c = map(digest_of, ("a.jpg", "b.jpg", "c.jpg"))
    store.save_calibration(Calibration((a, b, c), (b, a, a), np.full(3, 0.5), 3))
    store.commit(Changes(removed=["b.jpg"]))
    assert store.has_content(b)
    assert set(store.sample(10)) == {a, c}
    assert [digest for batch in store.iter_vectors() for digest in batch.digests] == [a, c]
    store.delete_unused(store.unused())
    assert not store.has_content(b)
    store = reopen(place, store)
    stored = store.calibration()
    assert stored is not None
    assert (stored.digests, stored.best) == ((c,), (a,))
    assert check_store(store) == ["a.jpg", "c.jpg"]
    assert store.vector_count() == 3
    store.close()


def test_vectors_added_later_can_be_read_alone(store: Store):
    """Vectors are iterated over in the order in which they were added."""
    add(store, "b.jpg")
    count = store.vector_count()
    add(store, "a.jpg", "c.jpg")
    later = [digest for batch in store.iter_vectors(count) for digest in batch.digests]
    assert later == [digest_of("a.jpg"), digest_of("c.jpg")]
    assert list(store.iter_vectors(store.vector_count())) == []


def test_a_sample_is_stable(place: Place, store: Store):
    """It changes little while the gallery grows, and depends on nothing but the contents."""
    add(store, *(f"{number}.jpg" for number in range(50)))
    before = store.sample(20)
    assert len(set(before)) == 20
    assert store.sample(30)[:20] == before
    new = [f"{number}.jpg" for number in range(50, 55)]
    add(store, *new)
    after = store.sample(20)
    assert set(after) - set(map(digest_of, new)) <= set(before)
    store.commit(Changes(removed=new))
    assert store.sample(20) == before
    store = reopen(place, store)
    assert store.sample(20) == before
    store.close()


@pytest.mark.parametrize("k", [1, 2, 7, 29, 30, 100])
def test_search_finds_the_nearest(k: int, store: Store):
    """The hits are those of a brute-force computation: exact scores, ties by path."""
    contents = {f"{number % 7}/{number}.jpg": f"content {number % 20}" for number in range(30)}
    store.commit(Changes(upserts=[upsert(path, content) for path, content in contents.items()]))
    for query in ("content 3", "content 19", "another"):
        assert found(store, query, k) == brute_force(contents, query, k)


@pytest.mark.parametrize("k", [1, 3, 5, 8, 60])
def test_many_ties_are_ordered_by_path(k: int, store: Store):
    """Of many entries with the same score, the first by path are found, after those with a higher score."""
    contents = {f"{number * 7 % 50:02}.jpg": "same" for number in range(50)} | {"zz.jpg": "best", "a.jpg": "other"}
    store.commit(Changes(upserts=[upsert(path, content) for path, content in contents.items()]))
    for query in ("same", "best", "other"):
        assert found(store, query, k) == brute_force(contents, query, k)


def test_many_searches_equal_single_ones(store: Store):
    """Searching for several vectors gives each one's own hits."""
    add(store, *(f"{number}.jpg" for number in range(40)))
    vectors = np.stack([vector_of(digest_of(f"query {number}")) for number in range(9)])
    ids = [entry.id for entry in store.iter_entries()]
    without = [ids[number : 2 * number] for number in range(9)]
    for where in (None, Filter("none"), Filter(".")):
        single = [store.search(vector, 5, where, one) for vector, one in zip(vectors, without, strict=True)]
        assert store.search_many(vectors, 5, where, without) == single
    good = [[match for match in found if match.score >= 0.3] for found in store.search_many(vectors, 5)]
    assert store.search_many(vectors, 5, least=0.3) == good
    assert any(good)
    assert store.search_many(vectors, 5) == [store.search(vector, 5) for vector in vectors]
    assert store.search_many(vectors[:0], 5) == []


def test_excluded_entries_are_replaced_by_the_next(store: Store):
    """There are k hits whenever so many entries remain."""
    names = [f"{number}.jpg" for number in range(10)]
    add(store, *names)
    order = found(store, "query")
    ids = {entry.path: entry.id for entry in store.iter_entries()}
    assert found(store, "query", 4, without=[ids[order[0]], ids[order[2]], 999]) == [order[1], *order[3:6]]
    assert found(store, "query", 4, without=list(ids.values())[:8]) == [path for path in order if path in names[8:]]


def test_a_folder_limits_a_search(store: Store):
    """Only images in the folder and its subfolders are found, as many as asked for."""
    names = ["a.jpg", "ab/x.jpg", "a/1.jpg", "a/b/2.jpg", "a/b.jpg", "a0.jpg", "b/a/3.jpg", "A/4.jpg"]
    add(store, *names)
    for under in ("a", "a/", "./a"):
        assert sorted(found(store, "query", 10, where=Filter(under))) == ["a/1.jpg", "a/b.jpg", "a/b/2.jpg"]
        assert len(found(store, "query", 2, where=Filter(under))) == 2
        assert store.count(Filter(under)) == 3
    assert found(store, "query", where=Filter("a/b")) == ["a/b/2.jpg"]
    assert found(store, "query", where=Filter("nowhere")) == []
    assert len(found(store, "query", where=Filter(""))) == len(names)
    add(store, "a/b/5.jpg")
    assert len(found(store, "query", where=Filter("a/b"))) == 2


@pytest.mark.parametrize("under", ["/a", "../a", "a/../b"])
def test_a_folder_outside_the_gallery_raises_query_error(under: str):
    """The folder to search is relative to the root and stays inside it."""
    with pytest.raises(QueryError):
        Filter(under)


def found_by(store: Store, condition: str) -> list[str]:
    """The paths of the entries for which a condition holds, by a search and by a count."""
    where = Filter(condition=condition)
    found = sorted(match.entry.path for match in store.search(vector_of(digest_of("query")), 1000, where))
    assert store.count(where) == len(found)
    return found


VALUES = {
    "a.jpg": {"km": "31.5", "label": "joint", "day": "2023-05-31", "note": "ÄRMEL, x"},
    "b.jpg": {"km": "7", "label": "Joint ok", "day": "31.05.2024", "note": "2023"},
    "c.jpg": {"km": "n/a", "label": "sleeper", "day": "2023:06:01 10:00:00", "note": "5MB"},
    "d/e.jpg": {"km": "32", "label": "", "day": "2023-06", "note": "5000000"},
}
FOUND = {
    "km>=31.5": "a.jpg d/e.jpg",
    "km<32": "a.jpg b.jpg",
    "KM=7.0": "b.jpg",
    "km!=7": "a.jpg c.jpg d/e.jpg f.jpg",
    "not km>=31.5": "b.jpg c.jpg f.jpg",
    "km='N/A'": "c.jpg",
    'km=""': "f.jpg",
    'label=""': "d/e.jpg f.jpg",
    'label!=""': "a.jpg b.jpg c.jpg",
    "label=JOINT": "a.jpg",
    "label~joint": "a.jpg b.jpg",
    "label !~ joint": "c.jpg d/e.jpg f.jpg",
    "label in (joint, sleeper)": "a.jpg c.jpg",
    "label>=k": "c.jpg",
    "day>=2023-06": "b.jpg c.jpg d/e.jpg",
    "day>2023-06": "b.jpg",
    "day<=2023-05": "a.jpg",
    "day=2023-06": "c.jpg d/e.jpg",
    "day=2023": "a.jpg c.jpg d/e.jpg",
    "day<2024": "a.jpg c.jpg d/e.jpg",
    "day=31.05.2023": "a.jpg",
    "day>'2023-06-01 09:00'": "b.jpg c.jpg",
    "note~ärmel": "a.jpg",
    "note=5MB": "c.jpg d/e.jpg",
    "km>=10 and label=joint or path=C.JPG": "a.jpg c.jpg",
    "km>=10 and (label=joint or path=c.jpg)": "a.jpg",
    "path~/": "d/e.jpg",
    "size=1": "a.jpg b.jpg c.jpg d/e.jpg f.jpg",
    "size>1kB": "",
    "width>=100": "a.jpg",
    "width=40 and height=30": "b.jpg",
    'width=""': "c.jpg d/e.jpg f.jpg",
    "camera~canon": "a.jpg",
    "camera!=x": "a.jpg b.jpg c.jpg d/e.jpg f.jpg",
    "date>=2020-02 and date<2020-03": "a.jpg",
    'date=""': "b.jpg c.jpg d/e.jpg f.jpg",
}
"""The entries that are found by each condition; f.jpg has no values, and only two have properties."""


@pytest.fixture
def annotated(store: Store) -> Store:
    """Five entries, four of them with values, two with properties."""
    properties = {
        "a.jpg": Properties(200, 100, "2020-02-29 23:59:59", "Canon EOS R5"),
        "b.jpg": Properties(40, 30),
    }
    paths = [*VALUES, "f.jpg"]
    store.commit(Changes(upserts=[replace(upsert(path), properties=properties.get(path)) for path in paths]))
    store.annotate(VALUES)
    return store


@pytest.mark.parametrize("condition", FOUND)
def test_a_condition_limits_a_search(condition: str, annotated: Store):
    """Numbers, dates and texts are compared as such; without case; missing values are empty."""
    assert found_by(annotated, condition) == FOUND[condition].split()


def test_a_condition_costs_no_results(annotated: Store):
    """There are k results whenever so many images fulfil the condition, whichever k; a folder can be added."""
    query = vector_of(digest_of("query"))
    everything = [match.entry.path for match in annotated.search(query, 10)]
    for k in range(1, 4):
        found = annotated.search(query, k, Filter(condition="label in (joint, sleeper, 'joint ok')"))
        assert [match.entry.path for match in found] == [one for one in everything if one in "a.jpg b.jpg c.jpg"][:k]
    assert annotated.count(Filter("d", "km>30")) == 1
    assert annotated.count(Filter("d", "km<30")) == 0


@pytest.mark.parametrize("where", [Filter(), Filter("a"), Filter(None, "km>=1"), Filter("a", "km>=1")], ids=str)
def test_entries_are_listed_and_counted_by_what_they_have(where: Filter, annotated: Store):
    """In order and in parts; facets count the same entries, each by its folder and its values."""
    listed = annotated.list_entries(where)
    paths = [entry.path for entry in listed]
    assert paths == [entry.path for entry in annotated.iter_entries() if entry in listed]
    assert len(listed) == annotated.count(where)
    assert [
        entry for after in range(0, 9, 2) for entry in annotated.list_entries(where, after=after, limit=2)
    ] == listed
    assert set(annotated.list_entries(where, "date")) == set(listed)
    facets = annotated.facets(where)
    assert facets.count == len(listed)
    assert facets.folders == Counter(path.rpartition("/")[0] for path in paths)
    values = annotated.values_of([entry.id for entry in listed])
    for facet in facets.columns:
        counts = Counter(fields[facet.name] for fields in values.values() if facet.name in fields)
        assert sum(counts.values()) == sum(count for _, count in facet.values)
        assert facet.distinct == len(facet.values)


def test_a_large_condition(annotated: Store):
    """Conditions as long and as deep as they can be are answered."""
    assert found_by(annotated, " or ".join(f"km={number}" for number in range(200))) == ["b.jpg", "d/e.jpg"]
    deep = "km=7"
    for _ in range(5):
        deep = f"not (label=x and (path=q or {deep}))"
    assert found_by(annotated, deep) == sorted([*VALUES, "f.jpg"])


def test_unknown_columns_raise_query_error(annotated: Store, place: Place):
    """The message names the column, all that there are, and the place in the condition."""
    for call in (annotated.count, lambda where: annotated.search(vector_of(digest_of("a.jpg")), 1, where)):
        with pytest.raises(QueryError) as caught:
            call(Filter(condition="km=1 and kn=2"))
        text = str(caught.value)
        assert text.startswith(
            "kn: no such column. This gallery has km, label, day, note; every image has date, camera,"
        )
        assert text.endswith("\n  km=1 and kn=2\n           ^")
    annotated.annotate({}, ["km", "label", "day", "note"])
    with pytest.raises(QueryError, match="Every image has date, camera, width, height, size, path"):
        annotated.count(Filter(condition="km=1"))
    annotated.close()
    with closing(place.open()) as reader:
        assert reader.columns() == []


def test_values_are_kept_and_follow_images(annotated: Store, place: Place):
    """Values are read with the properties, which they may replace, survive new contents, and move with an entry."""
    ids = {entry.path: entry.id for entry in annotated.iter_entries()}
    first = annotated.values_of(list(ids.values()))[ids["a.jpg"]]
    shot = {"date": "2020-02-29 23:59:59", "camera": "Canon EOS R5", "width": "200", "height": "100"}
    assert list(first.items()) == [*VALUES["a.jpg"].items(), *shot.items()]
    annotated.annotate({"b.jpg": {"Width": "wide", "km": ""}, "later.jpg": {"km": "99"}})
    assert annotated.columns() == ["km", "label", "day", "note", "Width"]
    second = annotated.values_of([ids["b.jpg"]])[ids["b.jpg"]]
    assert second == {"label": "Joint ok", "day": "31.05.2024", "note": "2023", "Width": "wide", "height": "30"}
    assert found_by(annotated, "width=wide") == ["b.jpg"]
    annotated.commit(Changes(upserts=[upsert("a.jpg", "other"), upsert("later.jpg")]))
    annotated.commit(Changes(upserts=[upsert("moved/c.jpg", "c.jpg", moved_id=ids["c.jpg"])]))
    annotated.commit(Changes(removed=["d/e.jpg"]))
    assert found_by(annotated, "km=31.5 or km=99 or label=sleeper") == ["a.jpg", "later.jpg", "moved/c.jpg"]
    annotated.commit(Changes(upserts=[upsert("d/e.jpg")]))
    annotated.close()
    with closing(place.open()) as reader:
        assert found_by(reader, "km=32") == ["d/e.jpg"]
        assert reader.values_of([ids["c.jpg"]])[ids["c.jpg"]]["label"] == "sleeper"
        assert reader.count_without_properties() == 5
        with pytest.raises(GalleryError, match="read-only"):
            reader.annotate({"a.jpg": {"km": "1"}})


def test_the_revision_changes_with_every_commit(place: Place, store: Store):
    """A reader notices commits of another, and nothing else changes the revision."""
    reader = place.open()
    before, own = reader.revision(), store.revision()
    check_store(reader)
    assert (reader.revision(), store.revision()) == (before, own)
    add(store, "a.jpg")
    after = reader.revision()
    assert after != before
    assert store.revision() != own
    assert check_store(reader) == ["a.jpg"]
    assert reader.revision() == after
    reader.close()


def test_a_snapshot_does_not_see_later_commits(place: Place, store: Store):
    """All reads in one snapshot see the same commit, whatever a writer commits meanwhile."""
    add(store, "a.jpg")
    reader = place.open()
    with reader.snapshot():
        assert check_store(reader) == ["a.jpg"]
        store.commit(Changes(upserts=[upsert("b.jpg")], removed=["a.jpg"]))
        assert check_store(reader) == ["a.jpg"]
        assert reader.count() == 1
    assert check_store(reader) == ["b.jpg"]
    reader.close()


def test_readers_follow_any_series_of_commits(place: Place, store: Store):
    """A reader that stays open finds what one opened now finds: added, changed, moved and removed entries."""
    rng = np.random.default_rng(1)
    reader, contents = place.open(), {}
    for step in range(60):
        removed, moved, *upserted = (f"{number}.jpg" for number in rng.choice(30, 4, replace=False))
        changes = Changes(removed=[removed] if removed in contents else [])
        if moved in contents:
            (entry,) = store.entries_by_path([moved]).values()
            target = f"moved {step}.jpg" if step % 2 else upserted.pop()
            changes.upserts.append(upsert(target, contents[moved], known=True, moved_id=entry.id))
            contents[target] = contents.pop(moved)
        for path in upserted:
            contents[path] = str(rng.integers(40))
            changes.upserts.append(upsert(path, contents[path]))
        store.commit(changes)
        contents.pop(removed, None)
        if step % 10 == 0:
            store.delete_unused(store.unused())
        query = str(rng.integers(40))
        expected = brute_force(contents, query, 6)
        assert found(store, query, 6) == expected
        if step % 3:
            assert found(reader, query, 6) == expected
        if step % 20 == 0:
            assert check_store(reader) == sorted(contents)
    reader.close()


def test_many_threads_can_use_one_store(place: Place, store: Store):
    """Eight threads that read and search while a ninth commits always see complete commits."""
    generation_size = 5
    add(store, *(f"0-{number}.jpg" for number in range(generation_size)))
    reader, errors, stop = place.open(), [], threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                matches = reader.search(vector_of(digest_of("query")), 10)
                assert len({match.entry.path.partition("-")[0] for match in matches}) == 1
                assert len(matches) == generation_size
                for match in matches:
                    assert match.entry.digest == digest_of(match.entry.path)
                with reader.snapshot():
                    assert len(check_store(reader)) == reader.count() == generation_size
        except BaseException as error:  # noqa: BLE001  reported by the test
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for generation in range(1, 30):
        store.commit(
            Changes(
                upserts=[upsert(f"{generation}-{number}.jpg") for number in range(generation_size)],
                removed=[f"{generation - 1}-{number}.jpg" for number in range(generation_size)],
            )
        )
    stop.set()
    for thread in threads:
        thread.join()
    reader.close()
    assert errors == []


def test_a_reader_cannot_write(place: Place, store: Store):
    """A store opened for reading rejects every change."""
    add(store, "a.jpg")
    reader = reopen(place, store)
    assert not reader.is_writable
    for change in (
        lambda: reader.commit(Changes(removed=["a.jpg"])),
        lambda: reader.set_root(place.root),
        lambda: reader.save_calibration(Calibration((), (), np.zeros(0), 0)),
    ):
        with pytest.raises(GalleryError, match="read-only"):
            change()
    assert check_store(reader) == ["a.jpg"]
    reader.close()


def test_the_root_and_the_weights_can_be_moved(place: Place, store: Store, tmp_path: Path):
    """New paths are recorded durably."""
    store.set_root(tmp_path / "moved")
    store.set_weights_path(tmp_path / "weights")
    store = reopen(place, store)
    assert store.root == tmp_path / "moved"
    assert store.weights_path == tmp_path / "weights"
    with closing(place.open()) as reader:
        assert reader.address == store.address
    store.close()


def test_embeddings_of_another_encoder_replace_the_old_ones_at_once(place: Place, store: Store):
    """The old embeddings are searched until the new ones are activated; entries without one are skipped files."""
    add(store, "a.jpg", "b.jpg", "c.jpg")
    stamp = replace(SPEC, name="other")
    assert store.replacement() is None
    other = store.open_replacement(stamp, None)
    assert store.replacement() == "other"
    pending = dict(other.iter_pending())
    assert [pending[digest_of(name)].path for name in ("a.jpg", "b.jpg", "c.jpg")] == ["a.jpg", "b.jpg", "c.jpg"]
    turned = {digest: -vector_of(digest) for digest in (digest_of("a.jpg"), digest_of("b.jpg"))}
    other.add_vectors(new_vectors({digest_of("a.jpg"): turned[digest_of("a.jpg")]}), RULES)
    assert check_store(store) == ["a.jpg", "b.jpg", "c.jpg"]
    other = store.open_replacement(stamp, None)
    assert set(dict(other.iter_pending())) == {digest_of("b.jpg"), digest_of("c.jpg")}
    other.add_vectors(new_vectors({digest_of("b.jpg"): turned[digest_of("b.jpg")]}), RULES)
    other.activate("unreadable")
    assert store.replacement() is None
    store = reopen(place, store)
    assert store.stamp == stamp
    assert paths_of(store) == ["a.jpg", "b.jpg"]
    assert [(skipped.path, skipped.reason) for skipped in store.skips()] == [("c.jpg", "unreadable")]
    match = store.search(-vector_of(digest_of("b.jpg")), 1)[0]
    assert (match.entry.path, match.score) == ("b.jpg", 1.0)
    store.close()


def test_a_replacement_can_be_discarded(store: Store):
    """The old embeddings stay, and the new ones are gone."""
    add(store, "a.jpg")
    stamp = replace(SPEC, name="other")
    store.open_replacement(stamp, None).add_vectors(new_vectors({digest_of("a.jpg"): vector_of(digest_of("b"))}), RULES)
    store.discard_replacement()
    assert store.open_replacement(stamp, None).pending_count() == 1
    assert check_store(store) == ["a.jpg"]


def test_disk_bytes_grow(store: Store):
    """The storage in use is reported."""
    before = store.disk_bytes()
    add(store, *(f"{number}.jpg" for number in range(200)))
    assert store.disk_bytes() >= before + 200 * 4 * SPEC.dimension


@pytest.mark.parametrize("address", ["milvus://localhost/gallery", "https://example.org/x"])
def test_a_url_is_an_unsupported_address(address: str, tmp_path: Path):
    """No kind of store supports URLs."""
    for call in (lambda: open_store(address), lambda: create_store(address, tmp_path, SPEC)):
        with pytest.raises(GalleryError, match="unsupported"):
            call()


SOURCE = Path(lookalike.__file__).parent


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(SOURCE.rglob("*.py")) if SOURCE / "gallery" not in path.parents],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_only_the_gallery_knows_its_stores(path: Path):
    """No module outside the room of galleries imports stores, or names their files and tables."""
    text = path.read_text(encoding="utf-8")
    for name in ("gallery.store", "gallery.local", "LocalStore", "gallery.sqlite3", "vectors-"):
        assert name not in text, name
    if path.name != "vector_cache.py":  # has a database of its own
        assert "sqlite" not in text
