"""The first places of many rankings, without ranking the rest: not much slower than the product of the matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.ranking.exact_scores import STEP, levels, pair_products
from lookalike.evaluation.ranking.ties import in_drawn_order
from lookalike.search.similarity import ROUNDING

# Approximate scores are wrong by ROUNDING each; exact ones are brought to whole steps.
_SLACK: Final = np.float32(2 * ROUNDING + STEP)

_LONGEST_CHUNK: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What is asked: the first ``k`` places of each query, ties drawn by ``seed`` and by the numbers of rows.

    ``query_rows`` (q,) and ``gallery_rows`` (n,) are those numbers.
    """

    k: int
    seed: int
    query_rows: NDArray[np.intp]
    gallery_rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class FirstPlaces:
    """The first k places of q rankings: row numbers ``rows`` int64 (q, k), -1 where the gallery ends, and ``levels``.

    ``compared`` int64 (q,) counts neighbours up to the place after the k-th, ``tied`` those of them with equal scores.
    """

    rows: NDArray[np.int64]
    levels: NDArray[np.int64]
    tied: NDArray[np.int64]
    compared: NDArray[np.int64]


def first_places(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    excluded: Sequence[NDArray[np.intp]],
    asked: Places,
) -> FirstPlaces:
    """The first places of snapped ``queries`` (q, d) in snapped ``gallery`` (n, d).

    ``excluded`` holds, for each query, the places in the gallery that are removed.
    """
    of_queries, in_gallery = _candidates(queries, gallery, excluded, asked.k + 1)
    steps = levels(pair_products(queries, gallery, (of_queries, in_gallery)))
    order = np.lexsort((in_gallery, -steps, of_queries))
    of_queries, in_gallery, steps = of_queries[order], in_gallery[order], steps[order]
    starts = np.searchsorted(of_queries, np.arange(len(queries) + 1))
    rank = np.arange(len(of_queries)) - starts[of_queries]
    rows = asked.gallery_rows[in_gallery]
    equal = (steps[1:] == steps[:-1]) & (of_queries[1:] == of_queries[:-1])
    matters = equal & (rank[:-1] < asked.k)
    for query in np.unique(of_queries[:-1][matters]).tolist():
        part, inner = slice(starts[query], starts[query + 1]), slice(starts[query], starts[query + 1] - 1)
        query_row = int(asked.query_rows[query])
        drawn = in_drawn_order(equal[inner], matters[inner], rows[part], seed=asked.seed, query_row=query_row)
        rows[part] = rows[part][drawn]
    result = FirstPlaces(
        rows=np.full((len(queries), asked.k), -1, np.int64),
        levels=np.zeros((len(queries), asked.k), np.int64),
        tied=np.bincount(of_queries[:-1][matters], minlength=len(queries)),
        compared=np.minimum(np.maximum(np.diff(starts) - 1, 0), asked.k),
    )
    kept = rank < asked.k
    result.rows[of_queries[kept], rank[kept]] = rows[kept]
    result.levels[of_queries[kept], rank[kept]] = steps[kept]
    return result


def _candidates(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], excluded: Sequence[NDArray[np.intp]], wanted: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of places of queries and in the gallery: all that could be among the ``wanted`` first, and few others.

    Columns are dealt to chunks like cards. At least ``wanted`` scores are no less than the ``wanted``-th greatest of
    the chunks' maxima, so whatever is less, beyond rounding, isn't wanted. Only one pass goes over all the scores.
    """
    number = len(gallery)
    length = min(max(number // (16 * wanted), 1), _LONGEST_CHUNK)
    chunks = -(-number // length)
    approximate = np.full((len(queries), chunks * length), -np.inf, np.float32)
    np.matmul(queries, gallery.T, out=approximate[:, :number])
    for row, removed in zip(approximate, excluded, strict=True):
        row[removed] = -np.inf
    dealt = approximate.reshape(len(queries), length, chunks)
    greatest = dealt.max(axis=1)
    least = np.full((len(queries), 1), -np.inf, np.float32)
    if chunks > wanted:
        # Scores beyond 1 count as 1, so that those are equals.
        least = np.minimum(np.partition(greatest, chunks - wanted, axis=1)[:, [chunks - wanted]], 1) - _SLACK
    of_queries, chunk = np.nonzero((greatest >= least) & (greatest > -np.inf))
    values = dealt[of_queries, :, chunk]
    pair, card = np.nonzero((values >= least[of_queries]) & (values > -np.inf))
    return of_queries[pair], card * chunks + chunk[pair]
