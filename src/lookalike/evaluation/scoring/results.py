"""The result of an evaluation: metrics under a junk rule and per query, excluded queries, and provenance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddingSource
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.ranking.full_ranking import Rankings
from lookalike.evaluation.statistics.intervals import Influence, Interval, interval_ends
from lookalike.evaluation.statistics.sampling import Sampling
from lookalike.images.files import Skipped
from lookalike.notebook import Records, Tabular


@dataclass(frozen=True, slots=True)
class EvaluatedHit:
    """One image of a query's ranking: ``score`` is the cosine, ``right`` is True where it has the query's label."""

    rank: int
    path: str
    label: str
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class EvaluatedQuery:
    """One query: ``relevant`` is R and ``size`` the size of its gallery, both after removal of self and junk.

    ``metrics`` are its own, by key, 0 to 1; empty where R = 0.
    """

    number: int
    path: str
    label: str
    group: str | None
    visit: str | None
    relevant: int
    size: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The number of queries of a class that are excluded from metrics, and the reason, to follow "excluded:"."""

    label: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Counts of scored queries by class (rows) and class of the first hit (columns).

    ``labels`` are the classes of queries and first hits, sorted; ``counts`` is int64 (c, c).
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryResults:
    """The results of all q queries, scored or not, in the dataset's order.

    ``rows`` are the queries' row numbers, ``relevant`` their R, ``sizes`` the sizes of their galleries after removal of
    self and junk. ``values`` are their metrics by key, float64 (q,), nan where R = 0. ``hits`` are the first images of
    their rankings as row numbers (q, k), -1 where there are fewer; ``scores`` (q, k) are the cosines of the hits, and
    ``right`` (q, k) is True where a hit has the query's label.
    """

    rows: NDArray[np.intp]
    relevant: NDArray[np.int64]
    sizes: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    hits: NDArray[np.int64]
    scores: NDArray[np.float32]
    right: NDArray[np.bool_]

    @classmethod
    def of(cls, rankings: Rankings, values: Mapping[str, NDArray[np.float64]]) -> Self:
        """The results of ``rankings``, with the metrics ``values`` of their queries."""
        return cls(
            rows=rankings.queries,
            relevant=rankings.R,
            sizes=rankings.size,
            values=values,
            hits=rankings.rows,
            scores=rankings.scores,
            right=rankings.relevant,
        )


@dataclass(frozen=True, slots=True, eq=False)
class MetricSet:
    """All metrics under one junk rule, 0 to 1.

    Keys are ``precision@k``, ``recall@k``, ``hit_rate@k`` and ``ndcg@k`` for each k, ``map``, ``map@r`` and
    ``accuracy``. ``micro`` is the mean over scored queries, ``macro`` the mean of ``classes``, which has the classes
    with a scored query. ``ceilings`` are the precision@k and recall@k of a perfect encoder, ``chance`` the expectation
    under a random order. ``intervals`` (of micro), ``macro_intervals`` and ``class_intervals`` are 95 % confidence
    intervals for new images from the same source; None with fewer than ten groups. ``sampling`` and ``influences`` say
    how far each group moves the metrics that encoders are compared by.

    ``gallery`` is the number of images searched, ``groups`` the number of groups of scored queries (visits if the
    dataset has no groups), ``scored`` the number of queries with metrics, ``excluded`` the other queries, and ``short``
    the number of scored queries that search fewer images than the largest k. ``tied_share`` is the share of adjacent
    images in the rankings with equal similarities, whose order is decided by the seeded hash alone.
    """

    junk: Junk
    gallery: int
    groups: int
    scored: int
    scored_by_class: Mapping[str, int]
    excluded: tuple[Exclusion, ...]
    short: int
    micro: Mapping[str, float]
    macro: Mapping[str, float]
    classes: Mapping[str, Mapping[str, float]]
    ceilings: Mapping[str, float]
    class_ceilings: Mapping[str, Mapping[str, float]]
    chance: Mapping[str, float]
    intervals: Mapping[str, Interval | None]
    macro_intervals: Mapping[str, Interval | None]
    class_intervals: Mapping[str, Mapping[str, Interval | None]]
    sampling: Sampling = field(repr=False)
    influences: Mapping[str, Influence] = field(repr=False)
    tied_share: float
    confusion: Confusion
    per_query: QueryResults = field(repr=False)

    @property
    def excluded_count(self) -> int:
        """The number of queries without metrics."""
        return sum(exclusion.count for exclusion in self.excluded)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation(Tabular):
    """The result of :func:`lookalike.evaluation.experiments.evaluate.evaluate`: one encoder on one dataset.

    ``rows`` are the usable images, to which all row numbers refer; ``skipped`` are the others. ``split`` is True where
    the dataset is divided into queries and gallery; otherwise each image is a query against all others. ``metrics`` are
    those under the requested junk rule, ``others`` those under the other rules that the dataset's columns allow.
    ``images_per_second`` is the speed of decoding and encoding; None where all embeddings were reused. ``encoder`` is
    the one that was measured, or where the embeddings are from if they were computed elsewhere.
    """

    encoder: EmbeddingSource
    dataset: Dataset
    rows: tuple[Row, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    split: bool
    ks: tuple[int, ...]
    seed: int
    metrics: MetricSet
    others: tuple[MetricSet, ...]
    images_per_second: float | None
    provenance: Provenance

    def to_records(self) -> Records:
        """One record for each metric: the mean over queries with its interval, over classes, chance and ceiling."""
        found = self.metrics
        return [
            {
                "encoder": self.encoder.name,
                "metric": key,
                "value": value,
                **interval_ends(found.intervals.get(key)),
                "macro": found.macro[key],
                "chance": found.chance.get(key),
                "ceiling": found.ceilings.get(key),
                "queries": found.scored,
            }
            for key, value in found.micro.items()
        ]

    def query(self, number: int) -> EvaluatedQuery:
        """The ``number``-th query, counted from 0 in the dataset's order."""
        results = self.metrics.per_query
        row = self.rows[results.rows[number]]
        relevant = int(results.relevant[number])
        metrics = {key: float(values[number]) for key, values in results.values.items()} if relevant else {}
        return EvaluatedQuery(
            number, row.path, row.label, row.group, row.visit, relevant, int(results.sizes[number]), metrics
        )

    def queries(self) -> Iterator[EvaluatedQuery]:
        """All queries, scored or not, in the dataset's order."""
        return (self.query(number) for number in range(len(self.metrics.per_query.rows)))

    def hits(self, number: int) -> tuple[EvaluatedHit, ...]:
        """The first images of the ``number``-th query's ranking, up to the largest k (at least ten)."""
        results = self.metrics.per_query
        hits = zip(results.hits[number], results.scores[number], results.right[number], strict=True)
        return tuple(
            EvaluatedHit(rank, self.rows[hit].path, self.rows[hit].label, float(score), bool(right))
            for rank, (hit, score, right) in enumerate(hits, start=1)
            if hit >= 0
        )

    def best(self, count: int = 6) -> tuple[EvaluatedQuery, ...]:
        """The ``count`` scored queries of highest AP, best first; ties by path."""
        return self._by_precision(count, -1.0)

    def worst(self, count: int = 6) -> tuple[EvaluatedQuery, ...]:
        """The ``count`` scored queries of lowest AP, worst first; ties by path."""
        return self._by_precision(count, 1.0)

    def failures(self) -> tuple[EvaluatedQuery, ...]:
        """The scored queries whose first hit is wrong, most similar wrong hits first; ties by path."""
        results = self.metrics.per_query
        numbers = np.flatnonzero((results.relevant > 0) & ~results.right[:, 0])
        return self._sorted(numbers, -results.scores[:, 0].astype(np.float64))

    def _by_precision(self, count: int, sign: float) -> tuple[EvaluatedQuery, ...]:
        results = self.metrics.per_query
        return self._sorted(np.flatnonzero(results.relevant > 0), sign * results.values["map"])[:count]

    def _sorted(self, numbers: NDArray[np.intp], keys: NDArray[np.float64]) -> tuple[EvaluatedQuery, ...]:
        queries = (self.query(int(number)) for number in numbers)
        return tuple(sorted(queries, key=lambda query: (keys[query.number], os.fsencode(query.path))))
