"""The rankings that experiments are made of: 25,000 queries in a gallery of 25,000, each picture a query."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import in_turns, measure
from benchmarks.galleries import unit_vectors
from benchmarks.photographs import Place
from benchmarks.processes import peak_memory_of
from benchmarks.report import Line, Target, skipped
from lookalike.evaluation.data.relevance import Relevance, Rows
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import deepest, per_query

_PICTURES = 25_000
_DIMENSION = 512
_KS = (1, 5, 10)
_BLOCK = 1024
_CLASSES = 2
_GROUP = 5
_TIMES = 3
_MEGABYTES = 1000
_FULL = "from benchmarks.ranking import figures, pictures; figures(*pictures(), full=True)"


def run(place: Place) -> Iterator[Line]:
    """Figures of the first places against the bare product; the full ranking's time beside it, and its memory."""
    vectors, relevance = pictures()
    names = ("top-k figures", "all figures, full mAP among them")
    first, full, bare = in_turns(
        measure(lambda: figures(vectors, relevance, full=False)),
        measure(lambda: figures(vectors, relevance, full=True)),
        measure(lambda: _product(vectors)),
        rounds=1 if place.quick else 5,
    )
    for name, spent, target in zip(names, (first, full), (Target(_TIMES, most=True), None), strict=True):
        what = f"{name}, {_PICTURES:,} in {_PICTURES:,} x {_DIMENSION}"
        yield Line(what, f"{spent.wall:.1f} s", f"bare product {bare.wall:.1f} s", spent.wall / bare.wall, target)
    peak = peak_memory_of([sys.executable, "-c", _FULL])
    if peak is None:
        yield skipped("its peak memory", "only Linux tells")
    else:
        yield Line(
            "peak memory of all figures, the whole process",
            f"{peak:.0f} MB",
            f"limit {_MEGABYTES} MB",
            peak / _MEGABYTES,
            Target(1, most=True),
        )


def pictures() -> tuple[NDArray[np.float32], Relevance]:
    """Vectors in no particular order, of two classes, in groups of five."""
    vectors = unit_vectors(np.random.default_rng(0), _PICTURES, _DIMENSION)
    numbers = np.arange(_PICTURES)
    groups = numbers // _GROUP
    alone = np.full(_PICTURES, -1)
    return vectors, Relevance(Rows(labels=groups % _CLASSES, groups=groups, visits=alone, contents=numbers))


def figures(vectors: NDArray[np.float32], relevance: Relevance, *, full: bool) -> dict[str, NDArray[np.float64]]:
    """Every figure of every query."""
    rankings = rank_gallery(vectors, vectors, relevance, k=deepest(_KS), full=full)
    return per_query(rankings, _KS, relevance.rows.labels)


def _product(vectors: NDArray[np.float32]) -> None:
    """The similarity matrix, a block at a time: it would take 2.5 GB as a whole."""
    block = np.empty((_BLOCK, len(vectors)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        np.matmul(part, vectors.T, out=block[: len(part)])
