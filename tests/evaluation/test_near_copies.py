"""Exact and near copies: every pair is found once, told apart by labels and groups, however the work is cut."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import SPEC
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.ranking import near_copies
from lookalike.evaluation.ranking.near_copies import Neighbours, exact_copies, near_pairs


def made(vectors: NDArray[np.float32], rows: list[Row], contents: list[str] | None = None) -> EmbeddedDataset:
    """A dataset of made-up vectors; every row is of its own content unless ``contents`` says otherwise."""
    dataset = Dataset("made", Path("/made"), tuple(rows), "CSV", Path("/made/labels.csv"), "made up")
    digests = tuple(hashlib.sha256(name.encode()).digest() for name in contents or [row.path for row in rows])
    return EmbeddedDataset(dataset, vectors, digests, tuple(rows), (), SPEC, 0.0, 0.0)


@pytest.fixture(params=[2, 7, 256])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Work is cut into blocks of this many rows."""
    monkeypatch.setattr(near_copies, "_BLOCK", request.param)
    return int(request.param)


@pytest.fixture
def crowd() -> EmbeddedDataset:
    """Thirty pictures in five clusters; labels and groups go across them, and some contents stand several times."""
    draw = np.random.default_rng(3)
    vectors = np.repeat(draw.normal(size=(5, 8)), 6, axis=0) + 0.12 * draw.normal(size=(30, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [Row(f"{n}.png", "ab"[n % 2], [None, "s"][n % 4 // 2]) for n in range(30)]
    contents = [f"content {n if n % 4 else n // 8}" for n in range(30)]
    return made(vectors.astype(np.float32), rows, contents)


def test_all_pairs_are_found_once_and_told_apart(crowd: EmbeddedDataset, cut: int):
    """The pairs above the threshold are those that comparing one with one finds, by kind, closest first."""
    expected: dict[str, list[tuple[str, str, float]]] = {"labels": [], "groups": [], "group": []}
    greatest = -1.0
    for i, one in enumerate(crowd.rows):
        for j in range(i + 1, len(crowd.rows)):
            other = crowd.rows[j]
            value = float(crowd.vectors[i] @ crowd.vectors[j])
            if crowd.digests[i] == crowd.digests[j]:
                continue
            greatest = max(greatest, value)
            same_group = one.group is not None and one.group == other.group
            kind = "labels" if one.label != other.label else "group" if same_group else "groups"
            if value > 0.9:
                expected[kind].append((one.path, other.path, value))
    found = near_pairs(crowd, 0.9)
    assert found.counts == {kind: len(pairs) for kind, pairs in expected.items()}
    assert min(found.counts.values()) > 0
    assert found.pairs == sum(found.counts.values())
    assert found.greatest == pytest.approx(greatest)
    assert found.pictures == len({path for pairs in expected.values() for pair in pairs for path in pair[:2]})
    for kind, pairs in found.closest.items():
        scores = [pair.cosine for pair in pairs]
        assert scores == sorted(scores, reverse=True)
        assert {(pair.first.path, pair.second.path) for pair in pairs} == {pair[:2] for pair in expected[kind]}


def test_only_the_closest_are_kept(crowd: EmbeddedDataset, cut: int):
    """However many pairs there are, as many as asked for are kept: the closest ones."""
    every, few = near_pairs(crowd, 0.9), near_pairs(crowd, 0.9, keep=2)
    assert few.counts == every.counts
    assert few.closest == {kind: pairs[:2] for kind, pairs in every.closest.items()}


def test_exact_copies_are_sets_and_no_near_copies(cut: int):
    """Rows of one content make a set; to one another they are no near copies."""
    rows = [Row(f"{n}.png", "x") for n in range(5)]
    embedded = made(np.ones((5, 1), np.float32), rows, ["a", "b", "a", "c", "b"])
    assert exact_copies(embedded) == ((rows[0], rows[2]), (rows[1], rows[4]))
    assert near_pairs(embedded).pairs == 8
    assert near_pairs(made(np.ones((5, 1), np.float32), rows, 5 * ["a"])).greatest is None


def test_neighbours_are_near_and_never_oneself(crowd: EmbeddedDataset, cut: int):
    """A row's neighbours are all others above the threshold, in rising order, whichever is asked for first."""
    neighbours = Neighbours(crowd.vectors, 0.9)
    cosines = crowd.vectors @ crowd.vectors.T
    np.fill_diagonal(cosines, 0)
    for row in [29, 0, 15, 14, 1, 28, *range(30)]:
        assert neighbours.of(row).tolist() == np.flatnonzero(cosines[row] > 0.9).tolist()
