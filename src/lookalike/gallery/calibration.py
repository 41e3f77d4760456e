"""The calibration: the scores that a seeded sample of the gallery's images reach with their best matches."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.store import Calibration
from lookalike.search.index import Vectors
from lookalike.search.similarity import blocks, cosines, similarity_matrix

SAMPLE_SIZE: Final = 2000
"""The largest number of contents sampled."""

DIGITS: Final = 6
"""Scores are rounded to this many digits before they are compared; hits' scores already have 7."""


def calibrate(vectors: Vectors, sample: NDArray[np.int64], last: Calibration | None, row_count: int) -> Calibration:
    """The best matches, self excluded, of the contents at the rows ``sample`` int64 (m,).

    Reuses ``last``: a content whose best match still exists is compared only with rows added since. ``row_count`` is
    the number of rows written so far.
    """
    live = np.unique(vectors.rows)
    best = _BestMatches(sample)
    reusable = _is_reusable(sample, live, last)
    if last is not None:
        in_last = np.searchsorted(last.rows, sample[reusable])
        best.scores[reusable], best.rows[reusable] = last.scores[in_last], last.best_rows[in_last]
        best.compare(reusable, live[live >= last.row_count], vectors.matrix)
    best.compare(~reusable, live, vectors.matrix)
    matched = best.rows >= 0
    rows, best_rows = sample[matched], best.rows[matched]
    return Calibration(rows, best_rows, _pair_scores(vectors.matrix, rows, best_rows), row_count)


def _pair_scores(
    matrix: NDArray[np.float32], rows: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The exact cosines of pairs of rows: float64 (m,), independent of the blocks in which they were compared."""
    pairs = zip(rows, others, strict=True)
    scores = [cosines(matrix[row], matrix[[other]])[0] for row, other in pairs]
    return np.round(np.array(scores, float), DIGITS)


def is_current(sample: NDArray[np.int64], last: Calibration | None, row_count: int) -> bool:
    """Whether :func:`calibrate` would return ``last`` again."""
    if last is None or last.row_count != row_count:
        return False
    return np.array_equal(sample, last.rows) or len(sample) == 1


def _is_reusable(sample: NDArray[np.int64], live: NDArray[np.int64], last: Calibration | None) -> NDArray[np.bool_]:
    """Which contents of the sample have a best match in ``last`` that still exists: bool (m,)."""
    if last is None:
        return np.zeros(len(sample), bool)
    return np.isin(sample, last.rows[np.isin(last.best_rows, live)])


class _BestMatches:
    """The best match found so far of each content of a sample."""

    def __init__(self, sample: NDArray[np.int64]) -> None:
        self.sample = sample
        self.scores = np.full(len(sample), -np.inf)
        self.rows = np.full(len(sample), -1, np.int64)

    def compare(self, mask: NDArray[np.bool_], others: NDArray[np.int64], matrix: NDArray[np.float32]) -> None:
        """Compare the contents of the sample selected by ``mask`` with the contents at the rows ``others``."""
        members = np.flatnonzero(mask)
        if not len(members):
            return
        queries = matrix[self.sample[members]]
        for part in blocks(len(others), max(queries.nbytes // queries.shape[1], matrix.strides[0])):
            rows = others[part]
            scores = similarity_matrix(queries, matrix[rows])
            scores[self.sample[members, np.newaxis] == rows] = -np.inf
            column = scores.argmax(axis=1)
            score = scores[np.arange(len(members)), column]
            better = score > self.scores[members]
            self.scores[members[better]] = score[better]
            self.rows[members[better]] = rows[column[better]]
