"""Measure several things alternately, so that other load on the machine affects all of them equally."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

# Threads of OpenMP and ONNX Runtime keep spinning for a while after their work, which would slow down the next
# measurement.
_REST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall-clock seconds, and CPU seconds of all threads; other processes affect CPU time less."""

    wall: float
    cpu: float

    def per(self, count: int) -> Timing:
        """The time per item of ``count`` items."""
        return Timing(self.wall / count, self.cpu / count)


Measure = Callable[[], Timing]
"""Does something once and returns the time it took."""


def measure(action: Callable[[], object], times: int = 1) -> Measure:
    """Measure an action in this process, repeated ``times`` times."""

    def run() -> Timing:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        for _ in range(times):
            action()
        return Timing(time.perf_counter() - wall, _cpu_seconds() - cpu)

    return run


def alternate(*measures: Measure, rounds: int) -> list[Timing]:
    """Median timing of each over ``rounds`` rounds in the order A B C A B C ..., after one round that is discarded."""
    for measurement in measures:
        measurement()
    timings = [[_run_rested(measurement) for measurement in measures] for _ in range(rounds)]
    return [Timing(median(t.wall for t in each), median(t.cpu for t in each)) for each in zip(*timings, strict=True)]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of ratios, and a 95 % interval of it: order statistics by the normal approximation."""

    median: float
    low: float
    high: float


def paired_ratio(first: Callable[[int], object], second: Callable[[int], object], pairs: int) -> Ratio:
    """The elapsed time of ``first`` by that of ``second``, in pairs of which every other one begins with ``second``.

    Both are called with the number of the pair. Short runs, many of them: whatever else slows the machine down for a
    while then affects few pairs, and both sides of them.
    """
    ratios = sorted(_seconds_by_seconds(first, second, number) for number in range(pairs))
    reach = round(0.98 * pairs**0.5)
    middle = pairs // 2
    return Ratio(median(ratios), ratios[max(0, middle - reach)], ratios[min(pairs - 1, middle + reach)])


def _seconds_by_seconds(first: Callable[[int], object], second: Callable[[int], object], number: int) -> float:
    order = (first, second) if number % 2 else (second, first)
    seconds = {action: measure(partial(action, number))().wall for action in order}
    return seconds[first] / seconds[second]


def _run_rested(measurement: Measure) -> Timing:
    time.sleep(_REST_SECONDS)
    return measurement()


def _cpu_seconds() -> float:
    """The processor time of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
