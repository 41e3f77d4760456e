"""Cosine similarity and exact nearest neighbours."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lookalike.errors import QueryError
from lookalike.search.similarity import (
    ROUNDING,
    SharedScan,
    blocks,
    combine,
    cosines,
    similarity_matrix,
    top_candidates,
)

SCORES = arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.5, 0.25, -np.inf])),
)


def unit_vectors(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Random unit vectors float32 (count, dimension)."""
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_matrix_holds_the_cosine_of_every_query_with_every_image():
    """Element (q, g) is the cosine of query q and image g, to within ROUNDING."""
    queries, gallery = unit_vectors(3, 96), unit_vectors(50, 96, seed=1)
    matrix = similarity_matrix(queries, gallery)
    assert matrix.shape == (3, 50)
    assert matrix.dtype == np.float32
    exact = queries.astype(np.float64) @ gallery.astype(np.float64).T
    assert np.abs(matrix - exact).max() < ROUNDING


def test_an_empty_gallery_gives_a_matrix_without_columns():
    """A gallery without images gives a matrix of shape (queries, 0)."""
    assert similarity_matrix(unit_vectors(2, 8), np.empty((0, 8), np.float32)).shape == (2, 0)


def test_equal_vectors_have_equal_cosines_at_any_position():
    """A vector's cosine doesn't depend on its position or on the other vectors."""
    query, vector = unit_vectors(2, 1280, seed=3)
    gallery = unit_vectors(5000, 1280, seed=4)
    positions = [0, 1, 7, 2500, 4999]
    gallery[positions] = vector
    (alone,) = cosines(query, vector[np.newaxis])
    assert set(cosines(query, gallery)[positions]) == {alone}


def test_cosines_stay_within_their_range():
    """The cosine of a vector with itself is exactly 1, and with its opposite exactly -1."""
    vectors = unit_vectors(100, 49, seed=5)
    for vector in vectors:
        assert cosines(vector, np.stack([vector, -vector])).tolist() == [1.0, -1.0]


def test_threads_share_a_scan():
    """Queries that come during a scan are answered together by the next, each with its own scores."""
    queries, gallery = unit_vectors(40, 32), unit_vectors(3000, 32, seed=1)
    scan, expected, results = SharedScan(gallery), similarity_matrix(queries, gallery), {}

    def run(first: int) -> None:
        for number in range(first, 40, 8):
            results[number] = scan.scores(queries[number : number + 1])

    threads = [threading.Thread(target=run, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.abs(np.concatenate([results[number] for number in range(40)]) - expected).max() < ROUNDING


def test_a_failed_scan_fails_for_one_thread_only():
    """After an error, such as too little memory, the other threads' queries are still answered."""
    gallery, queries = unit_vectors(300, 8, seed=1), unit_vectors(30, 8)
    scan, results = SharedScan(gallery), {}

    def run(first: int) -> None:
        for number in range(first, 30, 6):
            try:
                results[number] = scan.scores(queries[number : number + 1, : 7 if number % 5 == 0 else 8])
            except ValueError:
                results[number] = None

    threads = [threading.Thread(target=run, args=(first,)) for first in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(30))
    assert all(results[number] is None for number in range(0, 30, 5))
    with pytest.raises(ValueError, match="matmul"):
        scan.scores(queries[:1, :7])
    assert scan.scores(queries).shape == (30, 300)
    assert not scan._waiting


@given(SCORES, st.integers(1, 70))
def test_top_candidates_include_the_k_greatest_scores(scores: np.ndarray, k: int):
    """Every score that could be among the k greatest is included; scores of -inf never are."""
    indices = top_candidates(scores, k)
    assert (np.diff(indices) > 0).all()
    assert (scores[indices] > -np.inf).all()
    possible = scores[scores > -np.inf]
    assert len(indices) >= min(k, len(possible))
    outside = np.setdiff1d(np.flatnonzero(scores > -np.inf), indices)
    if len(outside):
        assert scores[outside].max() < np.sort(possible)[-k]


@given(SCORES, st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_top_candidates_allow_for_rounding(scores: np.ndarray, k: int, seed: int):
    """The k greatest exact scores are included even if each given score is off by up to ROUNDING."""
    noise = np.random.default_rng(seed).uniform(-ROUNDING, ROUNDING, len(scores))
    exact = scores.astype(np.float64) + 0.99 * noise
    best = np.argsort(-exact, kind="stable")[:k]
    best = best[exact[best] > -np.inf]
    assert np.isin(best, top_candidates(scores, k)).all()


@given(st.integers(0, 10_000), st.integers(0, 100 << 20))
def test_blocks_cover_everything_once(length: int, row_bytes: int):
    """The slices cover the range from start to end, in order and without overlap, for any row size."""
    covered = [row for part in blocks(length, row_bytes or 1 << 20) for row in range(part.start, part.stop)]
    assert covered == list(range(length))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e200, 1e308])
def test_only_the_proportions_of_weights_count(scale: float):
    """Scaling all weights by the same factor does not change the query."""
    one, other = np.eye(4, dtype=np.float32)[:2]
    combined = combine([(one, scale), (other, -0.5 * scale)])
    assert combined == pytest.approx(np.array([1, -0.5, 0, 0]) / np.hypot(1, 0.5))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 0.0])
def test_invalid_weights_raise_query_error(weight: float):
    """NaN, infinite, and all-zero weights raise QueryError."""
    one, other = np.eye(4, dtype=np.float32)[:2]
    with pytest.raises(QueryError):
        combine([(one, weight), (other, weight)])
