"""Cosine similarity of unit vectors, and exact nearest neighbours by it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import QueryError

# The largest error of a float32 dot product of two unit vectors, in whichever order the BLAS library adds.
ROUNDING: Final = 1e-5

_LENGTH_TOLERANCE: Final = 1e-3
"""How far from 1 the length of a unit vector may be."""

BLOCK_BYTES: Final = 32 << 20
"""How much is computed at once where all of it would take too much memory."""

# A product with 2 queries takes OpenBLAS five times as long as one with a single query, and one with 8 six times.
_LEAST_TOGETHER: Final = 6


def similarity_matrix(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """S = Q Gᵀ: cosines, float32 (q, n), of unit vectors ``queries`` (q, d) and ``gallery`` (n, d).

    Values are within ``ROUNDING`` of the exact cosines; use :func:`cosines` where the last digits affect the order.
    """
    # With few queries, reading the gallery takes the time; numpy is fastest with the gallery on the left.
    return np.ascontiguousarray((gallery @ queries.T).T)


class SharedScan:
    """Similarities of queries with one matrix, for many threads: queries that come during a scan share the next one.

    A matrix product already uses all processors, and several at once hinder one another; one with the queries of all
    waiting threads reads the matrix only once.
    """

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        """Prepare to scan ``matrix`` (n, d)."""
        self._matrix = matrix
        self._scanning = threading.Lock()
        self._waiting: deque[_Request] = deque()

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """:func:`similarity_matrix` of ``queries`` (q, d) and the matrix: float32 (q, n)."""
        request = _Request(queries)
        self._waiting.append(request)
        with self._scanning:
            if request.scores is None:  # else another thread has computed them
                self._scan(request)
        assert request.scores is not None  # noqa: S101  for the type checker
        return request.scores

    def _scan(self, own: _Request) -> None:
        """Compute the scores of a thread's own request, and of as many others as fit into a block."""
        with contextlib.suppress(ValueError):  # if an earlier scan took it, and failed
            self._waiting.remove(own)
        batch, size = [own], len(own.queries)
        limit = BLOCK_BYTES // max(1, self._matrix.itemsize * len(self._matrix))
        while self._waiting and size + len(self._waiting[0].queries) <= limit:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].queries)
        scores = self._product(np.concatenate([request.queries for request in batch]))
        ends = np.cumsum([len(request.queries) for request in batch])[:-1]
        for request, part in zip(batch, np.split(scores, ends), strict=True):
            request.scores = part

    def _product(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(queries) >= _LEAST_TOGETHER:
            return similarity_matrix(queries, self._matrix)
        return np.concatenate([similarity_matrix(query[np.newaxis], self._matrix) for query in queries])


@dataclass(slots=True, eq=False)
class _Request:
    """The queries of one thread, and their scores once they are computed."""

    queries: NDArray[np.float32]
    scores: NDArray[np.float32] | None = None


def cosines(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of one ``query`` (d,) with ``vectors`` (n, d): float64 (n,), in [-1, 1].

    Summed in float64 in a fixed order, so equal vectors get equal values wherever they are in the array. Ties are
    decided by these values.
    """
    wide = query.astype(np.float64)
    products = np.empty(len(vectors))
    for part in blocks(len(vectors), wide.nbytes):
        products[part] = (vectors[part] * wide).sum(axis=1)
    # The resolution of the float32 inputs; smaller differences are noise.
    return np.clip(np.round(products, 7), -1.0, 1.0)


def are_unit(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of ``vectors`` (..., d) have length 1, give or take 0.001: bool (...). NaN and infinity have not."""
    lengths = np.sqrt(np.einsum("...d,...d->...", vectors, vectors, dtype=np.float64))
    return np.asarray(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)


def combine(terms: Sequence[tuple[NDArray[np.float32], float]]) -> NDArray[np.float32]:
    """The weighted sum of vectors (d,), normalised to length 1: float32 (d,).

    Only the proportions of the weights matter; a single vector with a positive weight is returned unchanged. Raises
    :class:`~lookalike.errors.QueryError` if a weight is NaN or infinite, all weights are 0, or the terms cancel out.
    """
    largest = max(abs(weight) for _, weight in terms)
    if not 0 < largest < np.inf or any(np.isnan(weight) for _, weight in terms):
        raise QueryError("query weights must be finite numbers, at least one of them not 0")
    if len(terms) == 1 and terms[0][1] > 0:
        return terms[0][0]
    parts = (weight / largest * vector.astype(np.float64) for vector, weight in terms)
    total = sum(parts, np.zeros(len(terms[0][0])))
    length = float(np.linalg.norm(total))
    if length < ROUNDING:
        raise QueryError("the terms of the query cancel out: remove a term or change a weight")
    return (total / length).astype(np.float32)


def top_candidates(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Indices, ascending, of all ``scores`` (n,) that could be among the ``k`` greatest once computed exactly.

    These are the ``k`` greatest, and any others within rounding of the least of them. Scores of -inf are left out.
    """
    possible = np.flatnonzero(scores > -np.inf)
    if len(possible) <= k:
        return possible
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= least - 2 * ROUNDING) if least > -np.inf else possible


def blocks(length: int, row_bytes: int, block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Slices that cover ``range(length)`` in order, each of as many rows as fit in a block, but at least one."""
    step = max(1, block_bytes // max(1, row_bytes))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))
