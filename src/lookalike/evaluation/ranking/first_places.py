"""The first k places of many rankings, in little more time than the matrix product takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.ranking.exact_scores import STEP, levels, pair_products
from lookalike.evaluation.ranking.ties import break_ties
from lookalike.search.similarity import ROUNDING

# Approximate scores are off by up to ROUNDING each; exact ones are rounded to whole steps.
_SLACK: Final = np.float32(2 * ROUNDING + STEP)

_MAX_CHUNK: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class RankingRequest:
    """The first ``k`` places of each query, ties broken by ``seed`` and row numbers.

    ``query_rows`` (q,) and ``gallery_rows`` (n,) are the row numbers.
    """

    k: int
    seed: int
    query_rows: NDArray[np.intp]
    gallery_rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class FirstPlaces:
    """The first k places of q rankings: row numbers ``rows`` int64 (q, k), -1 where the gallery ends, and ``levels``.

    ``compared`` int64 (q,) counts adjacent pairs up to the place after the k-th, ``tied`` those with equal scores.
    """

    rows: NDArray[np.int64]
    levels: NDArray[np.int64]
    tied: NDArray[np.int64]
    compared: NDArray[np.int64]


def first_places(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    excluded: Sequence[NDArray[np.intp]],
    request: RankingRequest,
) -> FirstPlaces:
    """The first places of snapped ``queries`` (q, d) in snapped ``gallery`` (n, d).

    ``excluded`` has, for each query, the gallery positions that are removed.
    """
    query_of, place_of = _candidates(queries, gallery, excluded, request.k + 1)
    steps = levels(pair_products(queries, gallery, (query_of, place_of)))
    order = np.lexsort((place_of, -steps, query_of))
    query_of, place_of, steps = query_of[order], place_of[order], steps[order]
    starts = np.searchsorted(query_of, np.arange(len(queries) + 1))
    rank = np.arange(len(query_of)) - starts[query_of]
    rows = request.gallery_rows[place_of]
    equal = (steps[1:] == steps[:-1]) & (query_of[1:] == query_of[:-1])
    matters = equal & (rank[:-1] < request.k)
    for query in np.unique(query_of[:-1][matters]).tolist():
        part, inner = slice(starts[query], starts[query + 1]), slice(starts[query], starts[query + 1] - 1)
        query_row = int(request.query_rows[query])
        order = break_ties(equal[inner], matters[inner], rows[part], seed=request.seed, query_row=query_row)
        rows[part] = rows[part][order]
    result = FirstPlaces(
        rows=np.full((len(queries), request.k), -1, np.int64),
        levels=np.zeros((len(queries), request.k), np.int64),
        tied=np.bincount(query_of[:-1][matters], minlength=len(queries)),
        compared=np.minimum(np.maximum(np.diff(starts) - 1, 0), request.k),
    )
    first = rank < request.k
    result.rows[query_of[first], rank[first]] = rows[first]
    result.levels[query_of[first], rank[first]] = steps[first]
    return result


def _candidates(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], excluded: Sequence[NDArray[np.intp]], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Query and gallery positions of all pairs that could be among the first ``count``, and few others.

    Columns are distributed over chunks in turn. At least ``count`` scores are no less than the ``count``-th greatest
    of the chunks' maxima, so any score below that, beyond rounding, can be dropped. The scores are read only once.
    """
    size = len(gallery)
    length = min(max(size // (16 * count), 1), _MAX_CHUNK)
    chunks = -(-size // length)
    approximate = np.full((len(queries), chunks * length), -np.inf, np.float32)
    np.matmul(queries, gallery.T, out=approximate[:, :size])
    for row, removed in zip(approximate, excluded, strict=True):
        row[removed] = -np.inf
    chunked = approximate.reshape(len(queries), length, chunks)
    maxima = chunked.max(axis=1)
    threshold = np.full((len(queries), 1), -np.inf, np.float32)
    if chunks > count:
        # Scores above 1 count as 1, so that they are ties.
        threshold = np.minimum(np.partition(maxima, chunks - count, axis=1)[:, [chunks - count]], 1) - _SLACK
    query_of, chunk = np.nonzero((maxima >= threshold) & (maxima > -np.inf))
    values = chunked[query_of, :, chunk]
    pair, offset = np.nonzero((values >= threshold[query_of]) & (values > -np.inf))
    return query_of[pair], offset * chunks + chunk[pair]
