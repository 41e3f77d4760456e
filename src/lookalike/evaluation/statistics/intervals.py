"""95 % confidence intervals of metrics, from bootstrapping the groups of queries.

They cover the variation between samples of query scenes. Per-query metrics are not recomputed, so the intervals are
conditional on the gallery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import CONFIDENCE, Floats, GroupSums, confidence_limits, group_sums

DRAWS: Final = 2000

MIN_GROUPS: Final = 10
"""With fewer groups there is no interval."""

NO_SPREAD: Final = 1e-12
"""If all draws differ by less than this, resampling gives no information about the uncertainty of a metric."""

APPROXIMATE_BELOW: Final = 30
"""With fewer groups an interval is only approximate: it may cover the true value in fewer than 95 % of cases."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The range ``low`` to ``high``, from resampling ``groups`` groups; ``approximate`` if they are fewer than 30."""

    low: float
    high: float
    groups: int
    approximate: bool


def interval_ends(interval: Interval | None, prefix: str = "") -> dict[str, float | None]:
    """``low`` and ``high`` of an interval by name, after ``prefix``; None where there is none."""
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{prefix}low": low, f"{prefix}high": high}


def intervals(
    values: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    seed: int,
    draws: int = DRAWS,
    macro: bool = False,
) -> dict[str, Interval | None]:
    """The interval of the mean of each metric: over queries, or with ``macro`` over the means of classes.

    ``values`` are metrics from 0 to 1 (q,), nan where a query has none; ``groups`` and ``labels`` (q,) are codes, and a
    query without a group forms a group of its own. Groups are drawn within the class of most of their queries. The
    interval is None where fewer than 10 groups have a value, and where all groups have the same value, which leaves no
    spread to resample; but if that value is 0 or 1, the other limit is Clopper and Pearson's for the number of groups.
    """
    result: dict[str, Interval | None] = dict.fromkeys(values)
    by_scored: dict[bytes, list[str]] = {}  # metrics of the same queries share their draws
    for name, metric in values.items():
        by_scored.setdefault(np.isfinite(metric).tobytes(), []).append(name)
    for mask, names in by_scored.items():
        scored = np.frombuffer(mask, np.bool_)
        if not scored.any():
            continue
        metrics = np.column_stack([values[name][scored] for name in names])
        units = group_sums(metrics, groups[scored], labels[scored])
        if len(units) < MIN_GROUPS:
            continue
        mean, low, high = confidence_limits(units, macro_means if macro else micro_means, seed=seed, draws=draws)
        for place, name in enumerate(names):
            bottom, top = _limits(float(mean[place]), float(low[place]), float(high[place]), units)
            if top - bottom >= NO_SPREAD:
                result[name] = Interval(bottom, top, len(units), len(units) < APPROXIMATE_BELOW)
    return result


def micro_means(totals: Floats) -> Floats:
    """Means over queries (m, f) of ``totals`` (m, c, f + 1) by class."""
    overall = totals.sum(axis=1)
    means: Floats = overall[:, :-1] / overall[:, -1:]
    return means


def macro_means(totals: Floats) -> Floats:
    """Means over the class means (m, f) of ``totals`` (m, c, f + 1); classes that were not drawn are ignored."""
    count = totals[:, :, -1:]
    drawn = count > 0
    means = np.divide(totals[:, :, :-1], count, out=np.zeros_like(totals[:, :, :-1]), where=drawn)
    result: Floats = means.sum(axis=1) / drawn.sum(axis=1)
    return result


def _limits(mean: float, low: float, high: float, units: GroupSums) -> tuple[float, float]:
    """``low`` and ``high``, or the Clopper-Pearson limits of a metric that is 0 or 1 in every group."""
    limit = float(((1 - CONFIDENCE) / 2) ** (1 / len(units)))
    if mean >= 1 - NO_SPREAD:
        return limit, 1.0
    if mean <= NO_SPREAD:
        return 0.0, 1 - limit
    return low, high
