"""Exact copies and near duplicates: every pair is found once, by kind, for any block size."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import SPEC
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.ranking.near_duplicates import NearDuplicateIndex, exact_copies, find_near_duplicates


def synthetic(vectors: NDArray[np.float32], rows: list[Row], contents: list[str] | None = None) -> EmbeddedDataset:
    """A dataset of the given vectors; contents are all different unless ``contents`` is given."""
    dataset = Dataset("synthetic", Path("/synthetic"), tuple(rows), "CSV", Path("/synthetic/labels.csv"), "synthetic")
    digests = tuple(hashlib.sha256(name.encode()).digest() for name in contents or [row.path for row in rows])
    return EmbeddedDataset(dataset, vectors, digests, tuple(rows), (), SPEC, 0.0, 0.0)


@pytest.fixture(params=[2, 7, 256])
def block_size(request: pytest.FixtureRequest) -> int:
    """Rows are compared in blocks of this size."""
    return int(request.param)


@pytest.fixture
def crowd() -> EmbeddedDataset:
    """Thirty images in five clusters, with labels and groups across clusters, and some equal contents."""
    draw = np.random.default_rng(3)
    vectors = np.repeat(draw.normal(size=(5, 8)), 6, axis=0) + 0.12 * draw.normal(size=(30, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [Row(f"{n}.png", "ab"[n % 2], [None, "s"][n % 4 // 2]) for n in range(30)]
    contents = [f"content {n if n % 4 else n // 8}" for n in range(30)]
    return synthetic(vectors.astype(np.float32), rows, contents)


def test_all_pairs_are_found_once_by_kind(crowd: EmbeddedDataset, block_size: int):
    """The pairs above the threshold are those of a pairwise comparison, by kind, closest first."""
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
    found = find_near_duplicates(crowd, 0.9, block_rows=block_size)
    assert found.counts == {kind: len(pairs) for kind, pairs in expected.items()}
    assert min(found.counts.values()) > 0
    assert found.pairs == sum(found.counts.values())
    assert found.max_cosine == pytest.approx(greatest)
    assert found.images == len({path for pairs in expected.values() for pair in pairs for path in pair[:2]})
    for kind, pairs in found.closest.items():
        scores = [pair.cosine for pair in pairs]
        assert scores == sorted(scores, reverse=True)
        assert {(pair.first.path, pair.second.path) for pair in pairs} == {pair[:2] for pair in expected[kind]}


def test_only_the_closest_pairs_are_listed(crowd: EmbeddedDataset, block_size: int):
    """At most ``keep`` pairs of each kind are listed, the closest ones."""
    every, few = (find_near_duplicates(crowd, 0.9, keep=keep) for keep in (100, 2))
    assert few.counts == every.counts
    assert few.closest == {kind: pairs[:2] for kind, pairs in every.closest.items()}


def test_exact_copies_are_not_near_duplicates(block_size: int):
    """Rows of equal content form a set and are not near duplicates of each other."""
    rows = [Row(f"{n}.png", "x") for n in range(5)]
    embedded = synthetic(np.ones((5, 1), np.float32), rows, ["a", "b", "a", "c", "b"])
    assert exact_copies(embedded) == ((rows[0], rows[2]), (rows[1], rows[4]))
    assert find_near_duplicates(embedded).pairs == 8
    assert find_near_duplicates(synthetic(np.ones((5, 1), np.float32), rows, 5 * ["a"])).max_cosine is None


def test_the_index_returns_other_rows_only(crowd: EmbeddedDataset, block_size: int):
    """The near duplicates of a row are all others above the threshold, ascending, in any order of access."""
    neighbours = NearDuplicateIndex(crowd.vectors, 0.9, block_rows=block_size)
    cosines = crowd.vectors @ crowd.vectors.T
    np.fill_diagonal(cosines, 0)
    for row in [29, 0, 15, 14, 1, 28, *range(30)]:
        assert neighbours.of(row).tolist() == np.flatnonzero(cosines[row] > 0.9).tolist()
