"""What makes search fast, made anew from the store whenever needed: here an exact scan of the mapped matrix."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.store import Vectors
from lookalike.similarity import nearest, similarity_matrix


class ExactIndex:
    """Scans every vector. Right up to about 100,000 pictures; beyond, something else can propose candidates."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids and embeddings among which the ``k`` nearest surely are; see :meth:`Store.candidates`.

        Raises ArithmeticError where a vector is no vector of numbers.
        """
        by_row = similarity_matrix(query[np.newaxis], self.vectors.matrix)[0]
        scores = by_row[self.vectors.rows]
        if not np.isfinite(scores).all():
            raise ArithmeticError("some vectors are not numbers")
        left_out = list(without)
        if left_out:
            scores[np.isin(self.vectors.ids, left_out)] = -np.inf
        places = nearest(scores, k)
        return self.vectors.ids[places], self.vectors.matrix[self.vectors.rows[places]]
