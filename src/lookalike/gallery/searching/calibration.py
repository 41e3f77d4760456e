"""The calibration: the scores that a seeded sample of the gallery's images reach with their best matches.

Copies are no matches here, unless a gallery has nothing else. Otherwise, where each image has an export or a burst
neighbour beside it, every query of another image would seem to have no close match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.records import Calibration, VectorBatch
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.gallery.store import Store
from lookalike.search.similarity import cosines, similarity_matrix

SAMPLE_SIZE: Final = 2000
"""The largest number of contents sampled."""

_TOLERANCE: Final = 1e-5
"""Stored scores are rounded: one of a match that is no copy may seem to be this much above the threshold."""

DIGITS: Final = 6
"""Scores are rounded to this many digits before they are compared; hits' scores already have 7."""


def recalibrate(store: Store, size: int = SAMPLE_SIZE) -> None:
    """Update the stored calibration if it is out of date; ``size`` is the largest number of contents sampled."""
    sample, last = store.sample(size), store.calibration()
    if last is not None and last.copies_from != copy_threshold(store.stamp):
        last = None
    if not is_current(sample, last, store.vector_count()):
        store.save_calibration(calibrate(store, sample, last))


def calibrate(store: Store, sample: Sequence[bytes], last: Calibration | None = None) -> Calibration:
    """The best matches, self and copies excluded, of the contents ``sample`` (m digests).

    Reuses ``last``: a content whose best match still exists is compared only with contents added since.
    """
    vector_count = store.vector_count()
    vectors = store.vectors_of(sample)
    sample = [digest for digest in sample if digest in vectors]
    best = _BestMatches(sample, vectors, copy_threshold(store.stamp))
    if last is not None:
        best.start_from(last)
        best.compare(best.known, store.iter_vectors(last.vector_count))
    best.compare(~best.known, store.iter_vectors())
    best.compare(best.missing(), store.iter_vectors(), copies=True)
    return best.calibration(store, vector_count)


def is_current(sample: Sequence[bytes], last: Calibration | None, vector_count: int) -> bool:
    """Whether :func:`calibrate` would return ``last`` again."""
    if last is None or last.vector_count != vector_count:
        return False
    return len(sample) == 1 or (len(sample) == len(last.digests) and set(sample) == set(last.digests))


class _BestMatches:
    """The best match found so far of each content of a sample."""

    def __init__(self, sample: Sequence[bytes], vectors: dict[bytes, NDArray[np.float32]], copies_from: float) -> None:
        self.known = np.zeros(len(sample), bool)
        self._sample = sample
        self._vectors = vectors
        self._copies_from = copies_from
        self._scores = np.full(len(sample), -np.inf)
        self._best: list[bytes | None] = [None] * len(sample)

    def start_from(self, last: Calibration) -> None:
        """Take the best matches of an earlier calibration; ``known`` (m,) tells which contents have one."""
        by_digest = dict(zip(last.digests, zip(last.best, last.scores.tolist(), strict=True), strict=True))
        for number, digest in enumerate(self._sample):
            if digest in by_digest:
                self.known[number] = True
                best, score = by_digest[digest]
                if score < self._copies_from + _TOLERANCE:
                    self._best[number], self._scores[number] = best, score

    def missing(self) -> NDArray[np.bool_]:
        """Which contents have no best match yet: bool (m,)."""
        return np.array([best is None for best in self._best], bool)

    def compare(self, mask: NDArray[np.bool_], batches: Iterable[VectorBatch], *, copies: bool = False) -> None:
        """Compare the contents selected by ``mask`` (m,) with those in ``batches``; ``copies`` may be matches too."""
        members = np.flatnonzero(mask).tolist()
        if not members:
            return
        queries = np.stack([self._vectors[self._sample[number]] for number in members])
        places = {self._sample[number]: place for place, number in enumerate(members)}
        for batch in batches:
            scores = similarity_matrix(queries, batch.vectors)
            for column, digest in enumerate(batch.digests):
                if digest in places:
                    scores[places[digest], column] = -np.inf
            if not copies:
                scores[scores >= self._copies_from] = -np.inf
            self._keep_better(members, scores, batch.digests)

    def calibration(self, store: Store, vector_count: int) -> Calibration:
        """The contents that have a best match, with the exact cosines of the pairs."""
        pairs = [(digest, other) for digest, other in zip(self._sample, self._best, strict=True) if other is not None]
        others = store.vectors_of([other for _, other in pairs])
        pairs = [(digest, other) for digest, other in pairs if other in others]
        # Independent of the batches in which they were compared.
        scores = [cosines(self._vectors[digest], others[other][np.newaxis])[0] for digest, other in pairs]
        return Calibration(
            tuple(digest for digest, _ in pairs),
            tuple(other for _, other in pairs),
            np.round(np.array(scores, float), DIGITS),
            vector_count,
            self._copies_from,
        )

    def _keep_better(self, members: list[int], scores: NDArray[np.float32], digests: list[bytes]) -> None:
        columns = scores.argmax(axis=1)
        best = scores[np.arange(len(members)), columns]
        for place in np.flatnonzero(best > self._scores[members]).tolist():
            number = members[place]
            self._scores[number], self._best[number] = best[place], digests[columns[place]]
