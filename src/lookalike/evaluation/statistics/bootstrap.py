"""Confidence limits by resampling groups: the draws, and what is read off them.

Pictures of one scene succeed and fail together, so groups are drawn, and every query of a group comes with it. They are
drawn within strata (classes), as the dataset was put together. Of n groups in a stratum, n - 1 are drawn with
replacement, each weighing n / (n - 1): plain draws of n understate the variance by that factor (Rao and Wu, "Resampling
inference with complex survey data", 1988). The limits are those of the bias-corrected and accelerated bootstrap (BCa:
Efron, "Better bootstrap confidence intervals", 1987; stratified: Davison and Hinkley, "Bootstrap methods", 1997,
5.3.2), with two changes that simulation calls for (docs/statistics.md): Student's t stands in the place of the normal
quantile, as the variance too is only estimated from the groups; and where the draws vary less than leaving groups out
says, as with groups of very unequal size, the limits reach out farther by the ratio of the variances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import ALONE

LEVEL: Final = 0.95

Floats = NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""From totals (m, c, f + 1), the last of which counts queries, to figures (m, s)."""

_CELLS: Final = 250_000

_ROUNDING: Final = 1e-12
_NOTHING: Final = 1e-20
"""A variance below this is what rounding leaves of a figure that doesn't vary."""

_LEAST_FREEDOM: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The queries of an evaluation, added up by group and by class.

    ``strata`` int64 (g,) numbers the stratum of each group from 0. ``parts`` holds a pair for each class: which groups
    have queries of it (p,), and the totals (p, f + 1) of f figures and, last, of queries.
    """

    strata: NDArray[np.int64]
    parts: tuple[tuple[NDArray[np.intp], Floats], ...]

    def __len__(self) -> int:
        return len(self.strata)

    def weighted(self, weights: Floats) -> Floats:
        """Totals (m, c, f + 1) with the groups weighing ``weights`` (m, g)."""
        return np.stack([weights[:, members] @ totals for members, totals in self.parts], axis=1)


def grouped(values: Floats, groups: NDArray[np.int64], labels: NDArray[np.int64]) -> Groups:
    """Add up ``values`` (q, f), none of them nan, of queries with ``groups`` (q,) and ``labels`` (q,).

    A query without a group is a group of its own. A group's stratum is the label that most of its queries have (the
    lesser of equals); groups that are the only one of their stratum share one, or go to the smallest of the others.
    """
    unit = np.unique(apart(groups), return_inverse=True)[1]
    names, label = np.unique(labels, return_inverse=True)
    number = int(unit.max(initial=-1)) + 1
    cells, cell = np.unique(label * number + unit, return_inverse=True)
    ones = np.column_stack([values, np.ones(len(values))])
    totals = np.stack([np.bincount(cell, column, minlength=len(cells)) for column in ones.T], axis=1)
    part, member = np.divmod(cells, number)
    most = np.zeros(number)
    strata = np.zeros(number, np.int64)
    for name in range(len(names)):
        of, size = member[part == name], totals[part == name, -1]
        strata[of[size > most[of]]] = name
        most[of] = np.maximum(most[of], size)
    parts = tuple((member[part == name], totals[part == name]) for name in range(len(names)))
    return Groups(_pooled(strata), parts)


def apart(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """``groups`` (q,) with a code of its own for every query that has none."""
    lonely = groups == ALONE
    codes = groups.copy()
    codes[lonely] = groups.max(initial=0) + 1 + np.arange(np.count_nonzero(lonely))
    return codes


def _pooled(strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """``strata`` numbered from 0, each with two groups or more if there are as many: one alone shows no variance."""
    number, sizes = np.unique(strata, return_inverse=True, return_counts=True)[1:]
    single = sizes[number] == 1
    if single.any():
        pool = len(sizes)
        number = np.where(single, pool, number)
        if np.count_nonzero(single) == 1 and len(sizes) > 1:
            others = np.where(sizes > 1, sizes, sizes.max() + 1)
            number[single] = int(others.argmin())
    renumbered: NDArray[np.int64] = np.unique(number, return_inverse=True)[1]
    return renumbered


def limits(groups: Groups, statistic: Statistic, *, seed: int, draws: int) -> tuple[Floats, Floats, Floats]:
    """The ``statistic``'s value, lower and upper limit: three float64 (s,), of two ``groups`` or more.

    A figure that doesn't vary between groups has limits that equal its value.
    """
    (value,) = statistic(groups.weighted(np.ones((1, len(groups)))))
    drawn = np.concatenate([statistic(groups.weighted(weights)) for weights in _drawn_weights(groups, seed, draws)])
    shape = _shape(groups, statistic)
    low, high = value.copy(), value.copy()
    for place in np.flatnonzero(shape.variance > _NOTHING):
        short = max(float(shape.variance[place] / drawn[:, place].var()), 1.0) if drawn[:, place].var() else 1.0
        reach = short * student_quantile((1 + LEVEL) / 2, float(shape.freedom[place]))
        share = _shares(drawn[:, place], float(value[place]), float(shape.acceleration[place]), reach)
        low[place], high[place] = np.quantile(drawn[:, place], share)
    return value, low, high


def _shares(drawn: Floats, value: float, acceleration: float, reach: float) -> tuple[float, float]:
    """Which quantiles of the ``drawn`` are BCa's limits, ``reach`` being the normal quantile or what stands for it."""
    normal = NormalDist()
    below = np.count_nonzero(drawn < value - _ROUNDING) + 0.5 * np.count_nonzero(np.abs(drawn - value) <= _ROUNDING)
    bias = normal.inv_cdf(min(max(below / len(drawn), 1 / len(drawn)), 1 - 1 / len(drawn)))

    def share(quantile: float) -> float:
        moved = bias + quantile
        stretch = 1 - acceleration * moved
        return normal.cdf(bias + moved / stretch) if stretch > 0 else float(moved > 0)

    return share(-reach), share(reach)


def _drawn_weights(groups: Groups, seed: int, draws: int) -> Iterator[Floats]:
    """The weights of the groups in all draws, a block of draws (m, g) at a time."""
    rng = np.random.default_rng(seed % (1 << 64))  # numpy takes no negative seeds
    members = [np.flatnonzero(groups.strata == stratum) for stratum in range(int(groups.strata.max()) + 1)]
    block = max(1, _CELLS // len(groups))
    for start in range(0, draws, block):
        weights = np.ones((min(block, draws - start), len(groups)))
        for of in members:
            if (size := len(of)) > 1:
                chosen = rng.integers(0, size, (len(weights), size - 1)) + size * np.arange(len(weights))[:, np.newaxis]
                times = np.bincount(chosen.ravel(), minlength=len(weights) * size).reshape(-1, size)
                weights[:, of] = times * (size / (size - 1))
        yield weights


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What leaving groups out, one at a time, tells of s figures: three float64 (s,).

    ``variance`` is the jackknife's, ``acceleration`` BCa's, and ``freedom`` the degrees of freedom of the variance.
    """

    variance: Floats
    acceleration: Floats
    freedom: Floats


def _shape(groups: Groups, statistic: Statistic) -> _Shape:
    """Leave each group out.

    Two things lessen the degrees of freedom: strata of unequal variance (Satterthwaite's formula), and a variance to
    which few groups contribute. The latter is seen in the fourth moments, which say how uncertain the variance is.
    """
    sizes = np.bincount(groups.strata)
    left = _leaving_out(groups, statistic, sizes)
    second, third, uncertain, parts, jackknife = np.zeros((5, left.shape[1]))
    for stratum, size in enumerate(sizes.tolist()):
        of = left[groups.strata == stratum]
        influence = (of.mean(axis=0) - of) * ((size - 1) / size)
        variance = np.square(influence).sum(axis=0)
        second += variance
        third += (influence**3).sum(axis=0)
        uncertain += (influence**4).sum(axis=0) - np.square(variance) / size
        parts += np.square(variance) / max(size - 1, 1)
        jackknife += variance * (size / max(size - 1, 1))
    varies = second > _NOTHING
    square = np.square(second)

    def ratio(above: Floats, below: Floats) -> Floats:
        return np.divide(above, below, out=np.full_like(above, np.inf), where=varies & (below > _ROUNDING * square))

    return _Shape(
        variance=jackknife,
        acceleration=np.divide(third, 6 * second**1.5, out=np.zeros_like(third), where=varies),
        freedom=np.clip(np.minimum(ratio(square, parts), ratio(2 * square, uncertain)), _LEAST_FREEDOM, len(groups)),
    )


def _leaving_out(groups: Groups, statistic: Statistic, sizes: NDArray[np.int64]) -> Floats:
    """The statistic (g, s) without each group, the others of its stratum weighing so much more."""
    without = []
    block = max(1, _CELLS // len(groups))
    for start in range(0, len(groups), block):
        left_out = np.arange(start, min(start + block, len(groups)))
        size = np.maximum(sizes[groups.strata[left_out]], 2)[:, np.newaxis]
        same = groups.strata[left_out][:, np.newaxis] == groups.strata
        weights = np.where(same, size / (size - 1), 1.0)
        weights[np.arange(len(left_out)), left_out] = 0
        without.append(statistic(groups.weighted(weights)))
    return np.concatenate(without)


def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t: Abramowitz and Stegun, "Handbook of mathematical functions", 26.7.5.

    Within 0.004 for 3 degrees of ``freedom`` or more and a ``share`` of 0.975.
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
