"""Simulate intervals and the paired test where the truth is known; print a table; exit 1 if a range is missed.

    python tools/verify_statistics.py [--cases 4000]

A 95 % interval is to cover the truth in 93 to 97 % of cases from 30 groups on, and a test at 5 % to reject 4 to 6 % of
true null hypotheses. A share of 1,000 cases is itself uncertain by 1.4 % either way, nearly as much as the ranges are
wide, so there are more. Seeded: every run prints the same.

A figure of 0 or 1 comes in steps. Where a dataset has few queries, no interval covers and no test rejects in just the
share of cases that it should: ours then err on the safe side, and only that side's bound is held. The table marks it.
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
"""In as many groups or fewer, sums of 0 and 1 are too coarse for a test at 5 %."""

PIECES: Final = 8
"""Each design is simulated in so many pieces, each with a seed of its own, that share the processors."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Design:
    """A population of scenes: how many groups in all, how large they are, and what the classes' mean figures are.

    ``sizes`` is "one" (every query a group of its own), "equal" (five queries each) or "unequal" (1 to 20, five on
    average, most of them small). ``likeness`` is the correlation of two queries of a group. ``shares`` are the
    classes' shares of the groups.
    """

    groups: int
    sizes: str
    means: tuple[float, ...] = (0.9, 0.75, 0.6)
    shares: tuple[float, ...] = (0.4, 0.3, 0.3)
    likeness: float = 0.2

    def __str__(self) -> str:
        """Groups and their sizes."""
        return f"{self.groups:3} groups, {self.sizes}"

    @property
    def numbers(self) -> Codes:
        """How many groups each class has."""
        return np.diff(np.rint(np.cumsum((0, *self.shares)) * self.groups)).astype(np.int64)

    def truth(self, *, macro: bool) -> float:
        """The mean over queries, or over classes, of the whole population."""
        return float(np.mean(self.means) if macro else self.numbers @ self.means / self.groups)


INTERVALS: Final = tuple(Design(groups, sizes) for groups in (30, 60, 150) for sizes in ("one", "equal", "unequal"))
TESTS: Final = tuple(Design(groups, sizes) for groups in (30, 100) for sizes in ("one", "equal", "unequal"))


@dataclass(frozen=True, slots=True)
class Sample:
    """A dataset drawn from a design: groups and labels (q,), and each encoder's chance of success (e, q)."""

    groups: Codes
    labels: Codes
    success: Floats


def drawn(design: Design, rng: np.random.Generator, encoders: int = 1) -> Sample:
    """Draw a dataset; ``encoders`` are equally good: half of what makes a scene hard is common to them."""
    label = np.repeat(np.arange(len(design.means)), design.numbers)
    mean, spread = np.array(design.means)[label], (1 - design.likeness) / design.likeness
    scene, *own = rng.beta(mean * spread, (1 - mean) * spread, (1 + encoders, design.groups))
    success = np.array(own if encoders == 1 else [(scene + one) / 2 for one in own])
    if design.sizes == "unequal":
        sizes = np.minimum(rng.geometric(0.2, design.groups), 20)
    else:
        sizes = np.full(design.groups, {"one": 1, "equal": 5}[design.sizes])
    group = np.repeat(np.arange(design.groups), sizes)
    return Sample(group, label[group], success[:, group])


def hits(success: Floats, rng: np.random.Generator) -> Floats:
    """A figure like precision@1: 0 or 1 for each query."""
    return (rng.random(success.shape) < success).astype(np.float64)


def average_precisions(success: Floats, rng: np.random.Generator) -> Floats:
    """A figure like AP: anything from 0 to 1, about the scene's chance of success."""
    firmness, least = 4.0, 1e-6
    inner = np.clip(success, least, 1 - least)
    return rng.beta(firmness * inner, firmness * (1 - inner))


FIGURES: Final[dict[str, Callable[[Floats, np.random.Generator], Floats]]] = {
    "P@1": hits,
    "AP": average_precisions,
}
MEANS: Final = {"micro": False, "macro": True}


def covered(design: Design, cases: int, seed: int) -> dict[str, float]:
    """The share of ``cases`` in which the interval held the truth, for each figure and mean."""
    rng = np.random.default_rng(seed)
    inside = {f"{figure} {mean}": 0 for figure in FIGURES for mean in MEANS}
    for case in range(cases):
        sample = drawn(design, rng)
        values = {figure: draw(sample.success[0], rng) for figure, draw in FIGURES.items()}
        for mean, macro in MEANS.items():
            truth = design.truth(macro=macro)
            found = intervals(values, sample.groups, sample.labels, seed=case, macro=macro)
            for figure, interval in found.items():
                inside[f"{figure} {mean}"] += interval is not None and interval.low <= truth <= interval.high
    return {name: count / cases for name, count in inside.items()}


def rejected(design: Design, cases: int, seed: int) -> dict[str, float]:
    """The share of ``cases`` in which two equally good encoders are told apart at 5 %, for each figure."""
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(FIGURES, 0)
    for case in range(cases):
        sample = drawn(design, rng, encoders=2)
        for figure, draw in FIGURES.items():
            one, two = draw(sample.success, rng)
            found[figure] += sign_flip_p(one - two, sample.groups, seed=case) <= LEVEL
    return {name: count / cases for name, count in found.items()}


Simulation = Callable[[Design, int, int], dict[str, float]]


def simulated(pool: ProcessPoolExecutor, simulate: Simulation, design: Design, cases: int) -> dict[str, float]:
    """What ``simulate`` gives over all ``cases``, done in pieces at once."""
    waiting = [pool.submit(simulate, design, cases // PIECES, seed) for seed in range(PIECES)]
    pieces = [piece.result() for piece in waiting]
    return {name: sum(piece[name] for piece in pieces) / PIECES for name in pieces[0]}


def coarse(design: Design, figure: str) -> bool:
    """Whether the figure comes in steps too large for this design."""
    return figure.startswith("P@1") and (design.sizes == "one" or design.groups <= COARSE)


def coverage_range(design: Design, figure: str) -> tuple[float, float]:
    """Between what shares the coverage of a figure is to be."""
    return 0.93, 1.0 if coarse(design, figure) and design.sizes == "one" else 0.97


def rejection_range(design: Design, figure: str) -> tuple[float, float]:
    """Between what shares the rejections by a figure are to be."""
    return 0.0 if coarse(design, figure) else 0.04, 0.06


Row = tuple[str, Design, dict[str, float], Callable[[Design, str], tuple[float, float]]]


def rows(cases: int) -> Iterator[Row]:
    """What was simulated, the shares that came out, and the ranges that they are to be in."""
    # The processes share out the processors; threads of theirs would only be in one another's way.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for design in INTERVALS:
            yield f"covered, {design}", design, simulated(pool, covered, design, cases), coverage_range
        for design in TESTS:
            yield f"rejected, {design}", design, simulated(pool, rejected, design, cases), rejection_range


def main() -> int:
    """Simulate everything, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases", type=int, default=CASES, help="datasets drawn from each design (default: %(default)s)"
    )
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
    print("* comes in steps: held on the safe side only")
    print(f"{failed or 'none'} out of range ({cases:,} cases each)")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
