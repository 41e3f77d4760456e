"""Order, percentiles and what is said of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.ranking import Hit, Ranking, order, percentile

FEW_VALUES = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), max_size=40)


def ranking(*percentiles: float | None) -> Ranking:
    """A ranking whose hits have these percentiles."""
    return Ranking("query.jpg", tuple(Hit(n, str(n), f"{n}.jpg", 0.5, p) for n, p in enumerate(percentiles, start=1)))


@given(FEW_VALUES)
def test_order_falls_and_keeps_ties_as_they_stand(scores: list[float]):
    """The order is that of a stable sort by falling score: ties keep the order in which they were given."""
    expected = sorted(range(len(scores)), key=lambda place: -scores[place])
    assert order(np.array(scores)).tolist() == expected


@given(st.floats(-1, 1), FEW_VALUES)
def test_a_percentile_is_the_share_of_the_sample_below(score: float, sample: list[float]):
    """It counts the scores of the sample that are less than the score to six digits, out of all of them, in percent."""
    found = percentile(score, sorted(sample))
    if not sample:
        assert found is None
    else:
        assert found == pytest.approx(100 * sum(other < round(score, 6) for other in sample) / len(sample))


def test_an_equal_score_is_not_below():
    """Scores of the sample that equal the hit's own don't count as below it."""
    assert percentile(0.5, [0.25, 0.5, 0.5, 0.75]) == 25.0


@pytest.mark.parametrize(
    ("percentiles", "announced"),
    [((4.99, 3.0), True), ((5.0, 0.0), False), ((0.0,), True), ((None,), False), ((), False), ((80.0, 1.0), False)],
)
def test_only_the_first_hit_decides_that_there_is_no_close_match(
    percentiles: tuple[float | None, ...], announced: bool
):
    """A first hit below the fifth percentile is no close match; unknown percentiles and empty rankings say nothing."""
    assert ranking(*percentiles).no_close_match is announced
