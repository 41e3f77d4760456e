"""Tests of differences between encoders, and the correction for many tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.statistics.test_intervals import influence_of, sampling_of
from lookalike.evaluation.statistics.differences import difference, holm


def test_independent_queries_give_the_paired_t_test():
    """If the gallery makes no difference and queries contribute alike, p and interval are those of the t test."""
    differences = np.random.default_rng(0).choice([-1.0, 1.4], 60)
    found = difference(differences.mean(), influence_of(differences), sampling_of([0] * 60))
    theirs = stats.ttest_1samp(differences, 0)
    assert found.p == found.adjusted == pytest.approx(theirs.pvalue, rel=0.02)
    ends = theirs.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high), abs=0.01)


def test_equal_encoders_do_not_differ():
    """Without a difference in any query, p is 1 and there is no interval."""
    found = difference(0.0, np.zeros((40, 3), np.float32), sampling_of([0] * 40))
    assert (found.value, found.interval, found.p) == (0, None, 1)


def test_few_groups_are_not_tested():
    """With fewer than ten groups there is neither an interval nor a test."""
    found = difference(0.5, influence_of(np.arange(9) / 9), sampling_of([0] * 9))
    assert (found.value, found.interval, found.p, found.adjusted) == (0.5, None, None, None)


def test_the_opposite_difference_has_the_same_p():
    """Exchanging the encoders changes signs only."""
    values = np.random.default_rng(2).normal(0.1, 1, 50)
    one = difference(values.mean(), influence_of(values), sampling_of([0] * 50))
    other = difference(-values.mean(), influence_of(-values), sampling_of([0] * 50))
    assert one.p == pytest.approx(other.p)
    assert (one.interval.low, one.interval.high) == pytest.approx((-other.interval.high, -other.interval.low))


def test_holm_of_a_small_example():
    """The smallest p is multiplied by their number, the next by one less, and none is below its predecessor."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([0.01, None, 0.03]) == [0.02, None, 0.03]
    assert holm([]) == []


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order(ps: list[float]):
    """Adjusted values are not smaller, at most 1, and in the order of the originals; a single one is unchanged."""
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    assert [adjusted[place] for place in np.argsort(ps, kind="stable")] == sorted(adjusted)
    assert holm(ps[:1]) == ps[:1]
