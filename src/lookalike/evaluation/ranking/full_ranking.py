"""The exact ranking of a gallery for many queries: the first places, and the ranks of all relevant images.

:mod:`~lookalike.evaluation.ranking.exact_scores` defines which scores are equal, and
:mod:`~lookalike.evaluation.ranking.ties` the order of equal scores. The result does not depend on block sizes, threads
or the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.ahead import map_ahead
from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.ranking.exact_scores import levels, products, scores, snap
from lookalike.evaluation.ranking.ties import break_ties
from lookalike.evaluation.statistics.effects import FullRanking
from lookalike.evaluation.statistics.metrics import average_precision, average_precision_at_r
from lookalike.machine import processors
from lookalike.progress import Progress

# Scores per block, over all threads: this bounds memory, at 8 bytes a score for full rankings and 4 for first places.
# Larger blocks are hardly faster.
_BLOCK_SCORES: Final = 16_000_000

# How many blocks each thread ranks ahead of the visitor.
_BLOCKS_AHEAD: Final = 2

_REMOVED: Final = np.iinfo(np.int64).max
_PLACE_BITS: Final = 32


class Visitor(Protocol):
    """Sees all full rankings, of which :class:`Rankings` keeps only the first places."""

    @property
    def blocks(self) -> Sequence[NDArray[np.intp]]:
        """The positions of the queries to rank together: each query once, in the order in which they are added."""
        ...

    def visit(self, block: NDArray[np.intp], rankings: Iterator[FullRanking], /) -> Any:
        """Go through the ``rankings`` of the queries of a ``block``. Several threads call this at once."""
        ...

    def add(self, visited: Any, /) -> None:
        """Take the result of :meth:`visit` of each block in turn. One thread calls this."""
        ...


class _Blocks:
    """A visitor that takes nothing."""

    def __init__(self, blocks: Sequence[NDArray[np.intp]]) -> None:
        self.blocks = blocks

    def visit(self, _block: NDArray[np.intp], rankings: Iterator[FullRanking]) -> None:
        """Have every query ranked."""
        for _ in rankings:
            pass

    def add(self, visited: None) -> None:
        """Take nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """The rankings of the gallery for q queries, with self and junk removed.

    ``queries`` are the queries' row numbers (q,). Of the first k places, ``rows`` are the row numbers int64 (q, k), -1
    where the gallery ends; ``scores`` the cosines float32 (q, k), nan there; ``relevant`` bool (q, k), False there.
    ``R`` and ``size`` int64 (q,) count the relevant images and all images of each query's gallery.

    ``ap`` and ``ap_at_r`` are AP and AP@R on the full ranking (float64 (q,), nan where R = 0), ``first_relevant`` the
    rank of the first relevant image (int64 (q,), 0 where R = 0).

    ``tied_share`` (0 to 1) is the share of adjacent pairs with equal scores, ordered by the seeded hash alone, in the
    full rankings of queries with R > 0.
    """

    queries: NDArray[np.intp]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    relevant: NDArray[np.bool_]
    R: NDArray[np.int64]
    size: NDArray[np.int64]
    ap: NDArray[np.float64]
    ap_at_r: NDArray[np.float64]
    first_relevant: NDArray[np.int64]
    tied_share: float


def rank_gallery(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    relevance: Relevance,
    *,
    k: int,
    seed: int = 0,
    progress: Progress | None = None,
    visitor: Visitor | None = None,
    threads: int | None = None,
    block_scores: int = _BLOCK_SCORES,
) -> Rankings:
    """Rank ``gallery`` (n, d) by descending cosine for each of ``queries`` (q, d): unit vectors, float32.

    These are the vectors of ``relevance.queries`` and ``relevance.gallery``, in that order; the vectors of corrupted
    queries go with the rows of the clean ones. ``progress`` is called with the numbers of queries done and in total,
    and ``visitor`` with every full ranking. ``threads`` defaults to one per processor, and ``block_scores`` bounds the
    scores computed at once. Raises ``ValueError`` where shapes do not match, vectors are not of length 1, or ``k`` is
    less than 1.
    """
    if len(queries) != len(relevance.queries) or len(gallery) != len(relevance.gallery):
        raise ValueError("relevance must have one row for each query and each gallery vector")
    if k < 1:
        raise ValueError("k must be at least 1")
    same = queries is gallery
    gallery = snap(gallery)
    job = _Job(gallery if same else snap(queries), gallery, relevance, k=k, seed=seed)
    workers = threads or processors()
    if visitor is None:
        step = max(1, block_scores // workers // max(1, len(gallery)))
        visitor = _Blocks(np.array_split(np.arange(len(queries)), range(step, len(queries), step)))
    done = 0
    ranked = map_ahead(
        lambda block: visitor.visit(block, job.rank(block)), visitor.blocks, _BLOCKS_AHEAD * workers, threads=workers
    )
    for block, visited in zip(visitor.blocks, ranked, strict=True):
        visitor.add(visited)
        done += len(block)
        if progress is not None:
            progress(done, len(queries))
    return job.rankings()


class _Job:
    """Ranks blocks of queries, writing each to its own part of the results."""

    def __init__(
        self,
        queries: NDArray[np.float32],
        gallery: NDArray[np.float32],
        relevance: Relevance,
        *,
        k: int,
        seed: int,
    ) -> None:
        if queries.shape[1] != gallery.shape[1]:
            raise ValueError("queries and gallery must have the same dimension")
        self._queries, self._gallery, self._relevance = queries, gallery, relevance
        self._k, self._seed = k, seed
        count = len(queries)
        # Computed here, before threads start, so that they are computed only once.
        self._size, self._total = relevance.size, relevance.R
        self._rows = np.full((count, k), -1, np.int64)
        self._levels = np.zeros((count, k), np.int64)
        self._ap, self._ap_at_r = np.full(count, np.nan), np.full(count, np.nan)
        self._first_relevant = np.zeros(count, np.int64)
        self._tied, self._compared = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def rank(self, block: NDArray[np.intp]) -> Iterator[FullRanking]:
        """Rank the gallery for one block of queries, one after the other."""
        cosines = products(self._queries[block], self._gallery)
        return (self._rank_query(query, row) for query, row in zip(block.tolist(), cosines, strict=True))

    def _rank_query(self, query: int, cosines: NDArray[np.float64]) -> FullRanking:
        """Rank the whole gallery for the query at position ``query``."""
        relevance, k = self._relevance, self._k
        # Sorting steps and positions packed into one integer is twice as fast as an argsort of the steps.
        keys = (-levels(cosines) << _PLACE_BITS) | np.arange(len(cosines))
        keys[relevance.excluded(query)] = _REMOVED
        keys.sort()
        keys = keys[: self._size[query]]
        places = keys & ((1 << _PLACE_BITS) - 1)
        steps = -(keys >> _PLACE_BITS)
        relevant = relevance.relevant(query)[places]
        equal = steps[1:] == steps[:-1]
        if equal.any():
            matters = equal & (relevant[1:] != relevant[:-1])
            matters[:k] |= equal[:k]
            order = break_ties(
                equal, matters, relevance.gallery[places], seed=self._seed, query_row=int(relevance.queries[query])
            )
            places, relevant = places[order], relevant[order]
        self._tied[query], self._compared[query] = np.count_nonzero(equal), len(equal)
        count = min(k, len(places))
        self._rows[query, :count] = relevance.gallery[places[:count]]
        self._levels[query, :count] = steps[:count]
        ranks = np.flatnonzero(relevant) + 1
        self._ap[query], self._ap_at_r[query] = average_precision(ranks), average_precision_at_r(ranks)
        self._first_relevant[query] = ranks[0] if len(ranks) else 0
        return FullRanking(query, places, relevant)

    def rankings(self) -> Rankings:
        """The results of all queries."""
        relevance = self._relevance
        labels = relevance.rows.labels
        query_labels = labels[relevance.queries][:, np.newaxis]
        relevant = (labels[self._rows] == query_labels) & (query_labels >= 0) & (self._rows >= 0)
        scored = self._total > 0
        compared = int(self._compared[scored].sum())
        return Rankings(
            queries=relevance.queries,
            rows=self._rows,
            scores=np.where(self._rows >= 0, scores(self._levels), np.float32(np.nan)),
            relevant=relevant,
            R=self._total,
            size=self._size,
            ap=self._ap,
            ap_at_r=self._ap_at_r,
            first_relevant=self._first_relevant,
            tied_share=int(self._tied[scored].sum()) / compared if compared else 0.0,
        )
