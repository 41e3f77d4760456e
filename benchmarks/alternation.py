"""Measure several things in turns, so that what else the machine does meanwhile hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

# Threads of OpenMP and of ONNX Runtime go on spinning for a while when their work is done, and would take the
# processors from what is measured next.
_REST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and seconds of processor time (all threads together): what others do touches it less."""

    wall: float
    cpu: float

    def per(self, count: int) -> Spent:
        """The share of one of ``count``."""
        return Spent(self.wall / count, self.cpu / count)


Measure = Callable[[], Spent]
"""Does something once, and tells what that took."""


def measure(action: Callable[[], object], times: int = 1) -> Measure:
    """Measure something that this process does, so many times in a row."""

    def spend() -> Spent:
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            action()
        return Spent(time.perf_counter() - wall, time.process_time() - cpu)

    return spend


def in_turns(*measures: Measure, rounds: int) -> list[Spent]:
    """Medians of ``rounds`` of each, done A B C A B C ... after one of each that doesn't count."""
    for one in measures:
        one()
    spent = [[_rested(one) for one in measures] for _ in range(rounds)]
    return [Spent(median(s.wall for s in turn), median(s.cpu for s in turn)) for turn in zip(*spent, strict=True)]


def _rested(one: Measure) -> Spent:
    time.sleep(_REST_SECONDS)
    return one()
