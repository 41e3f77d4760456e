"""Similarities between unit vectors (cosines), and the exact nearest by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import QueryError

# Float32 products of unit vectors, summed in whatever order a BLAS likes, are within this of the true cosine.
ROUNDING: Final = 1e-5

_BLOCK_BYTES: Final = 32 << 20


def similarity_matrix(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """S = Q Gᵀ: cosines, float32 (q, n), of unit vectors ``queries`` (q, d) and ``gallery`` (n, d).

    Within ``ROUNDING`` of the true cosines; use :func:`cosines` where the last digits decide an order.
    """
    # Products with few queries are bound by reading the gallery; numpy takes the fastest path with it on the left.
    return np.ascontiguousarray((gallery @ queries.T).T)


def cosines(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of one ``query`` (d,) with ``vectors`` (n, d), summed in float64 in one fixed order.

    Equal vectors get equal values, whatever their places: what ties are judged by. Clipped to [-1, 1].
    """
    wide = query.astype(np.float64)
    products = np.empty(len(vectors))
    for part in blocks(len(vectors), wide.nbytes):
        products[part] = (vectors[part] * wide).sum(axis=1)
    # Rounded to float32's own resolution, below which differences say nothing about the pictures.
    return np.clip(np.round(products, 7), -1.0, 1.0)


def combined(terms: Sequence[tuple[NDArray[np.float32], float]]) -> NDArray[np.float32]:
    """The sum of vectors (d,) times their weights, brought back to length 1: float32 (d,).

    Weights count by their proportions; a single vector comes out as it is. Raises
    :class:`~lookalike.errors.QueryError` where a weight is no number, or the terms cancel out.
    """
    largest = max(abs(weight) for _, weight in terms)
    if not 0 < largest < np.inf or any(np.isnan(weight) for _, weight in terms):
        raise QueryError("the weights of a query's terms are numbers, not all of them 0")
    if len(terms) == 1 and terms[0][1] > 0:
        return terms[0][0]
    parts = (weight / largest * vector.astype(np.float64) for vector, weight in terms)
    total = sum(parts, np.zeros(len(terms[0][0])))
    length = float(np.linalg.norm(total))
    if length < ROUNDING:
        raise QueryError("the terms of the query cancel out: nothing is left to look for")
    return (total / length).astype(np.float32)


def nearest(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Places, in rising order, of all ``scores`` (n,) that could be among the ``k`` greatest once computed exactly.

    These are the ``k`` greatest and any others within rounding of the least of them; those at -inf never are.
    """
    possible = np.flatnonzero(scores > -np.inf)
    if len(possible) <= k:
        return possible
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= least - 2 * ROUNDING) if least > -np.inf else possible


def blocks(length: int, row_bytes: int) -> Iterator[slice]:
    """Slices that cover ``range(length)``, each of rows that take up to 32 MiB together."""
    step = max(1, _BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
