"""Confidence limits by bootstrapping groups.

Results of images of one scene are correlated, so whole groups of queries are resampled. They are drawn within strata
(classes), to match how the dataset was composed. Of n groups in a stratum, n - 1 are drawn with replacement, each with
weight n / (n - 1): plain draws of n understate the variance by that factor (Rao and Wu, "Resampling inference with
complex survey data", 1988). The limits are those of the bias-corrected and accelerated bootstrap (BCa: Efron, "Better
bootstrap confidence intervals", 1987; stratified: Davison and Hinkley, "Bootstrap methods", 1997, 5.3.2), with two
changes that simulations showed to be necessary (docs/statistics.md). The quantile is Student's t instead of the normal
one, since the variance is estimated from the groups as well. And where the draws vary less than the jackknife estimate,
as with groups of very unequal size, the limits are widened by the ratio of the variances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import MISSING

CONFIDENCE: Final = 0.95

Floats = NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""Computes statistics (m, s) from totals (m, c, f + 1), the last of which counts queries."""

_CELLS: Final = 250_000

_ROUNDING: Final = 1e-12
_ZERO_VARIANCE: Final = 1e-20
"""A variance below this is due to rounding alone."""

_MIN_FREEDOM: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """The metrics of queries, summed by group and by class.

    ``strata`` int64 (g,) is the stratum of each group, numbered from 0. ``parts`` has a pair for each class: the groups
    with queries of that class (p,), and their totals (p, f + 1) of f metrics and, last, of queries.
    """

    strata: NDArray[np.int64]
    parts: tuple[tuple[NDArray[np.intp], Floats], ...]

    def __len__(self) -> int:
        return len(self.strata)

    def weighted_totals(self, weights: Floats) -> Floats:
        """Totals (m, c, f + 1) over the groups, weighted by ``weights`` (m, g)."""
        return np.stack([weights[:, members] @ totals for members, totals in self.parts], axis=1)


def group_sums(values: Floats, groups: NDArray[np.int64], labels: NDArray[np.int64]) -> GroupSums:
    """Sum ``values`` (q, f), without nan, of queries with ``groups`` (q,) and ``labels`` (q,).

    A query without a group forms a group of its own. The stratum of a group is the label of most of its queries (the
    lowest code if tied); strata of a single group are merged, or a lone one joins the smallest of the others.
    """
    unit = np.unique(independent_units(groups), return_inverse=True)[1]
    names, label = np.unique(labels, return_inverse=True)
    count = int(unit.max(initial=-1)) + 1
    cells, cell = np.unique(label * count + unit, return_inverse=True)
    columns = np.column_stack([values, np.ones(len(values))]).T
    totals = np.stack([np.bincount(cell, column, minlength=len(cells)) for column in columns], axis=1)
    part, member = np.divmod(cells, count)
    largest = np.zeros(count)
    strata = np.zeros(count, np.int64)
    for name in range(len(names)):
        members, sizes = member[part == name], totals[part == name, -1]
        strata[members[sizes > largest[members]]] = name
        largest[members] = np.maximum(largest[members], sizes)
    parts = tuple((member[part == name], totals[part == name]) for name in range(len(names)))
    return GroupSums(_merge_single_groups(strata), parts)


def independent_units(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """``groups`` (q,) with a new code for every query without a group."""
    missing = groups == MISSING
    codes = groups.copy()
    codes[missing] = groups.max(initial=0) + 1 + np.arange(np.count_nonzero(missing))
    return codes


def _merge_single_groups(strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """``strata`` numbered from 0, merged so that each has at least two groups, since one shows no variance."""
    number, sizes = np.unique(strata, return_inverse=True, return_counts=True)[1:]
    single = sizes[number] == 1
    if single.any():
        merged = len(sizes)
        number = np.where(single, merged, number)
        if np.count_nonzero(single) == 1 and len(sizes) > 1:
            others = np.where(sizes > 1, sizes, sizes.max() + 1)
            number[single] = int(others.argmin())
    renumbered: NDArray[np.int64] = np.unique(number, return_inverse=True)[1]
    return renumbered


def confidence_limits(
    groups: GroupSums, statistic: Statistic, *, seed: int, draws: int
) -> tuple[Floats, Floats, Floats]:
    """The value of the ``statistic``, its lower and its upper limit: float64 (s,) each; ``groups`` has at least two.

    The limits of a statistic that does not vary between groups equal its value.
    """
    (value,) = statistic(groups.weighted_totals(np.ones((1, len(groups)))))
    samples = np.concatenate(
        [statistic(groups.weighted_totals(weights)) for weights in _draw_weights(groups, seed, draws)]
    )
    jackknife = _jackknife(groups, statistic)
    low, high = value.copy(), value.copy()
    for place in np.flatnonzero(jackknife.variance > _ZERO_VARIANCE):
        variance = samples[:, place].var()
        widening = max(float(jackknife.variance[place] / variance), 1.0) if variance else 1.0
        quantile = widening * student_quantile((1 + CONFIDENCE) / 2, float(jackknife.freedom[place]))
        shares = _bca_shares(samples[:, place], float(value[place]), float(jackknife.acceleration[place]), quantile)
        low[place], high[place] = np.quantile(samples[:, place], shares)
    return value, low, high


def _bca_shares(samples: Floats, value: float, acceleration: float, quantile: float) -> tuple[float, float]:
    """The shares of ``samples`` at which the BCa limits lie, for plus and minus the (normal) ``quantile``."""
    normal = NormalDist()
    below = np.count_nonzero(samples < value - _ROUNDING) + 0.5 * np.count_nonzero(np.abs(samples - value) <= _ROUNDING)
    bias = normal.inv_cdf(min(max(below / len(samples), 1 / len(samples)), 1 - 1 / len(samples)))

    def share(z: float) -> float:
        shifted = bias + z
        scale = 1 - acceleration * shifted
        return normal.cdf(bias + shifted / scale) if scale > 0 else float(shifted > 0)

    return share(-quantile), share(quantile)


def _draw_weights(groups: GroupSums, seed: int, draws: int) -> Iterator[Floats]:
    """The weights of the groups in each draw, in blocks of draws (m, g)."""
    rng = np.random.default_rng(seed % (1 << 64))  # numpy rejects negative seeds
    members = [np.flatnonzero(groups.strata == number) for number in range(int(groups.strata.max()) + 1)]
    block = max(1, _CELLS // len(groups))
    for start in range(0, draws, block):
        weights = np.ones((min(block, draws - start), len(groups)))
        for stratum in members:
            if (size := len(stratum)) > 1:
                drawn = rng.integers(0, size, (len(weights), size - 1)) + size * np.arange(len(weights))[:, np.newaxis]
                times = np.bincount(drawn.ravel(), minlength=len(weights) * size).reshape(-1, size)
                weights[:, stratum] = times * (size / (size - 1))
        yield weights


@dataclass(frozen=True, slots=True, eq=False)
class _Jackknife:
    """Estimates from leaving out one group at a time: float64 (s,) each.

    ``variance`` is the jackknife variance, ``acceleration`` that of BCa, and ``freedom`` the degrees of freedom of the
    variance.
    """

    variance: Floats
    acceleration: Floats
    freedom: Floats


def _jackknife(groups: GroupSums, statistic: Statistic) -> _Jackknife:
    """Leave out each group in turn.

    Two things reduce the degrees of freedom: strata of unequal variance (Satterthwaite's formula), and a variance to
    which few groups contribute, which shows in the fourth moments (the uncertainty of the variance).
    """
    sizes = np.bincount(groups.strata)
    values = _leave_one_out(groups, statistic, sizes)
    second, third, uncertainty, satterthwaite, jackknife = np.zeros((5, values.shape[1]))
    for stratum, size in enumerate(sizes.tolist()):
        part = values[groups.strata == stratum]
        influence = (part.mean(axis=0) - part) * ((size - 1) / size)
        variance = np.square(influence).sum(axis=0)
        second += variance
        third += (influence**3).sum(axis=0)
        uncertainty += (influence**4).sum(axis=0) - np.square(variance) / size
        satterthwaite += np.square(variance) / max(size - 1, 1)
        jackknife += variance * (size / max(size - 1, 1))
    varies = second > _ZERO_VARIANCE
    square = np.square(second)

    def ratio(above: Floats, below: Floats) -> Floats:
        return np.divide(above, below, out=np.full_like(above, np.inf), where=varies & (below > _ROUNDING * square))

    freedom = np.minimum(ratio(square, satterthwaite), ratio(2 * square, uncertainty))
    return _Jackknife(
        variance=jackknife,
        acceleration=np.divide(third, 6 * second**1.5, out=np.zeros_like(third), where=varies),
        freedom=np.clip(freedom, _MIN_FREEDOM, len(groups)),
    )


def _leave_one_out(groups: GroupSums, statistic: Statistic, sizes: NDArray[np.int64]) -> Floats:
    """The statistic (g, s) without each group, with the weights of the rest of its stratum increased to compensate."""
    result = []
    block = max(1, _CELLS // len(groups))
    for start in range(0, len(groups), block):
        left_out = np.arange(start, min(start + block, len(groups)))
        size = np.maximum(sizes[groups.strata[left_out]], 2)[:, np.newaxis]
        same = groups.strata[left_out][:, np.newaxis] == groups.strata
        weights = np.where(same, size / (size - 1), 1.0)
        weights[np.arange(len(left_out)), left_out] = 0
        result.append(statistic(groups.weighted_totals(weights)))
    return np.concatenate(result)


def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t: Abramowitz and Stegun, "Handbook of mathematical functions", 26.7.5.

    The error is below 0.004 for at least 3 degrees of ``freedom`` and a ``share`` of 0.975.
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
