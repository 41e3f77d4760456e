"""What was found of the same scenes' other frames: figures, what was left out, and each query's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.scoring.results import QueryTable
from lookalike.evaluation.statistics.intervals import Interval
from lookalike.images.files import Skipped


@dataclass(frozen=True, slots=True)
class AngleHit:
    """A picture of a query's ranking; ``right`` where it is another frame of the query's scene."""

    rank: int
    row: Row
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class AngleQuery:
    """One query: ``relevant`` other frames of its scene are to be found among ``size`` pictures, junk removed.

    ``first`` is the first of them in its ranking, and ``figures`` are its own, by key, 0 to 1; None and empty where
    nothing is left to find.
    """

    number: int
    row: Row
    relevant: int
    size: int
    first: AngleHit | None
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Angles:
    """How well an encoder finds other frames of the same scene: what the experiment ``angles`` returns.

    Figures are 0 to 1, by the keys ``precision@k``, ``recall@k``, ``hit_rate@k``, ``ndcg@k``, ``map`` and ``map@r``.
    ``micro`` is their mean over the ``scored`` queries, ``by_scene`` over scenes, each counting alike, and ``macro``
    over classes, whose own means ``classes`` has. ``intervals`` (of micro) resample scenes. ``ceilings`` are the
    precision@k that a perfect encoder would reach, ``chance`` what a random order would give.

    ``scenes`` is how many scenes scored queries are of, ``excluded`` how many queries aren't scored, by the reason in
    words. ``near_encoder`` and ``threshold`` say which pictures are near copies; ``near_frames`` is how many pairs of a
    query and a frame of its scene were removed as such, ``near_others`` how many of a query and another picture
    (exact copies are near copies, too).
    ``table`` has every query's own results, its row numbers referring to ``rows``; ``first_ranks``, ``first_rows``
    (int64) and ``first_scores`` (cosines), each (q,), say where in its ranking the first other frame of its scene
    comes, and which it is; 0, -1 and nan where there is none.
    """

    encoder: EncoderSpec
    near_encoder: EncoderSpec
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
    near_frames: int
    near_others: int
    micro: Mapping[str, float]
    by_scene: Mapping[str, float]
    macro: Mapping[str, float]
    classes: Mapping[str, Mapping[str, float]]
    class_queries: Mapping[str, int]
    intervals: Mapping[str, Interval | None]
    ceilings: Mapping[str, float]
    chance: Mapping[str, float]
    tied_share: float
    table: QueryTable = field(repr=False)
    first_ranks: NDArray[np.int64] = field(repr=False)
    first_rows: NDArray[np.int64] = field(repr=False)
    first_scores: NDArray[np.float32] = field(repr=False)
    provenance: Provenance

    def query(self, number: int) -> AngleQuery:
        """The ``number``-th query, counted from 0 in the dataset's order."""
        table = self.table
        relevant = int(table.relevant[number])
        figures = {key: float(values[number]) for key, values in table.values.items()} if relevant else {}
        rank, row = int(self.first_ranks[number]), int(self.first_rows[number])
        first = AngleHit(rank, self.rows[row], float(self.first_scores[number]), right=True) if rank else None
        return AngleQuery(number, self.rows[table.rows[number]], relevant, int(table.sizes[number]), first, figures)

    def queries(self) -> Iterator[AngleQuery]:
        """All queries, scored or not, in the dataset's order."""
        return (self.query(number) for number in range(len(self.table.rows)))

    def hits(self, number: int) -> tuple[AngleHit, ...]:
        """The first pictures of the ``number``-th query's ranking, up to the greatest k (at least ten)."""
        table = self.table
        found = zip(table.hits[number], table.scores[number], table.right[number], strict=True)
        return tuple(
            AngleHit(rank, self.rows[hit], float(score), bool(right))
            for rank, (hit, score, right) in enumerate(found, start=1)
            if hit >= 0
        )

    def best(self, count: int = 6) -> tuple[AngleQuery, ...]:
        """The scored query of greatest AP of each scene, best first; equal ones by path."""
        return self._of_scenes(-1.0)[:count]

    def worst(self, count: int = 6) -> tuple[AngleQuery, ...]:
        """The scored query of least AP of each scene, worst first; equal ones by path."""
        return self._of_scenes(1.0)[:count]

    def _of_scenes(self, sign: float) -> tuple[AngleQuery, ...]:
        scored = (self.query(int(number)) for number in np.flatnonzero(self.table.relevant > 0))
        first: dict[str | None, AngleQuery] = {}
        for query in sorted(scored, key=lambda one: (sign * one.figures["map"], os.fsencode(one.row.path))):
            first.setdefault(query.row.group, query)
        return tuple(first.values())
