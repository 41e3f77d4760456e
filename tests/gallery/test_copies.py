"""Copies of images in a gallery: folded under hits, and grouped as duplicates. Both are compared with brute force."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drawing import drawn
from fakes import SPEC, FakeEncoder
from galleries import index
from lookalike import Gallery, Query
from lookalike.errors import QueryError
from lookalike.gallery.contents.duplicates import find_duplicates
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes, EntryChange, Match
from lookalike.gallery.searching.folding import Folder
from lookalike.images.files import FileStat
from lookalike.search.query import Filter
from stores import digest_of

COPY = 0.97


def unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    """``vector`` with length 1."""
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def clusters(seed: int, sizes: list[int]) -> list[NDArray[np.float32]]:
    """Vectors in clusters of these sizes; some members are copies of each other, some are not quite."""
    random = np.random.default_rng(seed)
    vectors = []
    for size in sizes:
        centre = random.normal(size=SPEC.dimension)
        vectors += [unit(centre + random.uniform(0, 0.35) * random.normal(size=SPEC.dimension)) for _ in range(size)]
    return vectors


@contextmanager
def store_of(folder: Path, vectors: list[NDArray[np.float32]]) -> Iterator[LocalStore]:
    """A store with an image for each vector; every fifth has the bytes of the one before."""
    shutil.rmtree(folder, ignore_errors=True)
    changes = []
    for number, vector in enumerate(vectors):
        content = number - 1 if number % 5 == 4 else number
        stat = FileStat(1000 + 7 * number % 13, 2, 3)
        known = content != number
        changes.append(EntryChange(f"{number:03}.png", stat, digest_of(str(content)), None if known else vector))
    with closing(LocalStore.create(folder / ".lookalike", folder, SPEC)) as store:
        store.commit(Changes(upserts=changes))
        yield store


def cosine(store: LocalStore, first: Match, second: Match) -> float:
    """The cosine of two images, in float64."""
    vectors = store.vectors_of([first.entry.digest, second.entry.digest])
    return float(vectors[first.entry.digest].astype(float) @ vectors[second.entry.digest].astype(float))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12), k=st.integers(1, 8))
def test_hits_are_no_copies_of_each_other(tmp_path_factory, seed: int, sizes: list[int], k: int):
    """They are those that going through all images in order gives, and have all copies that no better hit has."""
    vectors = clusters(seed, sizes)
    query = unit(np.random.default_rng(seed + 1).normal(size=SPEC.dimension))
    with store_of(tmp_path_factory.getbasetemp() / "folding", vectors) as store:
        ranked = store.search(query, len(vectors))
        leaders: list[Match] = []
        for match in ranked:
            if all(cosine(store, match, leader) < COPY for leader in leaders):
                leaders.append(match)
        leaders = leaders[:k]
        folded = Folder(store, query, Filter(), (), COPY).fold(k, list)
        assert [one.match for one in folded] == leaders
        taken = {leader.entry.id for leader in leaders}
        for one in folded:
            expected = {m.entry.id for m in ranked if cosine(store, m, one.match) >= COPY} - taken
            assert {copy.entry.id for copy in one.copies} == expected
            taken |= expected
            scores = {match.entry.id: match.score for match in ranked}
            assert all(copy.score == scores[copy.entry.id] for copy in one.copies)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_groups_of_duplicates(tmp_path_factory, seed: int, sizes: list[int]):
    """They are the connected components of the images that are copies of each other, with more than one image."""
    vectors = clusters(seed, sizes)
    with store_of(tmp_path_factory.getbasetemp() / "duplicates", vectors) as store:
        entries = list(store.iter_entries())
        component = {entry.id: {entry.id} for entry in entries}
        for first, second in combinations(entries, 2):
            if cosine(store, Match(first, 0), Match(second, 0)) >= COPY:
                joined = component[first.id] | component[second.id]
                component.update(dict.fromkeys(joined, joined))
        expected = {frozenset(one) for one in component.values() if len(one) > 1}
        groups = find_duplicates(store, COPY)
    assert {frozenset(int(one.image.id, 16) for one in group.images) for group in groups} == expected
    assert [group.spare for group in groups] == sorted((group.spare for group in groups), reverse=True)
    for group in groups:
        sizes = [one.image.size for one in group.images]
        assert sizes[0] == max(sizes)
        assert group.size == sum(sizes) == group.spare + sizes[0]
        first = group.images[0].image.digest
        assert all(one.is_identical == (one.image.digest == first) for one in group.images)


@pytest.fixture
def gallery(tmp_path: Path, fake: FakeEncoder) -> Iterator[Gallery]:
    """Twelve images, the first of them three times."""
    for number in range(12):
        drawn(tmp_path / "photos" / f"{number:02}.png", number)
    for name in ("copy", "another copy"):
        shutil.copy(tmp_path / "photos" / "00.png", tmp_path / "photos" / f"{name}.png")
    with index(tmp_path / "photos", fake) as opened:
        yield opened


def test_copies_take_no_places(gallery: Gallery, tmp_path: Path):
    """Ten hits are ten things, whenever there are so many; without folding, each file is a hit."""
    query = drawn(tmp_path / "query.png", 0)
    folded = gallery.search(Query.image(query).folded(), 10)
    assert [hit.rank for hit in folded.hits] == list(range(1, 11))
    first = folded.hits[0]
    assert {first.path, *(copy.path for copy in first.copies)} == {"00.png", "copy.png", "another copy.png"}
    assert {copy.rank for copy in first.copies} == {1}
    assert first.match == first.copies[0].match == "identical"
    assert all(not hit.copies for hit in folded.hits[1:])
    plain = gallery.search(query, 10)
    assert len({hit.path for hit in plain.hits}) == 10
    assert [hit.path for hit in plain.hits[3:]] == [hit.path for hit in folded.hits[1:8]]


def test_limits_hold_for_folded_hits_too(gallery: Gallery, tmp_path: Path):
    """Hits below the least score are left out, and the query's own file is neither a hit nor a copy."""
    query = Query.image(gallery.root / "00.png").folded()
    everything = gallery.search(query, 12).hits
    assert "00.png" not in {one.path for hit in everything for one in (hit, *hit.copies)}
    least = everything[4].score
    assert [hit.path for hit in gallery.search(query.at_least(least), 12).hits] == [h.path for h in everything[:5]]
    assert [hit.path for hit in gallery.search(query.at_least(min_match="copy")).hits] == [everything[0].path]


def test_duplicates_of_a_gallery(gallery: Gallery):
    """By default the threshold is that of copies; a wrong one is an error; progress is reported."""
    calls: list[tuple[int, int]] = []
    (group,) = gallery.duplicates(progress=lambda *call: calls.append(call))
    assert sorted(one.image.path for one in group.images) == ["00.png", "another copy.png", "copy.png"]
    assert all(one.is_identical for one in group.images)
    assert calls[-1] == (12, 12)
    assert sum(len(one.images) for one in gallery.duplicates(-1.0)) == 14
    with pytest.raises(QueryError):
        gallery.duplicates(1.5)
