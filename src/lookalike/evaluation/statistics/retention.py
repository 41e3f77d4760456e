"""Retention: how much of what lies above chance is left under damage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import Floats, grouped, limits
from lookalike.evaluation.statistics.intervals import DRAWS, ENOUGH, FEWEST, NO_SPREAD, Interval

LEAST_ABOVE_CHANCE: Final = 0.05
"""Where clean figures are no more than this above chance there is nothing to retain."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What damage leaves of a figure.

    ``value`` is (corrupted - chance) / (clean - chance): 1 where nothing is lost, 0 at chance level, below 0 beneath
    it; None (n/a) where clean - chance < 0.05. ``raw`` is corrupted / clean, None where clean is 0. ``interval`` is
    that of ``value``; None where there is none, with fewer than 10 groups, and where it is the same in every draw, so
    that resampling says nothing about it.
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

    ``corrupted``, ``clean`` and ``chance`` (q,) are per-query figures; queries where any of them is nan don't count.
    ``groups`` and ``labels`` (q,) are codes. Each draw takes the same groups for all three, so what varies between
    scenes alike on both sides of the ratio doesn't widen the interval.
    """
    figures = np.column_stack([corrupted, clean, chance])
    scored = np.isfinite(figures).all(axis=1)
    if not scored.any():
        return Retention(None, None, None)
    damaged, whole, random = figures[scored].mean(axis=0).tolist()
    raw = damaged / whole if whole > 0 else None
    if whole - random < LEAST_ABOVE_CHANCE:
        return Retention(None, raw, None)
    value = (damaged - random) / (whole - random)
    units = grouped(figures[scored], groups[scored], labels[scored])
    if len(units) < FEWEST:
        return Retention(value, raw, None)
    _, low, high = limits(units, _ratio, seed=seed, draws=draws)
    if high[0] - low[0] < NO_SPREAD:
        return Retention(value, raw, None)
    return Retention(value, raw, Interval(float(low[0]), float(high[0]), len(units), len(units) < ENOUGH))


def _ratio(totals: Floats) -> Floats:
    """(corrupted - chance) / (clean - chance) (m, 1) of totals (m, c, 4) by class; nan never, at worst far off."""
    everything = totals.sum(axis=1)
    above = everything[:, 0] - everything[:, 2]
    whole = everything[:, 1] - everything[:, 2]
    # A draw may hold only groups that clean pictures fail on too; it says that nothing is sure, and no more than that.
    least = 1e-6 * np.maximum(everything[:, 3], 1e-6)
    ratio: Floats = (above / np.where(np.abs(whole) < least, least, whole))[:, np.newaxis]
    return ratio
