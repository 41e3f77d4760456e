"""The paired test of two encoders."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lookalike.evaluation.data.relevance import MISSING
from lookalike.evaluation.statistics.sign_flip import DRAWS, holm, sign_flip_p
from verify_statistics import Design, rejection_rate


@pytest.mark.slow
def test_the_false_positive_rate_is_5_percent():
    """In 600 comparisons of equally good encoders, about 5 % have p < 0.05."""
    share = rejection_rate(Design(30, "unequal"), 600, seed=3)["AP"]
    assert 0.025 <= share <= 0.08  # fewer than two in a thousand samples of 600 are outside, if 4 to 6 % are rejected


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_few_groups_are_enumerated(sums: list[int]):
    """The p-value is the share of all sign patterns with a total at least as far from 0; zeros make no difference."""
    seen = abs(sum(sums))
    patterns = [
        abs(sum(a * b for a, b in zip(signs, sums, strict=True))) for signs in product((-1, 1), repeat=len(sums))
    ]
    expected = np.mean([total >= seen for total in patterns])
    assert sign_flip_p(np.array(sums, float), np.arange(len(sums)), seed=0) == pytest.approx(expected)


def test_p_agrees_with_scipys_permutation_test():
    """With 14 groups p is that of scipy's test over all sign flips; with more, close to that of its draws."""
    rng = np.random.default_rng(5)
    for groups, exactly in ((14, 1e-12), (40, 0.01)):
        sums = rng.normal(0.25, 1, groups)
        theirs = stats.permutation_test(
            (sums,),
            lambda x, axis: x.sum(axis=axis),
            permutation_type="samples",
            n_resamples=20_000,
            vectorized=True,
            rng=np.random.default_rng(1),
        ).pvalue
        assert sign_flip_p(sums, np.arange(groups), seed=0) == pytest.approx(theirs, abs=exactly)


def test_the_signs_of_groups_are_flipped():
    """Queries of a group are summed first: how the difference is distributed among them does not matter."""
    rng = np.random.default_rng(6)
    values, group = rng.normal(size=60), np.repeat(np.arange(20), 3)
    sums = np.bincount(group, values)
    assert sign_flip_p(values, group, seed=1) == sign_flip_p(sums, np.arange(20), seed=1)
    assert sign_flip_p(values, group, seed=1) != sign_flip_p(values, np.arange(60), seed=1)


def test_missing_groups_and_missing_metrics():
    """A query without a group is a group of its own; one without a metric is ignored."""
    rng = np.random.default_rng(7)
    values = rng.normal(0.5, 1, 12)
    p = sign_flip_p(values, np.arange(12), seed=0)
    assert sign_flip_p(values, np.full(12, MISSING), seed=0) == p
    assert sign_flip_p(np.append(values, np.nan), np.append(np.arange(12), 3), seed=0) == p


def test_equal_encoders_have_p_1():
    """Without differences, and without queries, p is 1."""
    assert sign_flip_p(np.zeros(50), np.arange(50), seed=0) == 1
    assert sign_flip_p(np.array([]), np.array([], int), seed=0) == 1
    assert sign_flip_p(np.array([0.1, 0.2, -0.3]), np.zeros(3, int), seed=0) == 1


def test_a_better_encoder_is_significant():
    """If one encoder is better in all of 100 groups, p is the smallest possible value, in both directions."""
    values = np.linspace(0.1, 0.2, 100)
    p = sign_flip_p(values, np.arange(100), seed=0)
    assert p == 1 / (DRAWS + 1)
    assert sign_flip_p(-values, np.arange(100), seed=0) == p


def test_draws_are_seeded():
    """The same seed gives the same p, and other seeds give others."""
    values = np.random.default_rng(0).normal(0.2, 1, 30)
    first = sign_flip_p(values, np.arange(30), seed=0)
    assert sign_flip_p(values, np.arange(30), seed=0) == first
    assert sign_flip_p(values, np.arange(30), seed=1) != first


def test_holm_of_a_small_example():
    """The smallest p is multiplied by their number, the next by one less, and none is below its predecessor."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order(ps: list[float]):
    """Adjusted values are not smaller, at most 1, and in the order of the originals; a single one is unchanged."""
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    assert [adjusted[place] for place in np.argsort(ps, kind="stable")] == sorted(adjusted)
    assert holm(ps[:1]) == ps[:1]
