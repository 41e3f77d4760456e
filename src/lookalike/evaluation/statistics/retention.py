"""Retention: the share of a metric above chance that remains under a corruption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import Floats, confidence_limits, group_sums
from lookalike.evaluation.statistics.intervals import APPROXIMATE_BELOW, DRAWS, MIN_GROUPS, NO_SPREAD, Interval

MIN_ABOVE_CHANCE: Final = 0.05
"""Retention is undefined where the clean metric is less than this above chance."""


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention of a metric under a corruption.

    ``value`` is (corrupted - chance) / (clean - chance): 1 if nothing is lost, 0 at chance level, negative below it;
    None (n/a) where clean - chance < 0.05. ``raw`` is corrupted / clean, None where clean is 0. ``interval`` is the
    95 % interval of ``value``; None where ``value`` is, with fewer than 10 groups, and where all draws agree, so that
    resampling gives no information.
    """

    value: float | None
    raw: float | None
    interval: Interval | None


def retention(
    corrupted: NDArray[np.float64],
    clean: NDArray[np.float64],
    chance: NDArray[np.float64],
    groups: NDArray[np.int64],
    labels: NDArray[np.int64],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Retention:
    """The ratio of means over queries (not the mean of their ratios), with its paired interval.

    ``corrupted``, ``clean`` and ``chance`` (q,) are per-query metrics; queries where any of them is nan are ignored.
    ``groups`` and ``labels`` (q,) are codes. Each draw takes the same groups for all three, so variation between scenes
    that is common to numerator and denominator does not widen the interval.
    """
    metrics = np.column_stack([corrupted, clean, chance])
    scored = np.isfinite(metrics).all(axis=1)
    if not scored.any():
        return Retention(None, None, None)
    corrupted_mean, clean_mean, chance_mean = metrics[scored].mean(axis=0).tolist()
    raw = corrupted_mean / clean_mean if clean_mean > 0 else None
    if clean_mean - chance_mean < MIN_ABOVE_CHANCE:
        return Retention(None, raw, None)
    value = (corrupted_mean - chance_mean) / (clean_mean - chance_mean)
    units = group_sums(metrics[scored], groups[scored], labels[scored])
    if len(units) < MIN_GROUPS:
        return Retention(value, raw, None)
    _, low, high = confidence_limits(units, _ratio, seed=seed, draws=draws)
    if high[0] - low[0] < NO_SPREAD:
        return Retention(value, raw, None)
    return Retention(value, raw, Interval(float(low[0]), float(high[0]), len(units), len(units) < APPROXIMATE_BELOW))


def _ratio(totals: Floats) -> Floats:
    """(corrupted - chance) / (clean - chance) (m, 1) of totals (m, c, 4) by class; finite, if possibly very large."""
    overall = totals.sum(axis=1)
    corrupted = overall[:, 0] - overall[:, 2]
    clean = overall[:, 1] - overall[:, 2]
    # In a draw, clean images may be at chance level; a bound on the denominator keeps the ratio finite.
    bound = 1e-6 * np.maximum(overall[:, 3], 1e-6)
    ratio: Floats = (corrupted / np.where(np.abs(clean) < bound, bound, clean))[:, np.newaxis]
    return ratio
