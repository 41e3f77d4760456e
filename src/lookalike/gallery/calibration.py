"""How close is close in this gallery: the best matches of a seeded sample of its own pictures."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.store import Calibration
from lookalike.search.index import Vectors
from lookalike.search.similarity import blocks, cosines, similarity_matrix

SAMPLE_SIZE: Final = 2000
"""How many contents are sampled, at the most."""

DIGITS: Final = 6
"""Scores are rounded to this before they are compared; a hit's own has been rounded already, to 7 digits."""


def calibrate(vectors: Vectors, sample: NDArray[np.int64], last: Calibration | None, written: int) -> Calibration:
    """The best matches, self left out, of the contents at the rows ``sample`` int64 (m,).

    What ``last`` knows is used again: a content whose best match is still there is compared with the rows written
    since only. ``written`` is the number of rows written so far.
    """
    live = np.unique(vectors.rows)
    best = _Best(sample)
    kept = _still_true(sample, live, last)
    if last is not None:
        in_last = np.searchsorted(last.rows, sample[kept])
        best.scores[kept], best.rows[kept] = last.scores[in_last], last.best_rows[in_last]
        best.compare(kept, live[live >= last.through], vectors.matrix)
    best.compare(~kept, live, vectors.matrix)
    found = best.rows >= 0
    rows, best_rows = sample[found], best.rows[found]
    return Calibration(rows, best_rows, _scores(vectors.matrix, rows, best_rows), written)


def _scores(matrix: NDArray[np.float32], rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosines of pairs of rows, exact, so that they don't depend on what was compared together with what."""
    pairs = zip(rows, others, strict=True)
    scores = [cosines(matrix[row], matrix[[other]])[0] for row, other in pairs]
    return np.round(np.array(scores, float), DIGITS)


def is_current(sample: NDArray[np.int64], last: Calibration | None, written: int) -> bool:
    """Whether ``last`` is what :func:`calibrate` would give again."""
    if last is None or last.through != written:
        return False
    return np.array_equal(sample, last.rows) or len(sample) == 1


def _still_true(sample: NDArray[np.int64], live: NDArray[np.int64], last: Calibration | None) -> NDArray[np.bool_]:
    """Which of the sample have a best match in ``last`` that is still there."""
    if last is None:
        return np.zeros(len(sample), bool)
    return np.isin(sample, last.rows[np.isin(last.best_rows, live)])


class _Best:
    """The best match found so far of each content of a sample."""

    def __init__(self, sample: NDArray[np.int64]) -> None:
        self.sample = sample
        self.scores = np.full(len(sample), -np.inf)
        self.rows = np.full(len(sample), -1, np.int64)

    def compare(self, which: NDArray[np.bool_], others: NDArray[np.int64], matrix: NDArray[np.float32]) -> None:
        """Compare those of the sample in the mask ``which`` with the contents at the rows ``others``."""
        members = np.flatnonzero(which)
        if not len(members):
            return
        queries = matrix[self.sample[members]]
        for part in blocks(len(others), max(queries.nbytes // queries.shape[1], matrix.strides[0])):
            rows = others[part]
            scores = similarity_matrix(queries, matrix[rows])
            scores[self.sample[members, np.newaxis] == rows] = -np.inf
            place = scores.argmax(axis=1)
            score = scores[np.arange(len(members)), place]
            better = score > self.scores[members]
            self.scores[members[better]] = score[better]
            self.rows[members[better]] = rows[place[better]]
