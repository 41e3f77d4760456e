"""The search index: proposes the images nearest to a query, which are then scored exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.search.similarity import ROUNDING, SharedScan, are_unit, blocks, cosines, top_candidates


@dataclass(frozen=True, slots=True)
class Vectors:
    """An immutable, consistent view of a gallery's entries and embeddings.

    ``ids`` int64 (n,) are the entries, ascending; entry i's embedding is ``matrix[rows[i]]``. ``matrix`` is float32
    (r, dimension), memory-mapped. Entries with the same content share a row, and some rows may be unused. Rows never
    change: a later view has more of them.
    """

    ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    matrix: NDArray[np.float32]

    def positions(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """The positions of the known ones of ``ids`` (m,) in :attr:`ids`."""
        found = np.searchsorted(self.ids, ids)
        inside = found < len(self.ids)
        found, ids = found[inside], ids[inside]
        known: NDArray[np.intp] = found[self.ids[found] == ids]
        return known

    def changed(
        self,
        removed: NDArray[np.int64],
        ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        matrix: NDArray[np.float32],
    ) -> Vectors:
        """The view after the entries ``removed`` were removed, and then ``ids`` (m,) added or changed.

        ``rows`` (m,) are the rows of the latter in ``matrix``, which has all rows of this view.
        """
        kept = np.ones(len(self.ids), bool)
        kept[self.positions(removed)] = False
        kept[self.positions(ids)] = False
        all_ids = np.concatenate([self.ids[kept], ids])
        order = np.argsort(all_ids, kind="stable")
        return Vectors(all_ids[order], np.concatenate([self.rows[kept], rows])[order], matrix)


class Index(Protocol):
    """Proposes candidates for the nearest entries of one :class:`Vectors`.

    An index is immutable, so any number of threads can search it at once.
    """

    @property
    def vectors(self) -> Vectors:
        """The entries and embeddings that are searched."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether candidates are certain to include the nearest entries; if not, recall may be below 1."""
        ...

    def refresh(self, vectors: Vectors) -> Self:
        """The index of a later view of the same gallery, which reuses what this one computed."""
        ...

    def candidates(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        without: Sequence[NDArray[np.intp]],
    ) -> Iterator[NDArray[np.intp]]:
        """For each of ``queries`` (q, d), the positions of candidates for its ``k`` nearest entries, ascending.

        Only entries for which ``allowed`` (n,) is set, and whose positions are not in the query's array of ``without``
        (q arrays), are candidates. There are at least ``k`` whenever so many exist. Raises ArithmeticError if damaged
        embeddings are found.
        """
        ...


IndexKind = Callable[[Vectors], Index]
"""Makes the index of a view; an index class is one."""


class ExactIndex:
    """Compares a query with every vector; suited to about 100,000 images."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._scan = SharedScan(vectors.matrix)

    @property
    def vectors(self) -> Vectors:
        """See :class:`Index`."""
        return self._vectors

    @property
    def is_exact(self) -> bool:
        """See :class:`Index`."""
        return True

    def refresh(self, vectors: Vectors) -> Self:
        """See :class:`Index`."""
        return type(self)(vectors)

    def candidates(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        without: Sequence[NDArray[np.intp]],
    ) -> Iterator[NDArray[np.intp]]:
        """See :class:`Index`.

        Raises ArithmeticError if a vector whose score indicates damage does not have length 1.
        """
        matrix = self._vectors.matrix
        for part in blocks(len(queries), matrix.itemsize * len(matrix)):
            with np.errstate(invalid="ignore", over="ignore"):
                by_row = self._scan.scores(queries[part])
            for query_scores, excluded in zip(by_row, without[part], strict=True):
                scores = query_scores[self._vectors.rows]
                self._check(scores)
                if allowed is not None:
                    scores[~allowed] = -np.inf
                scores[excluded] = -np.inf
                yield top_candidates(scores, k)

    def _check(self, scores: NDArray[np.float32]) -> None:
        # Damaged vectors typically score exactly 0, above 1, or NaN; intact ones almost never do.
        with np.errstate(invalid="ignore"):
            suspect = np.flatnonzero(~(np.abs(scores) <= 1 + ROUNDING) | (scores == 0))
        _check_unit(self._vectors.matrix[self._vectors.rows[suspect]])


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Entries near a query, in no particular order: ``ids`` int64 (m,) and their exact ``scores`` float64 (m,)."""

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]


def nearest(
    index: Index,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    without: Sequence[NDArray[np.intp]],
) -> list[Neighbours]:
    """For each of ``queries`` (q, d), the ``k`` entries with the highest exact cosines among the index's candidates.

    All entries that tie with the k-th are included, so that the caller can order ties. ``allowed`` and ``without`` are
    those of :meth:`Index.candidates`. Raises ArithmeticError if damaged embeddings are found.
    """
    view, neighbours = index.vectors, []
    candidates = index.candidates(queries, k, allowed, without)
    for query, positions in zip(queries, candidates, strict=True):
        vectors = view.matrix[view.rows[positions]]
        _check_unit(vectors)
        scores = cosines(query, vectors)
        if len(scores) > k:
            kept = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            positions, scores = positions[kept], scores[kept]  # noqa: PLW2901  the rest is not needed
        neighbours.append(Neighbours(view.ids[positions], scores))
    return neighbours


def _check_unit(vectors: NDArray[np.float32]) -> None:
    if not are_unit(vectors).all():
        raise ArithmeticError("some vectors do not have length 1")
