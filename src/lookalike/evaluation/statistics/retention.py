"""Retention: the share of a metric above chance that remains under a corruption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lookalike.evaluation.statistics.intervals import Influence, Interval, ratio_interval
from lookalike.evaluation.statistics.sampling import Sampling

MIN_ABOVE_CHANCE: Final = 0.05
"""Retention is undefined where the clean metric is less than this above chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The mean of a metric over queries, with the influence of groups on it."""

    value: float
    influence: Influence


@dataclass(frozen=True, slots=True, eq=False)
class Retention:
    """The retention of a metric under a corruption.

    ``value`` is (corrupted - chance) / (clean - chance): 1 if nothing is lost, 0 at chance level, negative below it;
    None (n/a) where clean - chance < 0.05. ``raw`` is corrupted / clean, None where clean is 0. ``interval`` is the
    95 % interval of ``value``; None where ``value`` is, with fewer than 10 groups, and where it doesn't vary.
    ``influence`` is that of groups on ``value``, None where ``value`` is.
    """

    value: float | None
    raw: float | None
    interval: Interval | None
    influence: Influence | None


def retention(corrupted: Measured, clean: Measured, chance: float, sampling: Sampling) -> Retention:
    """The ratio of means over queries (not the mean of their ratios), with its paired interval.

    What is common to both means does not widen the interval: the influence on a ratio is that on its numerator, minus
    the ratio times that on its denominator, divided by the denominator. ``chance`` is taken as known: it follows from
    the numbers of images.
    """
    raw = corrupted.value / clean.value if clean.value > 0 else None
    above = clean.value - chance
    if above < MIN_ABOVE_CHANCE:
        return Retention(None, raw, None, None)
    value = (corrupted.value - chance) / above
    influence = ((corrupted.influence - value * clean.influence) / above).astype(clean.influence.dtype)
    interval = ratio_interval(corrupted.value - chance, above, (corrupted.influence, clean.influence), sampling)
    return Retention(value, raw, interval, influence)
