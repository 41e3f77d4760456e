"""Rankings: the gallery by falling similarity to a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.search.query import Query

NO_CLOSE_MATCH: Final = 5.0
"""A first hit whose percentile is below this is announced as no close match."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture of the gallery in a ranking.

    ``score`` is the cosine, -1 to 1. ``percentile`` is the share (0 to 100) of a sample of the gallery's pictures
    whose own best match scores below this one: how unusual such closeness is here; None in a gallery of one picture,
    and for queries in words, whose scores are of another order.
    ``id`` is opaque and stays with the picture while it is renamed or moved; ``path`` is relative to the gallery's
    root.
    """

    rank: int
    id: str
    path: str
    score: float
    percentile: float | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """A query's nearest pictures, best first."""

    query: Query
    hits: tuple[Hit, ...]

    @property
    def no_close_match(self) -> bool:
        """Whether even the first hit is farther than nearly every picture's own best match; False where unknown."""
        first = self.hits[0].percentile if self.hits else None
        return first is not None and first < NO_CLOSE_MATCH


def order(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places of ``scores`` (n,) from greatest to least; equal ones keep the order in which they stand."""
    return np.argsort(-scores, kind="stable")


def percentile(score: float, sample: Sequence[float] | NDArray[np.float64]) -> float | None:
    """The share (0 to 100) of the sorted ``sample`` of best-match scores below ``score``; None if it is empty."""
    if not len(sample):
        return None
    return 100.0 * float(np.searchsorted(sample, round(score, 6), side="left")) / len(sample)
