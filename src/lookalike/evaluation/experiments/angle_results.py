"""The result of the experiment ``angles``: metrics, excluded queries, and the results of each query."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddingSource
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.scoring.results import QueryResults
from lookalike.evaluation.statistics.intervals import Influence, Interval
from lookalike.evaluation.statistics.sampling import Sampling
from lookalike.images.files import Skipped


@dataclass(frozen=True, slots=True)
class AngleHit:
    """One image of a query's ranking; ``right`` is True where it is another frame of the query's scene."""

    rank: int
    row: Row
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class AngleQuery:
    """One query: ``relevant`` is the number of other frames of its scene among ``size`` images, without junk.

    ``first`` is the first of those frames in the ranking, ``metrics`` are the query's own, by key, 0 to 1; they are
    None and empty where there is no relevant image.
    """

    number: int
    row: Row
    relevant: int
    size: int
    first: AngleHit | None
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Angles:
    """How well an encoder finds other frames of the same scene: the result of the experiment ``angles``.

    Metrics are 0 to 1, with the keys ``precision@k``, ``recall@k``, ``hit_rate@k``, ``ndcg@k``, ``map`` and ``map@r``.
    ``micro`` is the mean over the ``scored`` queries, ``by_scene`` the mean over the means of scenes, and ``macro`` the
    mean over ``classes``, the means of classes. ``intervals`` are of micro, for new scenes from the same source;
    ``influences`` are those of groups on it, described by ``sampling``, for differences between encoders.
    ``ceilings`` are the precision@k and recall@k of a perfect encoder, ``chance`` the expectation under a random order.

    ``scenes`` is the number of scenes with a scored query, ``excluded`` the number of queries not scored, by reason.
    ``near_encoder`` and ``threshold`` define near duplicates (exact copies included): ``same_scene_duplicates`` is the
    number of pairs of a query and a frame of its scene removed as near duplicates, ``other_duplicates`` the number of
    pairs of a query and any other image.

    ``per_query`` has the results of every query; its row numbers refer to ``rows``. ``first_ranks``, ``first_rows``
    (int64) and ``first_scores`` (cosines), each (q,), are the rank, row and score of the first other frame of the
    query's scene; 0, -1 and nan where there is none.
    """

    encoder: EmbeddingSource
    near_encoder: EmbeddingSource
    threshold: float
    dataset: Dataset
    rows: tuple[Row, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    ks: tuple[int, ...]
    seed: int
    gallery: int
    scored: int
    scenes: int
    excluded: Mapping[str, int]
    same_scene_duplicates: int
    other_duplicates: int
    micro: Mapping[str, float]
    by_scene: Mapping[str, float]
    macro: Mapping[str, float]
    classes: Mapping[str, Mapping[str, float]]
    class_queries: Mapping[str, int]
    intervals: Mapping[str, Interval | None]
    influences: Mapping[str, Influence] = field(repr=False)
    sampling: Sampling = field(repr=False)
    ceilings: Mapping[str, float]
    chance: Mapping[str, float]
    tied_share: float
    per_query: QueryResults = field(repr=False)
    first_ranks: NDArray[np.int64] = field(repr=False)
    first_rows: NDArray[np.int64] = field(repr=False)
    first_scores: NDArray[np.float32] = field(repr=False)
    provenance: Provenance

    def query(self, number: int) -> AngleQuery:
        """The ``number``-th query, counted from 0 in the dataset's order."""
        results = self.per_query
        relevant = int(results.relevant[number])
        metrics = {key: float(values[number]) for key, values in results.values.items()} if relevant else {}
        rank, row = int(self.first_ranks[number]), int(self.first_rows[number])
        first = AngleHit(rank, self.rows[row], float(self.first_scores[number]), right=True) if rank else None
        return AngleQuery(number, self.rows[results.rows[number]], relevant, int(results.sizes[number]), first, metrics)

    def queries(self) -> Iterator[AngleQuery]:
        """All queries, scored or not, in the dataset's order."""
        return (self.query(number) for number in range(len(self.per_query.rows)))

    def hits(self, number: int) -> tuple[AngleHit, ...]:
        """The first images of the ``number``-th query's ranking, up to the largest k (at least ten)."""
        results = self.per_query
        hits = zip(results.hits[number], results.scores[number], results.right[number], strict=True)
        return tuple(
            AngleHit(rank, self.rows[hit], float(score), bool(right))
            for rank, (hit, score, right) in enumerate(hits, start=1)
            if hit >= 0
        )

    def best(self, count: int = 6) -> tuple[AngleQuery, ...]:
        """The scored query of highest AP of each scene, best first; ties by path."""
        return self._one_per_scene(-1.0)[:count]

    def worst(self, count: int = 6) -> tuple[AngleQuery, ...]:
        """The scored query of lowest AP of each scene, worst first; ties by path."""
        return self._one_per_scene(1.0)[:count]

    def _one_per_scene(self, sign: float) -> tuple[AngleQuery, ...]:
        scored = (self.query(int(number)) for number in np.flatnonzero(self.per_query.relevant > 0))
        first: dict[str | None, AngleQuery] = {}
        for query in sorted(scored, key=lambda one: (sign * one.metrics["map"], os.fsencode(one.row.path))):
            first.setdefault(query.row.group, query)
        return tuple(first.values())
