"""Search: hits, their order, percentiles, and errors."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw, drawn
from fakes import SPEC, FakeEncoder
from galleries import Result, index, ranked_paths
from lookalike import Encoder, Gallery, ImageError
from lookalike.errors import StampMismatchError
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes, EntryChange
from lookalike.gallery.searching.calibration import calibrate, is_current, recalibrate
from lookalike.images.files import SkipKind
from stores import STAT, digest_of

Cli = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small images."""
    for number in range(12):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    return tmp_path / "photos"


def test_hits_are_ranked_by_decreasing_cosine(folder: Path, fake: FakeEncoder):
    """Every gallery image is one hit; ranks count from 1, and scores are decreasing cosines."""
    query = folder / "03.png"
    with index(folder, fake) as gallery:
        ranking = gallery.search(query, k=12, include_self=True)
    assert str(ranking.query) == str(query)
    assert [hit.rank for hit in ranking.hits] == list(range(1, 13))
    assert len({hit.id for hit in ranking.hits}) == 12
    vectors = dict(zip(sorted(folder.glob("*.png")), fake.embed(sorted(folder.glob("*.png"))), strict=True))
    for hit in ranking.hits:
        assert hit.score == pytest.approx(float(vectors[query] @ vectors[folder / hit.path]), abs=1e-6)
    assert [hit.score for hit in ranking.hits] == sorted((hit.score for hit in ranking.hits), reverse=True)


@pytest.mark.parametrize("k", [1, 3, 11, 12, 1000])
def test_k_limits_the_number_of_hits(k: int, folder: Path, fake: FakeEncoder):
    """A search returns the k best hits, or all if there are fewer; a smaller k gives a prefix of a larger one."""
    with index(folder, fake) as gallery:
        all_paths = ranked_paths(gallery, folder / "00.png", 1000)
        assert ranked_paths(gallery, folder / "00.png", k) == all_paths[:k]
        assert len(all_paths) == 11


def test_k_must_be_at_least_1(folder: Path, fake: FakeEncoder):
    """A k of 0 raises ValueError."""
    with index(folder, fake) as gallery, pytest.raises(ValueError, match="k must be"):
        gallery.search(folder / "00.png", k=0)


def test_the_querys_own_entry_is_left_out_by_default(folder: Path, fake: FakeEncoder):
    """The query's own file is left out, however its path is written, or comes first with include_self."""
    with index(folder, fake) as gallery:
        for query in (folder / "05.png", folder / ".." / folder.name / "05.png"):
            assert "05.png" not in ranked_paths(gallery, query, 100)
            first = gallery.search(query, include_self=True).hits[0]
            assert (first.path, first.score) == ("05.png", 1.0)


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for a privilege to make links")
def test_a_link_to_an_image_is_that_image(folder: Path, fake: FakeEncoder):
    """A query by a link leaves out the file that it leads to."""
    (folder.parent / "link.png").symlink_to(folder / "05.png")
    with index(folder, fake) as gallery:
        assert "05.png" not in ranked_paths(gallery, folder.parent / "link.png", 100)


def test_the_querys_own_entry_is_left_out_after_the_file_changed(folder: Path, fake: FakeEncoder):
    """The file is known by its path, although the gallery has its earlier content."""
    with index(folder, fake) as gallery:
        draw(6).save(folder / "05.png", compress_level=0)
        assert "05.png" not in ranked_paths(gallery, folder / "05.png", 100)


def test_an_image_from_elsewhere_is_found_if_it_is_here(folder: Path, fake: FakeEncoder):
    """A file with the same bytes is identical and comes first, before others with the same embedding."""
    outside = Path(shutil.copy(folder / "05.png", folder.parent / "query.png"))
    draw(5).save(folder / "00 before.png", compress_level=0)
    with index(folder, fake) as gallery:
        for query in (outside, outside.read_bytes()):
            first, second, *_ = gallery.search(query).hits
            assert (first.path, first.match, first.score, first.rank) == ("05.png", "identical", 1.0, 1)
            assert (second.path, second.match, second.score) == ("00 before.png", "copy", 1.0)


def test_an_image_in_memory_has_no_own_entry(folder: Path, fake: FakeEncoder):
    """A query given as pixels also finds the entry of the same image."""
    with Image.open(folder / "05.png") as image, index(folder, fake) as gallery:
        pixels = gallery.search(np.asarray(image))
        assert pixels.hits == gallery.search(image).hits
        assert (pixels.query.terms[0].path, pixels.hits[0].path) == (None, "05.png")


def test_copies_of_the_query_are_found(folder: Path, fake: FakeEncoder):
    """Another file with the same bytes is a hit, and tells that it is identical."""
    shutil.copy(folder / "05.png", folder / "z copy.png")
    with index(folder, fake) as gallery:
        found = gallery.search(folder / "05.png").hits
        assert (found[0].path, found[0].match) == ("z copy.png", "identical")
        assert "05.png" not in [hit.path for hit in found]
        assert ranked_paths(gallery, folder / "05.png", 2, include_self=True) == ["05.png", "z copy.png"]
        other = ranked_paths(gallery, folder / "00.png", 100)
        assert other.index("z copy.png") == other.index("05.png") + 1


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
def test_ties_are_in_the_order_of_the_paths_bytes(folder: Path, fake: FakeEncoder):
    """Different files with equal pixels have equal scores and are ordered by the bytes of their paths."""
    names = [b"A.png", b"B/a.png", b"a.png", b"b-.png", b"b.png", b"b/a.png", "ä.png".encode(), b"\xff.png"]
    for level, name in enumerate(reversed(names)):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        draw(77).save(path, compress_level=level)
    with index(folder, fake) as gallery:
        hits = gallery.search(draw(77), k=8).hits
        assert {hit.score for hit in hits} == {1.0}
        assert [os.fsencode(hit.path) for hit in hits] == names
        for k in range(1, 8):
            assert [os.fsencode(hit.path) for hit in gallery.search(draw(77), k=k).hits] == names[:k]


def test_the_order_does_not_depend_on_the_order_of_indexing(folder: Path):
    """A gallery that was built in several updates ranks like one that was built at once."""
    hidden = folder.parent / "hidden"
    hidden.mkdir()
    for name in ("00.png", "04.png", "11.png"):
        (folder / name).rename(hidden / name)
    with index(folder, FakeEncoder(), folder.parent / "one") as one:
        for path in sorted(hidden.iterdir(), reverse=True):
            path.rename(folder / path.name)
            one.update()
        with index(folder, FakeEncoder(), folder.parent / "two") as two:
            for query in folder.glob("*.png"):
                assert answers(one, query) == answers(two, query)


def answers(gallery: Gallery, query: Path) -> list[tuple[str, float, float | None]]:
    """All hits of a query, without their ids."""
    return [(hit.path, hit.score, hit.percentile) for hit in gallery.search(query, 1000).hits]


def test_the_number_of_threads_does_not_change_the_output(indexed: Path, cli: Cli):
    """Processes with different numbers of threads print identical JSON."""
    arguments = ("search", "astronaut.png", "more/camera.png", "--json", "-k", "7")
    runs = [cli(*arguments, cwd=indexed, OMP_NUM_THREADS=number, OPENBLAS_NUM_THREADS=number) for number in "12"]
    assert runs[0] == runs[1]
    assert runs[0].code == 0
    assert len(json.loads(runs[0].out)["results"]) == 2


def test_percentiles_match_a_brute_force_computation(folder: Path, fake: FakeEncoder):
    """A percentile is the percentage of gallery images whose own best match scores below the hit."""
    shutil.copy(folder / "05.png", folder / "copy.png")
    paths = sorted(set(folder.glob("*.png")) - {folder / "copy.png"})
    vectors = fake.embed(paths).astype(np.float64)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    best = cosines.max(axis=1)
    with index(folder, fake) as gallery:
        for query in paths:
            for hit in gallery.search(query, k=100).hits:
                assert hit.percentile == pytest.approx(100 * np.mean(best < hit.score - 5e-7))


def test_an_unrelated_image_is_weak_among_copies(tmp_path: Path, fake: FakeEncoder):
    """In a gallery that has nothing but copies of one image, an unrelated image finds nothing like it."""
    base = np.asarray(draw(1)).astype(int)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        noise = np.random.default_rng(number).integers(-20, 21, base.shape)
        Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8)).save(tmp_path / "photos" / f"{number}.png")
    with index(tmp_path / "photos", fake) as gallery:
        assert gallery.search(draw(2)).is_weak
        assert {hit.match for hit in gallery.search(draw(1)).hits} == {"copy"}
        assert {hit.match for hit in gallery.search(tmp_path / "photos" / "3.png").hits} == {"copy"}
        assert gallery.update().unchanged == 30
        drawn(tmp_path / "photos" / "other.png", 3)
        gallery.update()
        drawn(tmp_path / "photos" / "another.png", 4)
        gallery.update()
        assert gallery.search(tmp_path / "photos" / "3.png", 40).hits[-1].match != "copy"


def test_a_gallery_of_one_image_can_be_searched(tmp_path: Path, fake: FakeEncoder):
    """A hit in a gallery of one image has no percentile, and the image itself has no hits."""
    path = drawn(tmp_path / "photos" / "only.png", 1)
    with index(tmp_path / "photos", fake) as gallery:
        (hit,) = gallery.search(draw(2)).hits
        assert (hit.path, hit.percentile, hit.match) == ("only.png", None, None)
        assert gallery.search(path).hits == ()
        assert not gallery.search(path).is_weak
        assert gallery.update().unchanged == 1


def test_a_new_gallery_is_empty(folder: Path, fake: FakeEncoder):
    """Between creation and the first update a gallery has no images."""
    with Gallery.create(folder, encoder=fake) as gallery:
        assert gallery.search(draw(1)).hits == ()
        assert gallery.status().images == 0


def test_percentiles_are_available_before_the_first_update_completes(folder: Path, fake: FakeEncoder):
    """A gallery without a stored calibration gives the same percentiles as with one."""
    with index(folder, fake) as gallery:
        expected = [hit.percentile for hit in gallery.search(draw(5), k=12).hits]
        with gallery._store._session.transaction():
            gallery._store._session.connection.execute("UPDATE stamps SET calibrated_through = NULL")
        for _ in range(2):
            assert [hit.percentile for hit in gallery.search(draw(5), k=12).hits] == expected
        gallery.update()
        assert gallery._store.calibration() is not None


def test_an_open_gallery_sees_later_commits(folder: Path, fake: FakeEncoder):
    """A reader that stays open finds images that a writer added later."""
    index(folder, fake).close()
    with Gallery.open(folder, encoder=fake) as reader, Gallery.open(folder, encoder=fake, writing=True) as writer:
        assert "new.png" not in ranked_paths(reader, folder / "00.png", 100)
        drawn(folder / "new.png", 500)
        writer.update()
        assert "new.png" in ranked_paths(reader, folder / "00.png", 100)
        (folder / "new.png").unlink()
        writer.update()
        assert "new.png" not in ranked_paths(reader, folder / "00.png", 100)


def test_a_renamed_image_keeps_its_id(folder: Path, fake: FakeEncoder):
    """A hit's id is the same after its file was renamed."""
    with index(folder, fake) as gallery:
        before = gallery.search(draw(3)).hits[0]
        (folder / before.path).rename(folder / "another name.png")
        gallery.update()
        after = gallery.search(draw(3)).hits[0]
    assert after == replace(before, path="another name.png")


def test_another_encoder_is_rejected(folder: Path, fake: FakeEncoder):
    """Opening a gallery with another encoder raises StampMismatchError, which names both."""
    index(folder, fake).close()
    with pytest.raises(StampMismatchError) as caught:
        Gallery.open(folder, encoder=FakeEncoder("others"))
    for text in ("colours (49-d", "others (49-d", str(folder), "--reencode"):
        assert text in str(caught.value)


def test_a_changed_encoder_is_rejected(folder: Path, fake: FakeEncoder, encoder: Encoder):
    """An encoder with the gallery's encoder name, but another stamp, is rejected when it is loaded."""
    index(folder, fake).close()
    with Gallery.open(folder, load=lambda *_, **__: encoder) as gallery, pytest.raises(StampMismatchError):
        gallery.search(draw(1))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: None, SkipKind.VANISHED),
        (Path.mkdir, SkipKind.FOLDER),
        (lambda path: path.write_text("text"), SkipKind.NOT_AN_IMAGE),
        (lambda path: path.write_bytes(b""), SkipKind.EMPTY),
        (os.mkfifo, SkipKind.SPECIAL),
    ],
)
def test_a_query_that_is_not_an_image_raises_image_error(
    make: Callable[[Path], object], kind: SkipKind, folder: Path, fake: FakeEncoder
):
    """The error has the path of the query and the kind of the problem."""
    query = folder.parent / "query.jpg"
    make(query)
    with index(folder, fake) as gallery, pytest.raises(ImageError) as caught:
        gallery.search(query)
    assert caught.value.kind == kind
    assert str(caught.value).startswith(str(query))


POOL = np.random.default_rng(0).normal(size=(7, SPEC.dimension))
STEPS = st.lists(
    st.tuples(st.sets(st.integers(0, 40), max_size=8), st.sets(st.integers(0, 40), max_size=6), st.booleans()),
    min_size=1,
    max_size=8,
)


def synthetic_entry(number: int) -> EntryChange:
    """An entry whose vector is near, or equal to, those of others."""
    noise = np.random.default_rng(number).normal(size=SPEC.dimension) * (number % 3) / 10
    vector = POOL[number % 7] + noise
    return EntryChange(
        f"{number}.png", STAT, digest_of(str(number)), (vector / np.linalg.norm(vector)).astype(np.float32)
    )


@given(STEPS)
@settings(max_examples=80)
def test_an_updated_calibration_equals_a_new_one(steps: list[tuple[set[int], set[int], bool]]):
    """After any series of additions and removals, the stored calibration equals one computed from scratch.

    Contents may come back before their embeddings were deleted.
    """
    with tempfile.TemporaryDirectory() as name:
        store = LocalStore.create(Path(name) / "gallery", Path(name), SPEC)
        for added, removed, forgotten in steps:
            store.commit(Changes(upserts=[synthetic_entry(number) for number in added]))
            store.commit(Changes(removed=[f"{number}.png" for number in removed]))
            if forgotten:
                store.delete_unused(store.unused())
            recalibrate(store, 12)
            kept = store.calibration()
            sample = store.sample(12)
            new = calibrate(store, sample)
            assert kept is not None
            assert kept.digests == new.digests
            assert kept.scores.tolist() == new.scores.tolist()
            assert is_current(sample, kept, store.vector_count())
            assert set(kept.best) <= {entry.digest for entry in store.iter_entries()}
        store.close()
