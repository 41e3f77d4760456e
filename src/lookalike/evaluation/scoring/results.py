"""What an evaluation found: figures under a junk rule, each query's own, what was left out, and what it came from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.statistics.intervals import Interval
from lookalike.images.files import Skipped


@dataclass(frozen=True, slots=True)
class EvaluatedHit:
    """One picture of a query's ranking: ``score`` is the cosine, ``right`` whether it has the query's label."""

    rank: int
    path: str
    label: str
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class EvaluatedQuery:
    """One query: ``relevant`` is R, ``size`` its gallery's size, both once self and junk are removed.

    ``figures`` are its own, by key, 0 to 1; empty where R = 0, for nothing could be found.
    """

    number: int
    path: str
    label: str
    group: str | None
    visit: str | None
    relevant: int
    size: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """How many queries of a class have no figures, and why, in words that go on from "excluded:"."""

    label: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """Scored queries by their class (row) and their first hit's (column).

    ``labels`` are those of the queries and of any first hit, sorted; ``counts`` is int64 (c, c).
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QueryTable:
    """Every query's own results, scored or not, in the dataset's order; q of them.

    ``rows`` are the queries' row numbers, ``relevant`` their R, ``sizes`` how many pictures their galleries have once
    self and junk are removed. ``values`` are their figures by key, float64 (q,), nan where R = 0. ``hits`` are the
    first pictures of their rankings as row numbers (q, k), -1 where there are fewer; ``scores`` (cosines) and
    ``right`` go with them.
    """

    rows: NDArray[np.intp]
    relevant: NDArray[np.int64]
    sizes: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    hits: NDArray[np.int64]
    scores: NDArray[np.float32]
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """All figures under one junk rule; every share is 0 to 1.

    Keys are ``precision@k``, ``recall@k``, ``hit_rate@k`` and ``ndcg@k`` for each k, ``map``, ``map@r`` and
    ``accuracy``. ``micro`` is the mean over scored queries, ``macro`` the mean of ``classes``, which has the classes
    with a scored query. ``ceilings`` are the precision@k that a perfect encoder would reach, ``chance`` what a random
    order would give. ``intervals`` (of micro), ``macro_intervals`` and ``class_intervals`` are 95 % intervals,
    None with fewer than ten groups.

    ``gallery`` is the number of pictures searched, ``groups`` the number of groups that intervals resample (visits
    where only they are known), ``scored`` the queries with figures, ``excluded`` the others, ``short`` how many scored
    queries have fewer pictures to search than the greatest k. ``tied_share`` is the share of neighbours in the rankings
    whose similarities are equal, so that only the seeded hash decided their order.
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
    tied_share: float
    confusion: Confusion
    table: QueryTable = field(repr=False)

    @property
    def left_out(self) -> int:
        """How many queries have no figures."""
        return sum(exclusion.count for exclusion in self.excluded)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What an encoder retrieves from a dataset: :func:`lookalike.evaluation.experiments.evaluate.evaluate` makes one.

    ``rows`` are the pictures that could be used, which every row number refers to; ``skipped`` the others. ``split``
    tells whether the dataset names its queries and gallery; else each picture is the query once and all others are
    its gallery. ``figures`` are under the junk rule asked for, ``others`` under the other rules that the dataset's
    columns allow. ``images_per_second`` is how fast pictures were decoded and encoded; None where nothing was.
    """

    encoder: EncoderSpec
    dataset: Dataset
    rows: tuple[Row, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    split: bool
    ks: tuple[int, ...]
    seed: int
    figures: Figures
    others: tuple[Figures, ...]
    images_per_second: float | None
    provenance: Provenance

    def query(self, number: int) -> EvaluatedQuery:
        """The ``number``-th query, counted from 0 in the dataset's order."""
        table = self.figures.table
        row = self.rows[table.rows[number]]
        relevant = int(table.relevant[number])
        figures = {key: float(values[number]) for key, values in table.values.items()} if relevant else {}
        return EvaluatedQuery(
            number, row.path, row.label, row.group, row.visit, relevant, int(table.sizes[number]), figures
        )

    def queries(self) -> Iterator[EvaluatedQuery]:
        """All queries, scored or not, in the dataset's order."""
        return (self.query(number) for number in range(len(self.figures.table.rows)))

    def hits(self, number: int) -> tuple[EvaluatedHit, ...]:
        """The first pictures of the ``number``-th query's ranking, up to the greatest k (at least ten)."""
        table = self.figures.table
        found = zip(table.hits[number], table.scores[number], table.right[number], strict=True)
        return tuple(
            EvaluatedHit(rank, self.rows[hit].path, self.rows[hit].label, float(score), bool(right))
            for rank, (hit, score, right) in enumerate(found, start=1)
            if hit >= 0
        )

    def best(self, count: int = 6) -> tuple[EvaluatedQuery, ...]:
        """The scored queries of greatest AP, best first; equal ones by path."""
        return self._by_precision(count, -1.0)

    def worst(self, count: int = 6) -> tuple[EvaluatedQuery, ...]:
        """The scored queries of least AP, worst first; equal ones by path."""
        return self._by_precision(count, 1.0)

    def failures(self) -> tuple[EvaluatedQuery, ...]:
        """The scored queries whose first hit is wrong, the most similar wrong hits first; equal ones by path."""
        table = self.figures.table
        numbers = np.flatnonzero((table.relevant > 0) & ~table.right[:, 0])
        return self._sorted(numbers, -table.scores[:, 0].astype(np.float64))

    def _by_precision(self, count: int, sign: float) -> tuple[EvaluatedQuery, ...]:
        table = self.figures.table
        return self._sorted(np.flatnonzero(table.relevant > 0), sign * table.values["map"])[:count]

    def _sorted(self, numbers: NDArray[np.intp], by: NDArray[np.float64]) -> tuple[EvaluatedQuery, ...]:
        queries = (self.query(int(number)) for number in numbers)
        return tuple(sorted(queries, key=lambda query: (by[query.number], os.fsencode(query.path))))
