"""95 % confidence intervals of the figures, from the groups of the queries.

They say how far a figure could have come out otherwise with other scenes of the same kind as queries. Per-query figures
are kept as they are, so the intervals are conditional on the gallery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import LEVEL, Floats, Groups, grouped, limits

DRAWS: Final = 2000

FEWEST: Final = 10
"""With fewer groups there is no interval."""

NO_SPREAD: Final = 1e-12
"""Where all draws are within this of one another, resampling says nothing about how far a figure may be off."""

ENOUGH: Final = 30
"""With fewer groups an interval is only approximate: it covers the truth less often than in 95 % of cases."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, by resampling so many ``groups``; ``approximate`` where they are fewer than 30."""

    low: float
    high: float
    groups: int
    approximate: bool


def intervals(
    values: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    seed: int,
    draws: int = DRAWS,
    macro: bool = False,
) -> dict[str, Interval | None]:
    """The interval of each figure's mean: over queries, or with ``macro`` over the means of the classes.

    ``values`` are figures from 0 to 1 (q,), nan where a query has none; ``groups`` and ``labels`` (q,) are codes, and a
    query without a group is one of its own. Groups are drawn within the class that most of their queries have. None
    where fewer than 10 groups have a figure, and where all groups have the same, since resampling shows no spread then;
    but if that is 0 or 1, the limit is the share of groups for which it is just likely enough (Clopper and Pearson's).
    """
    result: dict[str, Interval | None] = dict.fromkeys(values)
    together: dict[bytes, list[str]] = {}
    for name, figures in values.items():
        together.setdefault(np.isfinite(figures).tobytes(), []).append(name)
    for pattern, names in together.items():
        scored = np.frombuffer(pattern, np.bool_)
        if not scored.any():
            continue
        figures = np.column_stack([values[name][scored] for name in names])
        units = grouped(figures, groups[scored], labels[scored])
        if len(units) < FEWEST:
            continue
        mean, low, high = limits(units, macro_means if macro else micro_means, seed=seed, draws=draws)
        for place, name in enumerate(names):
            bottom, top = _ends(float(mean[place]), float(low[place]), float(high[place]), units)
            if top - bottom >= NO_SPREAD:
                result[name] = Interval(bottom, top, len(units), len(units) < ENOUGH)
    return result


def micro_means(totals: Floats) -> Floats:
    """Means over queries (m, f) of ``totals`` (m, c, f + 1) by class."""
    everything = totals.sum(axis=1)
    means: Floats = everything[:, :-1] / everything[:, -1:]
    return means


def macro_means(totals: Floats) -> Floats:
    """Means over the classes' means (m, f) of ``totals`` (m, c, f + 1); classes that weren't drawn don't count."""
    number = totals[:, :, -1:]
    there = number > 0
    means = np.divide(totals[:, :, :-1], number, out=np.zeros_like(totals[:, :, :-1]), where=there)
    result: Floats = means.sum(axis=1) / there.sum(axis=1)
    return result


def _ends(mean: float, low: float, high: float, units: Groups) -> tuple[float, float]:
    """The limits within 0 to 1, and those of a figure that is 0 or 1 everywhere."""
    likely = float(((1 - LEVEL) / 2) ** (1 / len(units)))
    if mean >= 1 - NO_SPREAD:
        return likely, 1.0
    if mean <= NO_SPREAD:
        return 0.0, 1 - likely
    return low, high
