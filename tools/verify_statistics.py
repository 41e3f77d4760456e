"""Simulate intervals and the paired test with known truth; print a table; exit 1 if a result is out of range.

    python tools/verify_statistics.py [--cases 4000]

A 95 % interval should cover the truth in 93 to 97 % of cases from 30 groups on, and a test at 5 % should reject 4 to
6 % of true null hypotheses. With 1,000 cases, the measured share has an uncertainty of 1.4 %, nearly the width of the
ranges, so there are more. Seeded: every run prints the same.

A metric of 0 or 1 comes in steps. For a dataset with few queries, no interval covers and no test rejects in exactly the
intended share of cases; ours then err on the safe side, and only that bound is checked. The table marks these cases.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.intervals import intervals
from lookalike.evaluation.statistics.sign_flip import sign_flip_p

LEVEL: Final = 0.05
CASES: Final = 4000
COARSE: Final = 100
"""With this many groups or fewer, sums of 0 and 1 are too coarse for a test at 5 %."""

PIECES: Final = 8
"""The number of parallel pieces, each with its own seed, of the simulation of a design."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Design:
    """A population of scenes: the number of groups, their sizes, and the classes' mean metrics.

    ``sizes`` is "one" (one query per group), "equal" (five queries each) or "unequal" (1 to 20, five on
    average, most of them small). ``correlation`` is that of two queries of a group. ``shares`` are the
    classes' shares of the groups.
    """

    groups: int
    sizes: str
    means: tuple[float, ...] = (0.9, 0.75, 0.6)
    shares: tuple[float, ...] = (0.4, 0.3, 0.3)
    correlation: float = 0.2

    def __str__(self) -> str:
        """The number of groups and their sizes."""
        return f"{self.groups:3} groups, {self.sizes}"

    @property
    def numbers(self) -> Integers:
        """The number of groups in each class."""
        return np.diff(np.rint(np.cumsum((0, *self.shares)) * self.groups)).astype(np.int64)

    def truth(self, *, macro: bool) -> float:
        """The mean over queries, or over classes, of the whole population."""
        return float(np.mean(self.means) if macro else self.numbers @ self.means / self.groups)


INTERVALS: Final = tuple(Design(groups, sizes) for groups in (30, 60, 150) for sizes in ("one", "equal", "unequal"))
TESTS: Final = tuple(Design(groups, sizes) for groups in (30, 100) for sizes in ("one", "equal", "unequal"))


@dataclass(frozen=True, slots=True)
class Sample:
    """A random dataset of a design: groups and labels (q,), and each encoder's probability of success (e, q)."""

    groups: Integers
    labels: Integers
    success: Floats


def draw_sample(design: Design, rng: np.random.Generator, encoders: int = 1) -> Sample:
    """Draw a dataset; ``encoders`` are equally good, and half of a scene's difficulty is common to them."""
    label = np.repeat(np.arange(len(design.means)), design.numbers)
    mean, spread = np.array(design.means)[label], (1 - design.correlation) / design.correlation
    scene, *own = rng.beta(mean * spread, (1 - mean) * spread, (1 + encoders, design.groups))
    success = np.array(own if encoders == 1 else [(scene + one) / 2 for one in own])
    if design.sizes == "unequal":
        sizes = np.minimum(rng.geometric(0.2, design.groups), 20)
    else:
        sizes = np.full(design.groups, {"one": 1, "equal": 5}[design.sizes])
    group = np.repeat(np.arange(design.groups), sizes)
    return Sample(group, label[group], success[:, group])


def hits(success: Floats, rng: np.random.Generator) -> Floats:
    """A metric like precision@1: 0 or 1 for each query."""
    return (rng.random(success.shape) < success).astype(np.float64)


def average_precisions(success: Floats, rng: np.random.Generator) -> Floats:
    """A metric like AP: between 0 and 1, around the scene's probability of success."""
    firmness, least = 4.0, 1e-6
    inner = np.clip(success, least, 1 - least)
    return rng.beta(firmness * inner, firmness * (1 - inner))


METRICS: Final[dict[str, Callable[[Floats, np.random.Generator], Floats]]] = {
    "P@1": hits,
    "AP": average_precisions,
}
MEANS: Final = {"micro": False, "macro": True}


def coverage(design: Design, cases: int, seed: int) -> dict[str, float]:
    """The share of ``cases`` in which the interval contained the truth, for each metric and mean."""
    rng = np.random.default_rng(seed)
    inside = {f"{metric} {mean}": 0 for metric in METRICS for mean in MEANS}
    for case in range(cases):
        sample = draw_sample(design, rng)
        values = {metric: draw(sample.success[0], rng) for metric, draw in METRICS.items()}
        for mean, macro in MEANS.items():
            truth = design.truth(macro=macro)
            found = intervals(values, sample.groups, sample.labels, seed=case, macro=macro)
            for metric, interval in found.items():
                inside[f"{metric} {mean}"] += interval is not None and interval.low <= truth <= interval.high
    return {name: count / cases for name, count in inside.items()}


def rejection_rate(design: Design, cases: int, seed: int) -> dict[str, float]:
    """The share of ``cases`` in which two equally good encoders differ significantly at 5 %, for each metric."""
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(METRICS, 0)
    for case in range(cases):
        sample = draw_sample(design, rng, encoders=2)
        for metric, draw in METRICS.items():
            one, two = draw(sample.success, rng)
            found[metric] += sign_flip_p(one - two, sample.groups, seed=case) <= LEVEL
    return {name: count / cases for name, count in found.items()}


Simulation = Callable[[Design, int, int], dict[str, float]]


def run_in_pieces(pool: ProcessPoolExecutor, simulate: Simulation, design: Design, cases: int) -> dict[str, float]:
    """The result of ``simulate`` over all ``cases``, computed in parallel pieces."""
    waiting = [pool.submit(simulate, design, cases // PIECES, seed) for seed in range(PIECES)]
    pieces = [piece.result() for piece in waiting]
    return {name: sum(piece[name] for piece in pieces) / PIECES for name in pieces[0]}


def is_coarse(design: Design, metric: str) -> bool:
    """Whether the metric's steps are too large for this design."""
    return metric.startswith("P@1") and (design.sizes == "one" or design.groups <= COARSE)


def coverage_range(design: Design, metric: str) -> tuple[float, float]:
    """The accepted range of a metric's coverage."""
    return 0.93, 1.0 if is_coarse(design, metric) and design.sizes == "one" else 0.97


def rejection_range(design: Design, metric: str) -> tuple[float, float]:
    """The accepted range of a metric's rejection rate."""
    return 0.0 if is_coarse(design, metric) else 0.04, 0.06


Row = tuple[str, Design, dict[str, float], Callable[[Design, str], tuple[float, float]]]


def rows(cases: int) -> Iterator[Row]:
    """The name of each simulation, its design, the resulting shares, and the function of their accepted ranges."""
    # The processes use all processors, so threads inside them would only slow them down.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for design in INTERVALS:
            yield f"covered, {design}", design, run_in_pieces(pool, coverage, design, cases), coverage_range
        for design in TESTS:
            yield f"rejected, {design}", design, run_in_pieces(pool, rejection_rate, design, cases), rejection_range


def main() -> int:
    """Run all simulations and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=CASES, help="random datasets per design (default: %(default)s)")
    cases = parser.parse_args().cases
    started, failed = time.monotonic(), 0
    for what, design, shares, allowed in rows(cases):
        ranges = {name: allowed(design, name) for name in shares}
        holds = all(ranges[name][0] <= share <= ranges[name][1] for name, share in shares.items())
        failed += not holds
        marks = {name: "*" if 0 in ends or 1 in ends else " " for name, ends in ranges.items()}
        cells = "  ".join(f"{name} {share:6.2%}{marks[name]}" for name, share in shares.items())
        seconds = time.monotonic() - started
        print(f"{'ok  ' if holds else 'FAIL'} {what:<30} {cells} [{seconds:.0f} s]", flush=True)
    print("* comes in steps: checked on the safe side only")
    print(f"{failed or 'none'} out of range ({cases:,} cases each)")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
