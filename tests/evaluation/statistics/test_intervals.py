"""Confidence intervals: their limits, when there are any, and how often they cover the true value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes
from lookalike.evaluation.statistics.intervals import Spread, mean_interval, ratio_interval, spread, symmetric_interval
from lookalike.evaluation.statistics.sampling import Basis, Sampling, independent_units
from verify_statistics import Design, simulate, summarise

ENOUGH = Basis(40, 20)


def sampling_of(labels: list[int], units: list[int] | None = None) -> Sampling:
    """The sampling of images with ``labels``, each a group of its own unless ``units`` are given."""
    count = len(labels)
    codes = np.array(units if units is not None else range(count))
    rows = RowCodes(np.array(labels), codes, np.full(count, MISSING), np.arange(count))
    return Sampling.of(Relevance(rows, junk="none"), rows.labels, codes)


def influence_of(values: np.ndarray) -> np.ndarray:
    """The influence of single queries on the mean of ``values``, with a gallery that makes no difference."""
    own = (values - values.mean()) / len(values)
    return np.column_stack([own, own, np.zeros(len(values))]).astype(np.float32)


def test_intervals_cover_the_truth_end_to_end():
    """In 100 datasets, drawn, ranked and scored, intervals cover the truth about 95 times, and few tests reject."""
    table = summarise(simulate(Design((20, 15), "five"), 100, seed=3))
    for name in ("micro", "macro", "difference", "retention", "kept difference"):
        for metric, share in table[name].items():
            # Fewer than one in a thousand samples of 100 is outside of this, if the coverage is from 93 to 98 %.
            assert 0.84 <= share <= 1, (name, metric)
    assert max(*table["rejected"].values(), *table["kept rejected"].values()) <= 0.15
    assert table["power"]["map"] > table["rejected"]["map"] + 0.1


def test_a_mean_of_queries_has_the_variance_of_a_mean():
    """If the gallery makes no difference, the variance is that of the mean of independent values, by class."""
    values = np.random.default_rng(0).random(40)
    one = spread(influence_of(values), sampling_of([0] * 40))
    assert one.variance == pytest.approx(values.var(ddof=1) / 40, rel=1e-5)
    two = spread(influence_of(values), sampling_of([0] * 25 + [1] * 15))
    parts = values[:25].var(ddof=1) * 25 + values[25:].var(ddof=1) * 15
    assert two.variance == pytest.approx(parts / 40**2, rel=1e-5)


def test_effects_of_pairs_are_subtracted_down_to_the_variance_of_queries():
    """Half the sum of squares of pairs is subtracted; what queries vary for a fixed gallery is the least."""
    own = np.random.default_rng(1).normal(size=40)
    influence = np.column_stack([own, 2 * own, np.full(40, 0.5)]).astype(np.float32)
    found = spread(influence, sampling_of([0] * 40))
    centred = np.square(own - own.mean()).sum() * 40 / 39
    assert found.variance == pytest.approx(4 * centred, rel=1e-4)  # equal columns vanish when centred
    influence[:, 2] = np.tile([3.0, -3.0], 20)
    assert spread(influence, sampling_of([0] * 40)).variance == pytest.approx(centred, rel=1e-4)


def test_large_groups_count_for_more():
    """A group of half of the images moves the mean towards itself, which its square makes up for."""
    sampling = sampling_of([0] * 20, [*range(10), *[10] * 10])
    assert sampling.shares.tolist() == [0.05] * 10 + [0.5]
    influence = np.zeros((11, 3), np.float32)
    influence[-1, :2] = 1.1
    centred = np.where(np.arange(11) == 10, 1.0, -0.1)
    assert spread(influence, sampling).variance == pytest.approx(
        (np.square(centred) / (1 - sampling.shares)).sum(), rel=1e-5
    )


def test_few_groups_have_few_degrees_of_freedom():
    """Degrees of freedom are at most the groups less the classes, and few where few groups make up the variance."""
    alike = influence_of(np.tile([0.0, 1.0], 20))
    assert spread(alike, sampling_of([0, 1] * 20)).freedom == 38
    one_of_all = influence_of(np.eye(40)[0])
    assert spread(one_of_all, sampling_of([0] * 40)).freedom == 3


@given(st.floats(0.01, 0.99), st.integers(10, 400))
def test_limits_are_wilsons_for_independent_queries(share: float, count: int):
    """With the variance of independent trials and many degrees of freedom, they are those of Wilson's interval."""
    found = Spread(share * (1 - share) / count, 1e9)
    half = found.quantile * found.error
    theirs = stats.binomtest(round(share * 1000), 1000).proportion_ci(method="wilson")
    values = np.zeros(1000)
    values[: round(share * 1000)] = 1
    ours = mean_interval(values.mean(), influence_of(values), sampling_of([0] * 1000), ENOUGH)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=2e-3)
    plain = symmetric_interval(share, found, ENOUGH)
    assert (plain.low, plain.high) == pytest.approx((share - half, share + half))


@pytest.mark.parametrize(("value", "ends"), [(1.0, (0.025 ** (1 / 40), 1)), (0.0, (0, 1 - 0.025 ** (1 / 40)))])
def test_perfect_and_zero_metrics_have_intervals(value: float, ends: tuple[float, float]):
    """40 groups without a failure are consistent with a few failures in a hundred; likewise without a hit."""
    found = mean_interval(value, np.zeros((40, 3), np.float32), sampling_of([0] * 40), ENOUGH)
    assert (found.low, found.high) == pytest.approx(ends)


def test_limits_end_at_the_ceiling():
    """Recall@1 of queries with 13 relevant images is precision@1 divided by 13, and so are its limits."""
    for values in (np.repeat([1.0, 0.0], [32, 8]), np.ones(40), np.zeros(40)):
        sampling = sampling_of([0] * 40)
        whole = mean_interval(values.mean(), influence_of(values), sampling, ENOUGH)
        part = mean_interval(values.mean() / 13, influence_of(values / 13), sampling, ENOUGH, ceiling=1 / 13)
        assert (13 * part.low, 13 * part.high) == pytest.approx((whole.low, whole.high), rel=1e-5)


def test_limits_at_a_ceiling_that_differs_between_groups():
    """Every first hit is right, but recall@1 is 1 / R: it varies with R, too."""
    recall = 1 / np.random.default_rng(0).integers(5, 50, 40)
    found = mean_interval(recall.mean(), influence_of(recall), sampling_of([0] * 40), ENOUGH, ceiling=recall.mean())
    assert found.low <= 0.025 ** (1 / 40) * recall.mean()
    assert found.high > recall.mean()


def test_a_constant_metric_has_no_interval():
    """If every group has the same value, neither 0 nor 1, nothing shows how it varies."""
    assert mean_interval(0.5, np.zeros((40, 3), np.float32), sampling_of([0] * 40), ENOUGH) is None


@pytest.mark.parametrize(
    ("basis", "suffices", "approximate"),
    [
        (Basis(9, 9), False, True),
        (Basis(10, 5), True, True),
        (Basis(29, 15), True, True),
        (Basis(30, 10), True, False),
        (Basis(200, 9), True, True),
    ],
)
def test_intervals_depend_on_the_number_of_groups(basis: Basis, suffices: bool, approximate: bool):
    """Below 10 groups there is none; below 30, or below 10 of a class, it is approximate."""
    values = np.random.default_rng(0).random(40)
    found = mean_interval(values.mean(), influence_of(values), sampling_of([0] * 40), basis)
    assert (found is not None) == suffices
    if found is not None:
        assert (found.groups, found.approximate) == (basis.groups, approximate)
        assert 0 < found.low < values.mean() < found.high < 1


def test_the_interval_of_a_ratio_holds_ratios_that_are_not_rejected():
    """At its limits r, above - r below is exactly at the limit of significance."""
    rng = np.random.default_rng(5)
    below = rng.normal(0.5, 0.2, 60)
    above = 0.8 * below + rng.normal(0, 0.1, 60)
    sampling, influences = sampling_of([0] * 60), (influence_of(above), influence_of(below))
    found = ratio_interval(above.mean(), below.mean(), influences, sampling)
    quantile = spread(influences[0] - above.mean() / below.mean() * influences[1], sampling).quantile
    for limit in (found.low, found.high):
        rest = spread(influences[0] - limit * influences[1], sampling)
        assert abs(above.mean() - limit * below.mean()) / rest.error == pytest.approx(quantile, rel=1e-3)
    weak = below - below.mean() + 0.01
    assert ratio_interval(0.5, 0.01, (influences[0], influence_of(weak)), sampling) is None


@pytest.mark.parametrize("seed", range(50))
def test_the_interval_of_a_ratio_holds_the_ratio(seed: int):
    """Also where few groups affect each other so much that the variances of both means and of their sum disagree."""
    rng = np.random.default_rng(seed)
    sampling, pairs = sampling_of([0] * 12), rng.normal(0, 0.03, (2, 12, 6))
    both = rng.normal(0, 0.05, (12, 2))
    own = (both, both + rng.normal(0, 0.005, (12, 2)))
    influences = tuple(
        np.concatenate(one, axis=1).astype(np.float32) for one in zip(own, pairs * rng.uniform(0.1, 1), strict=True)
    )
    ratio = rng.uniform(0.5, 1.5)
    found = ratio_interval(0.5 * ratio, 0.5, influences, sampling)
    assert found is None or found.low <= ratio <= found.high


def test_rows_without_a_group_are_groups_of_their_own():
    """Each counts as one group, beside those that have a group."""
    assert independent_units(np.array([MISSING, 7, MISSING, 7])).tolist() == [8, 7, 9, 7]
    assert len(sampling_of([0, 1] * 20, [MISSING] * 40)) == 40
    assert len(sampling_of([0, 1] * 20, [MISSING, 7] * 20)) == 21


@given(st.lists(st.integers(0, 5), min_size=3, max_size=30))
def test_no_stratum_has_a_single_group(labels: list[int]):
    """Strata of one group are merged with each other or with another stratum; the others stay the same."""
    sampling = sampling_of([*labels, *labels], [*range(len(labels)), *range(len(labels))])
    assert sampling.strata.counts.min() >= 2
    for label in set(labels):
        assert len(set(sampling.strata.codes[np.array(labels) == label].tolist())) == 1


def test_the_stratum_of_a_group_is_the_class_of_most_of_its_images():
    """Of equally frequent classes it is the one of the lowest code."""
    sampling = sampling_of([3, 3, 7, 7, 3, 7, 3, 7], [0, 0, 0, 1, 1, 2, 3, 4])
    of_three, of_seven = (set(np.flatnonzero(sampling.strata.codes == code)) for code in range(2))
    assert (of_three, of_seven) == ({0, 1, 3}, {2, 4})


def test_a_split_has_strata_of_its_sides():
    """Groups of queries and groups of the gallery vary apart, and the fewer of them are what intervals are based on."""
    labels, units = np.tile([0, 1], 30), np.arange(60)
    rows = RowCodes(labels, units, np.full(60, MISSING), units)
    relevance = Relevance(rows, queries=np.arange(12), gallery=np.arange(12, 60))
    sampling = Sampling.of(relevance, labels, units)
    assert sorted(sampling.strata.counts.tolist()) == [6, 6, 24, 24]
    assert sampling.basis == Basis(12, 6)
