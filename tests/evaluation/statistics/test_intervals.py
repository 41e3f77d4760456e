"""Confidence intervals: what is resampled, and how often they cover the true value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lookalike.evaluation.data.relevance import MISSING
from lookalike.evaluation.statistics.bootstrap import (
    GroupSums,
    _draw_weights,
    confidence_limits,
    group_sums,
    student_quantile,
)
from lookalike.evaluation.statistics.intervals import Interval, intervals, macro_means, micro_means
from verify_statistics import Design, coverage


def sample(groups: int, each: int = 4, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random metrics, groups and labels of ``groups * each`` queries, with interval_of class per group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), each)
    return rng.beta(4, 2, len(group)), group, group % classes


def interval_of(values: np.ndarray, group: np.ndarray, label: np.ndarray, **options: bool | int) -> Interval | None:
    """The interval of a single metric."""
    return intervals({"x": values}, group, label, **{"seed": 0, **options})["x"]


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_intervals_cover_the_truth(sizes: str):
    """In 200 datasets of 30 groups the interval covers the true value about 190 times."""
    for name, share in coverage(Design(30, sizes), 200, seed=9).items():
        # Fewer than one in a thousand samples of 200 is outside of this, if the coverage is from 93 to 97 %.
        assert 0.87 <= share <= 0.995, name


def test_intervals_depend_on_the_number_of_groups():
    """Below 10 groups there is none, from 10 to 29 it is approximate, from 30 it is not."""
    assert interval_of(*sample(9)) is None
    for groups, approximate in ((10, True), (29, True), (30, False)):
        found = interval_of(*sample(groups))
        assert (found.groups, found.approximate) == (groups, approximate)
        assert 0 < found.low < sample(groups)[0].mean() < found.high < 1


def test_queries_without_a_group_are_groups_of_their_own():
    """A query without a group counts as one group: the interval is that of groups numbered one by one."""
    values, _, label = sample(40, each=1)
    assert interval_of(values, np.full(40, MISSING), label) == interval_of(values, np.arange(40), label)
    mixed = np.array([MISSING, 7] * 20)
    assert interval_of(values, mixed, label).groups == 21


def test_queries_without_a_metric_are_ignored():
    """Queries with nan, and groups of such queries only, are ignored for that metric but not for others."""
    values, group, label = sample(35)
    holes = values.copy()
    holes[group < 10] = np.nan
    found = intervals({"x": values, "y": holes, "z": values * np.nan}, group, label, seed=1)
    assert found["x"].groups == 35
    assert found["y"] == interval_of(values[group >= 10], group[group >= 10], label[group >= 10], seed=1)
    assert found["z"] is None


def test_the_same_seed_gives_the_same_interval():
    """Intervals are equal for equal seeds, whatever other metrics are requested, and differ between seeds."""
    values, group, label = sample(50)
    first, beside = (
        interval_of(values, group, label),
        intervals({"y": values**2, "x": values}, group, label, seed=0)["x"],
    )
    assert interval_of(values, group, label) == first
    assert (beside.low, beside.high) == pytest.approx((first.low, first.high), abs=1e-12)
    assert interval_of(values, group, label, seed=1) != first


def test_images_of_one_scene_are_not_independent():
    """If the queries of a scene agree, the interval is wider than that of independent queries."""
    rng = np.random.default_rng(3)
    scenes = rng.random(60) < 0.7
    values, group, label = np.repeat(scenes, 4).astype(float), np.repeat(np.arange(60), 4), np.zeros(240, int)
    clustered, naive = interval_of(values, group, label), interval_of(values, np.arange(240), label)
    assert clustered.high - clustered.low > 1.7 * (naive.high - naive.low)


def test_single_query_groups_give_the_t_interval():
    """For a symmetric metric, groups of one query and one class, the limits are close to Student's t."""
    rng = np.random.default_rng(0)
    values = np.clip(0.5 + 0.1 * rng.normal(size=200), 0, 1)
    found = interval_of(values, np.arange(200), np.zeros(200, int), draws=20_000)
    theirs = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(theirs, abs=0.002)


def test_macro_and_micro_have_intervals_of_their_own():
    """With classes of unequal size each interval contains its own mean; with one class they are equal."""
    values, group, _ = sample(60)
    label = (group >= 50).astype(int)
    values[label == 1] /= 10
    micro, macro = interval_of(values, group, label), interval_of(values, group, label, macro=True)
    assert micro.low < values.mean() < micro.high
    assert macro.low < (values[label == 0].mean() + values[label == 1].mean()) / 2 < macro.high
    assert macro.high < micro.low
    assert interval_of(values, group, group * 0) == interval_of(values, group, group * 0, macro=True)


@pytest.mark.parametrize(("value", "ends"), [(1.0, (0.025 ** (1 / 40), 1)), (0.0, (0, 1 - 0.025 ** (1 / 40)))])
def test_perfect_and_zero_metrics_have_intervals(value: float, ends: tuple[float, float]):
    """40 groups without a failure are consistent with a few failures in a hundred; likewise without a hit."""
    _, group, label = sample(40)
    found = interval_of(np.full(160, value), group, label)
    assert (found.low, found.high) == pytest.approx(ends)


def test_groups_are_summed_by_class():
    """A group's queries are summed by class, and its stratum is the class of most of them."""
    values = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    found = group_sums(values, np.array([5, 5, 5, 9, 9]), np.array([3, 3, 7, 7, 7]))
    assert found.strata.tolist() == [0, 0]  # each is the only group of its class: they share a stratum
    (first, of_three), (second, of_seven) = found.parts
    assert (first.tolist(), of_three.tolist()) == ([0], [[3, 2]])
    assert (second.tolist(), of_seven.tolist()) == ([0, 1], [[4, 1], [24, 2]])
    totals = found.weighted_totals(np.array([[1.0, 1.0], [2.0, 0.0]]))
    assert totals[:, :, 0].tolist() == [[3, 28], [6, 8]]
    assert micro_means(totals).tolist() == [[31 / 5], [14 / 6]]
    assert macro_means(totals).tolist() == [[(1.5 + 28 / 3) / 2], [(1.5 + 4) / 2]]


def test_classes_that_were_not_drawn_are_ignored():
    """The macro mean of a draw is over the classes in it."""
    assert macro_means(np.array([[[3.0, 2.0], [0.0, 0.0]]])).tolist() == [[1.5]]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30))
def test_no_stratum_has_a_single_group(labels: list[int]):
    """Strata of one group are merged with each other or with another stratum; the others stay the same."""
    number = len(labels)
    strata = group_sums(np.zeros((number, 1)), np.arange(number), np.array(labels)).strata
    sizes = np.bincount(strata)
    assert sizes.min() >= 2
    for label in set(labels):
        assert len(set(strata[np.array(labels) == label])) == 1


def test_weights_of_draws_sum_to_the_number_of_groups():
    """In each draw the weights of a stratum sum to its groups, in multiples of n / (n - 1)."""
    strata = np.array([0] * 5 + [1] * 3)
    weights = np.concatenate(list(_draw_weights(GroupSums(strata, ()), seed=1, draws=400)))
    assert weights.shape == (400, 8)
    assert weights[:, :5].sum(axis=1) == pytest.approx(5)
    assert weights[:, 5:].sum(axis=1) == pytest.approx(3)
    assert weights[:, :5] * 4 / 5 == pytest.approx(np.round(weights[:, :5] * 4 / 5))
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.2)


def test_the_variance_of_draws_is_unbiased():
    """In one stratum, drawn means vary by s²/n, not by s²(n - 1)/n²; this is why n - 1 of n groups are drawn."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(6, 1))
    groups = group_sums(values, np.arange(6), np.zeros(6, int))
    means = np.concatenate(
        [micro_means(groups.weighted_totals(w)) for w in _draw_weights(groups, seed=3, draws=40_000)]
    )
    assert means.var() == pytest.approx(values.var(ddof=1) / 6, rel=0.03)


def test_limits_of_metrics_are_independent():
    """The limits of a metric do not depend on the other metrics."""
    values = np.random.default_rng(0).random((90, 3))
    group, label = np.arange(90) // 3, np.arange(90) // 45
    together = confidence_limits(group_sums(values, group, label), micro_means, seed=4, draws=500)
    for place in range(3):
        single = confidence_limits(group_sums(values[:, [place]], group, label), micro_means, seed=4, draws=500)
        assert np.ravel(single) == pytest.approx([part[place] for part in together], abs=1e-12)


@pytest.mark.parametrize("freedom", [3, 5, 9, 30, 1000])
@pytest.mark.parametrize("share", [0.9, 0.975])
def test_student_quantiles_agree_with_scipy(freedom: float, share: float):
    """The error of the expansion is below 0.004 from three degrees of freedom, and below 0.001 from five."""
    error = abs(student_quantile(share, freedom) - stats.t.ppf(share, freedom))
    assert error < (0.004 if freedom < 5 else 0.001)


def test_a_constant_metric_has_no_interval():
    """If every group has the same value, neither 0 nor 1, there is nothing to resample."""
    groups = np.arange(40)
    found = intervals({"even": np.full(40, 0.5), "odd": groups % 2 / 1.0}, groups, np.zeros(40, int), seed=0)
    assert found["even"] is None
    assert found["odd"] is not None


@pytest.mark.parametrize("seed", [-1, 2**80])
def test_intervals_accept_any_seed(seed: int):
    """Negative and very large seeds are valid."""
    groups = np.arange(40)
    found = intervals({"odd": groups % 2 / 1.0}, groups, np.zeros(40, int), seed=seed)["odd"]
    assert found is not None
    assert 0.2 < found.low < 0.5 < found.high < 0.8
