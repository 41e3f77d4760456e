"""Measure several things alternately, so that other load on the machine affects all of them equally."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
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


def _run_rested(measurement: Measure) -> Timing:
    time.sleep(_REST_SECONDS)
    return measurement()


def _cpu_seconds() -> float:
    """The processor time of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
