"""What makes search fast, made anew from the store whenever needed: here an exact scan of the mapped matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.search.similarity import ROUNDING, blocks, nearest, similarity_matrix

_UNIT: Final = 1e-3
"""How far from 1 the length of a unit vector may be."""


class ExactIndex:
    """Scans every vector. Right up to about 100,000 pictures; beyond, something else can propose candidates."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and embeddings among which the ``k`` nearest surely are; see :meth:`Store.candidates`.

        Raises ArithmeticError where a vector that matters isn't of length 1.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            by_row = similarity_matrix(query[np.newaxis], self.vectors.matrix)[0]
        scores = by_row[self.vectors.rows]
        # A score of exactly 0, and of more than 1, is what damage gives; sound vectors hardly ever do.
        with np.errstate(invalid="ignore"):
            odd = np.flatnonzero(~(np.abs(scores) <= 1 + ROUNDING) | (scores == 0))
        left_out = list(without)
        if left_out:
            scores[np.isin(self.vectors.ids, left_out)] = -np.inf
        _check_lengths(self._of(odd))
        places = nearest(scores, k)
        vectors = self._of(places)
        _check_lengths(vectors)
        return self.vectors.ids[places], vectors

    def _of(self, places: NDArray[np.intp]) -> NDArray[np.float32]:
        """The embeddings of the entries at these places."""
        return self.vectors.matrix[self.vectors.rows[places]]


def _check_lengths(vectors: NDArray[np.float32]) -> None:
    for part in blocks(len(vectors), 8 * vectors.shape[1]):
        lengths = np.linalg.norm(vectors[part].astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) <= _UNIT).all():
            raise ArithmeticError("some vectors are not of length 1")


@dataclass(frozen=True, slots=True)
class Vectors:
    """A consistent view of a gallery's entries and embeddings.

    ``ids`` int64 (n,) are the entries in the order of their paths' bytes; entry i's embedding is
    ``matrix[rows[i]]``. ``matrix`` is float32 (r, dimension), mapped from disk; entries of equal content share a row,
    and rows may be there that no entry uses.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    matrix: NDArray[np.float32]
