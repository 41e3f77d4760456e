"""The rankings used by experiments: each of 25,000 images is a query against all others."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import alternate, measure
from benchmarks.galleries import unit_vectors
from benchmarks.images import Workspace
from benchmarks.processes import peak_memory_of
from benchmarks.report import Line, Target, skipped
from lookalike.evaluation.data.relevance import Relevance, RowCodes
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import query_metrics, required_depth

_IMAGES = 25_000
_DIMENSION = 512
_KS = (1, 5, 10)
_BLOCK = 1024
_CLASSES = 2
_GROUP = 5
_MEGABYTES = 1000
_METRICS = "from benchmarks.ranking import metrics, random_images; metrics(*random_images())"


def run(workspace: Workspace) -> Iterator[Line]:
    """All metrics of full rankings, compared with the matrix product alone; peak memory."""
    vectors, relevance = random_images()
    ours, bare = alternate(
        measure(lambda: metrics(vectors, relevance)),
        measure(lambda: _product(vectors)),
        rounds=1 if workspace.quick else 5,
    )
    what = f"all metrics, {_IMAGES:,} in {_IMAGES:,} x {_DIMENSION}"
    yield Line(what, f"{ours.wall:.1f} s", f"product alone {bare.wall:.1f} s", ours.wall / bare.wall)
    peak = peak_memory_of([sys.executable, "-c", _METRICS])
    if peak is None:
        yield skipped("its peak memory", "needs Linux")
    else:
        yield Line(
            "peak memory of all metrics (whole process)",
            f"{peak:.0f} MB",
            f"limit {_MEGABYTES} MB",
            peak / _MEGABYTES,
            Target(1, most=True),
        )


def random_images() -> tuple[NDArray[np.float32], Relevance]:
    """Random vectors in two classes and groups of five, with their relevance."""
    vectors = unit_vectors(np.random.default_rng(0), _IMAGES, _DIMENSION)
    numbers = np.arange(_IMAGES)
    groups = numbers // _GROUP
    no_visits = np.full(_IMAGES, -1)
    return vectors, Relevance(RowCodes(labels=groups % _CLASSES, groups=groups, visits=no_visits, contents=numbers))


def metrics(vectors: NDArray[np.float32], relevance: Relevance) -> dict[str, NDArray[np.float64]]:
    """All metrics of all queries."""
    rankings = rank_gallery(vectors, vectors, relevance, k=required_depth(_KS))
    return query_metrics(rankings, _KS, relevance.rows.labels)


def _product(vectors: NDArray[np.float32]) -> None:
    """Compute the similarity matrix in blocks, because all of it would take 2.5 GB."""
    block = np.empty((_BLOCK, len(vectors)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        np.matmul(part, vectors.T, out=block[: len(part)])
