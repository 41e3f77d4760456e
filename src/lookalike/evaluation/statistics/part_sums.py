"""The effects of some of the queries, summed block by block, and what they make of each group's influence."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.statistics.effect_sums import FULL, BlockSums
from lookalike.evaluation.statistics.sampling import Factor, Sampling

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


class Part(NamedTuple):
    """Queries whose effects are summed together: those of one class (``label``), or of all small classes (None).

    ``members`` (b,) are their numbers among the scored queries, ascending; ``weights`` (b, w) are their weights in the
    mean of their class, or in both the mean over queries and that over classes.
    """

    label: int | None
    members: NDArray[np.intp]
    weights: Floats


class Sums(NamedTuple):
    """What each group adds to a sum over queries: ``as_queries`` and ``as_gallery`` (g, 1 + p) each.

    The first column is for the sum itself, the others are products of single effects with probes.
    """

    as_queries: Floats
    as_gallery: Floats


class PartSums:
    """The sums of one part."""

    def __init__(self, part: Part, relevance: Relevance, sampling: Sampling, *, metrics: int, columns: int) -> None:
        """Take the number of ``metrics`` m and the number of ``columns`` 1 + p of each weight."""
        self.part: Final = part
        self.units: Final = sampling.query_units.of(part.members)
        self._gallery_units = sampling.gallery_units
        members, images = len(part.members), len(relevance.gallery)
        width = part.weights.shape[1] * columns
        self._values = np.empty((metrics, members))
        self._over_images = np.empty((metrics, members, columns - 1), np.float32)
        self._over_queries = np.zeros((metrics, images, width), np.float32)
        labels = relevance.rows.labels[relevance.queries[sampling.scored[part.members]]]
        self._labels = np.unique(labels)
        self._later = np.zeros((metrics - len(FULL), len(self._labels), width), np.float32)
        self._gallery_labels = relevance.gallery_labels

    def add(self, block: BlockSums) -> None:
        """Add the sums of a block."""
        places = np.searchsorted(self.part.members, block.places)
        self._values[:, places] = block.values
        self._over_images[:, places] = block.over_images
        self._over_queries[-len(FULL) :] += block.full
        self._over_queries[: -len(FULL), block.images] += block.first
        self._later[:, np.searchsorted(self._labels, block.labels)] += block.later

    def means(self, weight: int = 0) -> Floats:
        """The weighted sums of all metrics: (m,)."""
        result: Floats = self._values @ self.part.weights[:, weight]
        return result

    def sums(self, metric: int, weight: int = 0, *, classes: Factor | None = None) -> Sums:
        """The sums of one metric; as queries, centred within ``classes`` (b,) if given."""
        width = self._over_images.shape[2] + 1
        columns = slice(weight * width, (weight + 1) * width)
        own = np.column_stack([self._values[metric], self._over_images[metric]])
        own *= self.part.weights[:, weight, np.newaxis]
        found = self._over_queries[metric, :, columns]
        if metric < len(self._later):
            found = found + self._of_labels(self._later[metric, :, columns])
        return Sums(self.units.sums(own if classes is None else classes.centred(own)), self._gallery_units.sums(found))

    def _of_labels(self, values: Singles) -> Singles:
        """The row of ``values`` that each image's label has, or zeros: (n, ...)."""
        place = np.minimum(np.searchsorted(self._labels, self._gallery_labels), len(self._labels) - 1)
        known = self._labels[place] == self._gallery_labels
        return np.where(known[:, np.newaxis], values[place], np.float32(0))
