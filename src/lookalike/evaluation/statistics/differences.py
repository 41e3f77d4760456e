"""Tests of whether two encoders differ on the same images, and the correction for many tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.evaluation.statistics.intervals import NO_SPREAD, Influence, Interval, spread, symmetric_interval
from lookalike.evaluation.statistics.sampling import Sampling

SIGNIFICANT: Final = 0.05
"""Differences whose corrected p is at most this are called significant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two encoders on the same images: ``value`` is positive where the second is better.

    ``interval`` is its 95 % interval, ``p`` the two-sided p-value of the hypothesis that new images from the same
    source show no difference; both None with fewer than ten groups. ``adjusted`` is p after Holm's correction for all
    tests of one table.
    """

    value: float
    interval: Interval | None
    p: float | None
    adjusted: float | None

    @property
    def is_significant(self) -> bool:
        """Whether the adjusted p-value shows a difference, at 5 %."""
        return self.adjusted is not None and self.adjusted <= SIGNIFICANT


def difference(value: float, influence: Influence, sampling: Sampling) -> Difference:
    """The difference ``value`` of two metrics, where ``influence`` is the difference of their influences.

    The test is Student's t, with the variance and degrees of freedom of the interval. p is 1 where no query differs.
    """
    if not sampling.basis.suffices:
        return Difference(value, None, None, None)
    found = spread(influence, sampling)
    if not found.varies:
        p = 1.0 if abs(value) < NO_SPREAD else 0.0
        return Difference(value, None, p, p)
    from scipy.special import stdtr  # slow to import

    p = float(2 * stdtr(found.freedom, -abs(value) / found.error))
    return Difference(value, symmetric_interval(value, found, sampling.basis), p, p)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p-values ``ps``, in order, adjusted for multiple tests: Holm, "A simple sequentially rejective test", 1979.

    Differences with an adjusted p of at most 0.05 are significant at a familywise level of 5 %. None is no test.
    """
    adjusted: list[float | None] = [None] * len(ps)
    known = [(p, place) for place, p in enumerate(ps) if p is not None]
    largest = 0.0
    for done, (p, place) in enumerate(sorted(known)):
        largest = max(largest, min(1.0, (len(known) - done) * p))
        adjusted[place] = largest
    return adjusted
