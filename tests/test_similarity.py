"""Similarities and the exact nearest by them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lookalike.errors import QueryError
from lookalike.search.similarity import ROUNDING, blocks, combined, cosines, nearest, similarity_matrix

SCORES = arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.one_of(st.floats(-1, 1, width=32), st.sampled_from([0.5, 0.25, -np.inf])),
)


def unit_vectors(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Random unit vectors float32 (count, dimension)."""
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_matrix_holds_the_cosine_of_every_query_with_every_picture():
    """Row q, column g of the matrix is the cosine of query q and picture g, within the rounding that is promised."""
    queries, gallery = unit_vectors(3, 96), unit_vectors(50, 96, seed=1)
    matrix = similarity_matrix(queries, gallery)
    assert matrix.shape == (3, 50)
    assert matrix.dtype == np.float32
    exact = queries.astype(np.float64) @ gallery.astype(np.float64).T
    assert np.abs(matrix - exact).max() < ROUNDING


def test_there_is_a_matrix_of_an_empty_gallery():
    """A gallery without pictures gives a matrix without columns."""
    assert similarity_matrix(unit_vectors(2, 8), np.empty((0, 8), np.float32)).shape == (2, 0)


def test_equal_vectors_have_equal_cosines_wherever_they_stand():
    """A vector's cosine doesn't depend on its place, on its neighbours, or on how many there are."""
    query, vector = unit_vectors(2, 1280, seed=3)
    gallery = unit_vectors(5000, 1280, seed=4)
    places = [0, 1, 7, 2500, 4999]
    gallery[places] = vector
    (alone,) = cosines(query, vector[np.newaxis])
    assert set(cosines(query, gallery)[places]) == {alone}


def test_cosines_stay_within_their_range():
    """The cosine of a vector with itself is 1 and with its opposite -1, never beyond."""
    vectors = unit_vectors(100, 49, seed=5)
    for vector in vectors:
        assert cosines(vector, np.stack([vector, -vector])).tolist() == [1.0, -1.0]


@given(SCORES, st.integers(1, 70))
def test_nearest_contains_every_one_of_the_k_greatest(scores: np.ndarray, k: int):
    """No place that could be among the k greatest is left out, those at minus infinity always are."""
    places = nearest(scores, k)
    assert (np.diff(places) > 0).all()
    assert (scores[places] > -np.inf).all()
    possible = scores[scores > -np.inf]
    assert len(places) >= min(k, len(possible))
    outside = np.setdiff1d(np.flatnonzero(scores > -np.inf), places)
    if len(outside):
        assert scores[outside].max() < np.sort(possible)[-k]


@given(SCORES, st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_nearest_forgives_rounding(scores: np.ndarray, k: int, seed: int):
    """The k greatest by exact scores are contained even if each given score is wrong by the promised rounding."""
    noise = np.random.default_rng(seed).uniform(-ROUNDING, ROUNDING, len(scores))
    exact = scores.astype(np.float64) + 0.99 * noise
    best = np.argsort(-exact, kind="stable")[:k]
    best = best[exact[best] > -np.inf]
    assert np.isin(best, nearest(scores, k)).all()


@given(st.integers(0, 10_000), st.integers(0, 100 << 20))
def test_blocks_cover_everything_once(length: int, row_bytes: int):
    """The slices follow one another from the first row to the last, whatever a row's size."""
    covered = [place for part in blocks(length, row_bytes or 1 << 20) for place in range(part.start, part.stop)]
    assert covered == list(range(length))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e200, 1e308])
def test_only_the_proportions_of_weights_count(scale: float):
    """Terms weighed a thousand times as much, each of them, make the same query."""
    one, other = np.eye(4, dtype=np.float32)[:2]
    found = combined([(one, scale), (other, -0.5 * scale)])
    assert found == pytest.approx(np.array([1, -0.5, 0, 0]) / np.hypot(1, 0.5))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 0.0])
def test_weights_are_numbers(weight: float):
    """A weight that is none, endless or nothing at all is refused before it spoils every score."""
    one, other = np.eye(4, dtype=np.float32)[:2]
    with pytest.raises(QueryError, match="numbers"):
        combined([(one, weight), (other, weight)])
