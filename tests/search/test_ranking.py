"""Rank order, percentiles, and the no-close-match rule."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.query import Query
from lookalike.search.ranking import Hit, Ranking, percentile, rank_order

FEW_VALUES = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), max_size=40)


def ranking(*percentiles: float | None) -> Ranking:
    """A ranking whose hits have these percentiles."""
    hits = (Hit(n, "gallery", str(n), f"{n}.jpg", Path(), 0.5, p) for n, p in enumerate(percentiles, start=1))
    return Ranking(Query.image("query.jpg"), tuple(hits))


@given(FEW_VALUES)
def test_rank_order_is_a_stable_descending_sort(scores: list[float]):
    """Scores are sorted in decreasing order, and ties keep their order."""
    expected = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert rank_order(np.array(scores)).tolist() == expected


@given(st.floats(-1, 1), FEW_VALUES)
def test_a_percentile_is_the_share_of_the_sample_below(score: float, sample: list[float]):
    """A percentile is the percentage of the sample below the score, rounded to six digits."""
    result = percentile(score, sorted(sample))
    if not sample:
        assert result is None
    else:
        assert result == pytest.approx(100 * sum(other < np.round(score, 6) for other in sample) / len(sample))


def test_an_equal_score_is_not_below():
    """Sample scores equal to the hit's own are not counted as below it."""
    assert percentile(0.5, [0.25, 0.5, 0.5, 0.75]) == 25.0


@pytest.mark.parametrize(
    ("percentiles", "expected"),
    [((4.99, 3.0), True), ((5.0, 0.0), False), ((0.0,), True), ((None,), False), ((), False), ((80.0, 1.0), False)],
)
def test_only_the_first_hit_decides_that_there_is_no_close_match(percentiles: tuple[float | None, ...], expected: bool):
    """A ranking has no close match only if its first hit has a percentile below 5; unknown ones do not count."""
    assert ranking(*percentiles).no_close_match is expected
