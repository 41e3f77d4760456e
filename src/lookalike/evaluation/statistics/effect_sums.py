"""The effects of a block of queries, summed over the queries and over the images.

Nothing is kept of single pairs of a query and an image, of which there are too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import Members, Relevance
from lookalike.evaluation.statistics.effects import FullRanking, first_effects, precision_effects
from lookalike.evaluation.statistics.metrics import (
    VOTERS,
    average_precision,
    average_precision_at_r,
    first_metrics,
)
from lookalike.evaluation.statistics.sampling import Factor, Sampling

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Singles = NDArray[np.float32]

FULL: Final = ("map", "map@r")
"""The metrics that images at every rank have an effect on."""


class BlockSums(NamedTuple):
    """The sums of b queries' effects on m metrics, the last two of which are :data:`FULL`.

    ``places`` (b,) are the queries' numbers among the scored ones, ``values`` (m, b) their metrics, and ``over_images``
    (m, b, p) the sums of their effects times the images' probes. The sums over queries of effects times the w columns
    of weights are ``full`` (2, n, w) for the last two metrics. For the others they are ``first`` (m - 2, j, w) of the
    ``images`` (j,), and ``later`` (m - 2, l, w) for every image of the ``labels`` (l,), which are added.
    """

    places: NDArray[np.intp]
    values: Floats
    over_images: Singles
    full: Singles
    images: NDArray[np.intp]
    first: Singles
    labels: Integers
    later: Singles


class EffectSums:
    """Sums the effects of gallery images on the metrics of queries.

    Images of the query's own group have none: without the group, the query would be missing too.
    """

    def __init__(self, relevance: Relevance, sampling: Sampling, ks: Sequence[int], probes: Singles) -> None:
        """Take the gallery's ``probes`` (n, p)."""
        self._relevance, self._ks, self._probes = relevance, tuple(ks), probes
        self._depth = max(*ks, VOTERS)
        self._units = sampling.gallery_units.codes
        self._unit_members = Members(self._units)
        self._unit = np.full(len(relevance), -1, np.int64)
        self._unit[sampling.scored] = sampling.query_units.codes
        labels, number = np.unique(relevance.gallery_labels, return_inverse=True)
        label_probes = Factor(number, len(labels)).sums(probes.astype(np.float64)).astype(np.float32)
        self._probes_of = dict(zip(labels.tolist(), label_probes, strict=True))

    def of(
        self, block: NDArray[np.intp], rankings: Iterable[FullRanking], places: NDArray[np.intp], weights: Singles
    ) -> BlockSums:
        """The sums over the queries at the positions ``block`` (b,), with the columns of ``weights`` (b, w).

        ``rankings`` are theirs, in this order; ``places`` (b,) are their numbers among the scored queries.
        """
        first = np.full((len(block), self._depth + 1), -1, np.int64)
        relevant = np.zeros(first.shape, bool)
        full_values = np.empty((2, len(block)))
        full_effects = np.zeros((2, len(block), len(self._probes)), np.float32)
        for number, ranking in enumerate(rankings):
            count = min(self._depth + 1, len(ranking.places))
            first[number, :count], relevant[number, :count] = ranking.places[:count], ranking.relevant[:count]
            ranks = np.flatnonzero(ranking.relevant) + 1
            full_values[:, number] = average_precision(ranks), average_precision_at_r(ranks)
            for metric, effects in enumerate(precision_effects(ranking.relevant)):
                full_effects[metric, number, ranking.places] = effects
            full_effects[:, number, self._unit_members.of(self._unit[ranking.query])] = 0
        pairs = self._first(block, first, relevant)
        own = self._labels(block)
        labels, later = _sums_by(own, pairs.later[:, :, np.newaxis] * weights)
        images, first_sums = _sums_by(pairs.images, pairs.effects * weights[pairs.queries])
        over_images = pairs.later[:, :, np.newaxis] * np.stack([self._probes_of[label] for label in own.tolist()])
        asked, sums = _sums_by(pairs.queries, pairs.effects * self._probes[pairs.images])
        over_images[:, asked] += sums
        return BlockSums(
            places=places,
            values=np.concatenate([pairs.values, full_values]),
            over_images=np.concatenate([over_images, full_effects @ self._probes]),
            full=full_effects.transpose(0, 2, 1) @ weights,
            images=images,
            first=first_sums,
            labels=labels,
            later=later,
        )

    def _labels(self, block: NDArray[np.intp]) -> Integers:
        return self._relevance.rows.labels[self._relevance.queries[block]]

    def _first(self, block: NDArray[np.intp], places: Integers, relevant: NDArray[np.bool_]) -> _Pairs:
        """The metrics and effects of the first ``places`` (b, d + 1)."""
        own = self._labels(block)
        labels = self._relevance.label_at(places)
        R = self._relevance.R[block]  # noqa: N806 - the standard symbol
        values = first_metrics(relevant, labels, own, R, self._ks)
        effects = first_effects(relevant, labels, own, R, self._ks)
        later = np.stack([effects[name].later for name in values])
        # The effect of all images of the query's label is kept apart, and subtracted here where it doesn't hold.
        every = np.stack([effects[name].first for name in values]) - later[:, :, np.newaxis] * relevant[:, :-1]
        other = self._units[places] != self._unit[block][:, np.newaxis]
        query, column = np.nonzero(((places >= 0) & other)[:, :-1])
        image, terms = places[query, column], every[:, query, column]
        if later.any():
            outside_query, outside = self._outside(block)
            query, image = np.concatenate([query, outside_query]), np.concatenate([image, outside])
            terms = np.concatenate([terms, -later[:, outside_query]], axis=1)
        return _Pairs(
            np.stack([*values.values()]),
            query,
            image,
            terms.astype(np.float32)[:, :, np.newaxis],
            later.astype(np.float32),
        )

    def _outside(self, block: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The pairs of a query and an image of its label that is not in its ranking, or is of its own group."""
        found = []
        for query in block.tolist():
            away = np.union1d(self._relevance.excluded(query), self._unit_members.of(self._unit[query]))
            found.append(away[self._relevance.relevant(query, away)])
        return np.repeat(np.arange(len(block)), [len(images) for images in found]), np.concatenate(found)


class _Pairs(NamedTuple):
    """The effects on metrics of the first places: of t pairs, and of all images of a query's label.

    ``values`` (m, b) are the metrics. A pair is the number of a query in the block and the position of an image, both
    (t,), with ``effects`` (m, t, 1). Every image of the query's label has the effect ``later`` (m, b) besides.
    """

    values: Floats
    queries: NDArray[np.intp]
    images: NDArray[np.intp]
    effects: Singles
    later: Singles


def _sums_by(codes: NDArray[np.int64], terms: Singles) -> tuple[NDArray[np.int64], Singles]:
    """The distinct ``codes`` (t,), and the sums of the ``terms`` (m, t, w) of each: (m, c, w)."""
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    if not len(found):
        return found, terms[:, :0]
    return found, np.add.reduceat(terms[:, order], starts, axis=1)
