"""95 % confidence intervals of metrics for new images from the same source, as queries and as gallery.

Every image is searched for and found, so a metric varies with both. An *influence* says how far each group moves it:
as queries, by how much their metrics exceed the mean of their class; as gallery, by what its images add to the metrics
of all other groups' queries. The variance of the metric is the sum of squares of the influences, less what the effect
of one group on another adds to the squares of both: it belongs to the pair, and would be counted twice (Efron and
Stein, "The jackknife estimate of variance", 1981, whose formula for pairs this is). docs/statistics.md has simulations.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.sampling import Basis, Sampling

CONFIDENCE: Final = 0.95

NO_SPREAD: Final = 1e-12
"""A metric whose limits differ by less than this does not vary between groups."""

_LEAST_VARIANCE: Final = 1e-20
_ROUNDING: Final = 1e-5
"""A standard error of less than this share of a metric is due to the rounding of influences alone."""

_LEAST_FREEDOM: Final = 3.0
_LEAST_REST: Final = 0.25
"""The least share of a class that is taken to be outside of a group."""

Influence = NDArray[np.float32]
"""The influence of each of g groups on a metric: float32 (g, 2 + p).

The first column is its influence as queries, the second as queries and gallery; the sum of squares of the others is
the sum of squares of its effects on and from every other group, exactly or in expectation. Influences on sums and
differences of metrics are sums and differences of influences.
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """The range ``low`` to ``high``, based on ``groups`` groups; ``approximate`` if they are few.

    That is fewer than 30, or fewer than 10 of a class.
    """

    low: float
    high: float
    groups: int
    approximate: bool


class Spread(NamedTuple):
    """The variance of a metric between datasets from the same source, and its degrees of freedom."""

    variance: float
    freedom: float

    @property
    def varies(self) -> bool:
        """Whether the metric varies at all."""
        return self.variance > _LEAST_VARIANCE

    @property
    def error(self) -> float:
        """The standard error."""
        return sqrt(self.variance)

    @property
    def quantile(self) -> float:
        """The quantile of Student's t for a 95 % interval."""
        from scipy.special import stdtrit  # slow to import

        return float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2))


def interval_ends(interval: Interval | None, prefix: str = "") -> dict[str, float | None]:
    """``low`` and ``high`` of an interval by name, after ``prefix``; None where there is none."""
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{prefix}low": low, f"{prefix}high": high}


def spread(influence: Influence, sampling: Sampling) -> Spread:
    """The variance of the metric with this ``influence``; at least that between queries for a fixed gallery.

    A group moves the mean of its class towards itself, the more the larger it is: squares are divided by 1 - its share
    (Bell and McCaffrey, "Bias reduction in standard errors", 2002), which is n / (n - 1) for n groups of equal size.
    """
    wide = sampling.strata.centred(influence.astype(np.float64))
    squares = np.square(wide[:, :2]) / np.maximum(1 - sampling.shares, _LEAST_REST)[:, np.newaxis]
    shares = squares[:, 1] - np.square(wide[:, 2:]).sum(axis=1) / 2
    variance = float(max(shares.sum(), squares[:, 0].sum()))
    most = max(len(sampling) - len(sampling.strata.counts), _LEAST_FREEDOM)
    with_pairs, without = (_freedom(variance, shares, sampling), _freedom(squares[:, 1].sum(), squares[:, 1], sampling))
    return Spread(variance, float(np.clip(sqrt(with_pairs * without), _LEAST_FREEDOM, most)))


def _freedom(variance: float, shares: NDArray[np.float64], sampling: Sampling) -> float:
    """The degrees of freedom of a ``variance`` that is the sum of the groups' ``shares`` (g,).

    Two times its square, divided by its own variance, which shows in how unequal the shares are.
    """
    strata = sampling.strata
    counts = strata.counts[strata.codes]
    uncertainty = float((counts / np.maximum(counts - 1, 1)) @ np.square(strata.centred(shares)))
    return 2 * variance**2 / uncertainty if uncertainty > 0 else float(len(sampling))


def mean_interval(
    value: float, influence: Influence, sampling: Sampling, basis: Basis, ceiling: float = 1.0
) -> Interval | None:
    """The interval of the mean ``value`` of a metric from 0 to ``ceiling``, with this ``influence``.

    The limits are those of Wilson's score interval ("Probable inference", 1927) for as many independent queries as
    would give the same variance, with Student's t. Where every metric is 0 or every one is as high as it can be, they
    are Clopper and Pearson's for one query of each group. None with fewer than 10 groups, and where no metric differs
    from another.
    """
    if not basis.suffices:
        return None
    limit = ceiling * float(((1 - CONFIDENCE) / 2) ** (1 / basis.groups))
    found = spread(influence, sampling)
    if value <= NO_SPREAD:
        low, high = 0.0, ceiling - limit
    elif value >= ceiling - NO_SPREAD:
        half = found.quantile * found.error  # of the ceiling itself, where queries differ in R
        low, high = min(limit, value - half), min(value + half, 1.0)
    elif found.error <= _ROUNDING * value:
        return None
    else:
        share, variance = value / ceiling, found.variance / ceiling**2
        low, high = (ceiling * end for end in _score_limits(share, variance, found.quantile))
    return Interval(low, high, basis.groups, basis.approximate)


def symmetric_interval(value: float, found: Spread, basis: Basis) -> Interval | None:
    """The interval of a ``value`` without bounds, such as a difference: Student's t in both directions."""
    if not (basis.suffices and found.varies):
        return None
    half = found.quantile * found.error
    return Interval(value - half, value + half, basis.groups, basis.approximate)


def ratio_interval(
    above: float, below: float, influences: tuple[Influence, Influence], sampling: Sampling
) -> Interval | None:
    """The interval of ``above`` / ``below``, two means with their ``influences``.

    It holds every ratio r for which above - r below is not significantly different from 0 (Fieller, "Some problems in
    interval estimation", 1954). None also where ``below`` itself is not, so that there is no limit on the ratio.
    """
    basis = sampling.basis
    found = spread(influences[0] - np.float32(above / below) * influences[1], sampling)
    if not (basis.suffices and found.varies):
        return None
    square = found.quantile**2
    first, second, both = (spread(one, sampling).variance for one in (*influences, influences[0] + influences[1]))
    a, b, c = (
        below**2 - square * second,
        above * below - square * (both - first - second) / 2,
        above**2 - square * first,
    )
    if a <= 0 or b**2 <= a * c:
        return None
    half, ratio = sqrt(b**2 - a * c), above / below
    low, high = (b - half) / a, (b + half) / a
    if not low <= ratio <= high:
        # With few groups, the three variances may be those of no pair of means; the variance of the ratio itself holds.
        half = found.quantile * found.error / abs(below)
        low, high = ratio - half, ratio + half
    return Interval(low, high, basis.groups, basis.approximate)


def _score_limits(value: float, variance: float, quantile: float) -> tuple[float, float]:
    """Wilson's limits of the share ``value`` of as many trials as have its ``variance``."""
    trials = value * (1 - value) / variance
    square = quantile**2
    centre = (value + square / (2 * trials)) / (1 + square / trials)
    half = quantile / (1 + square / trials) * sqrt(variance + square / (4 * trials**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)
