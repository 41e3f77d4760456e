"""The search index: an exact scan of the memory-mapped embedding matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.search.similarity import ROUNDING, blocks, similarity_matrix, top_candidates

_LENGTH_TOLERANCE: Final = 1e-3
"""How far from 1 the length of a unit vector may be."""


class ExactIndex:
    """Compares a query with every vector; suited to about 100,000 images."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and embeddings that are certain to include the ``k`` nearest; see :meth:`Store.candidates`.

        Raises ArithmeticError if a candidate, or a vector whose score indicates damage, does not have length 1.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            by_row = similarity_matrix(query[np.newaxis], self.vectors.matrix)[0]
        scores = by_row[self.vectors.rows]
        # Damaged vectors typically score exactly 0, above 1, or NaN; intact ones almost never do.
        with np.errstate(invalid="ignore"):
            suspect = np.flatnonzero(~(np.abs(scores) <= 1 + ROUNDING) | (scores == 0))
        excluded = list(without)
        if excluded:
            scores[np.isin(self.vectors.ids, excluded)] = -np.inf
        _check_lengths(self._embeddings(suspect))
        candidates = top_candidates(scores, k)
        vectors = self._embeddings(candidates)
        _check_lengths(vectors)
        return self.vectors.ids[candidates], vectors

    def _embeddings(self, entries: NDArray[np.intp]) -> NDArray[np.float32]:
        """The embeddings of the entries at these indices."""
        return self.vectors.matrix[self.vectors.rows[entries]]


def _check_lengths(vectors: NDArray[np.float32]) -> None:
    for part in blocks(len(vectors), 8 * vectors.shape[1]):
        lengths = np.linalg.norm(vectors[part].astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) <= _LENGTH_TOLERANCE).all():
            raise ArithmeticError("some vectors do not have length 1")


@dataclass(frozen=True, slots=True)
class Vectors:
    """A consistent view of a gallery's entries and embeddings.

    ``ids`` int64 (n,) are the entries, ordered by the bytes of their paths; entry i's embedding is
    ``matrix[rows[i]]``. ``matrix`` is float32 (r, dimension), memory-mapped. Entries with the same content share a
    row, and some rows may be unused.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    matrix: NDArray[np.float32]
