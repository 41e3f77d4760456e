"""Figures of damaged pictures: every cell ranked anew, judged by the clean rows, set against the clean figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Junk, Relevance
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.robustness.grid import CLEAN, Cell, Side, Version, damaged_of_mixed
from lookalike.evaluation.robustness.results import FirstHits, Measure
from lookalike.evaluation.robustness.runner import GridVectors
from lookalike.evaluation.scoring.averages import deepest, per_query
from lookalike.evaluation.scoring.score import count_units, exclusions, resampled
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.intervals import intervals
from lookalike.evaluation.statistics.retention import retention

Values = Mapping[str, NDArray[np.float64]]
"""Each scored query's figures, float64 (s,), by key."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Figures of one cell, with what came first: ``first`` int64 (s,) row numbers, -1 where there is no hit."""

    values: Values
    first: NDArray[np.int64]
    tied_share: float


class Judge:
    """Ranks any version of the pictures against any other; who is relevant and who is junk the clean rows say."""

    def __init__(self, clean: EmbeddedDataset, *, junk: Junk, keys: Sequence[str], seed: int) -> None:
        """Judge by the rows of ``clean``; ``keys`` are the figures to take."""
        self.keys = tuple(keys)
        self.junk = junk
        self.seed = seed
        self.queries, self.gallery = clean.sides()
        self._rows = clean.statistics_rows()
        self._relevance = Relevance(self._rows, junk=junk, queries=self.queries, gallery=self.gallery)
        self._ks = sorted({int(key.partition("@")[2]) for key in keys if key.startswith("precision@")})
        self.is_scored = self._relevance.R > 0
        self.scored = self.queries[self.is_scored]
        self.labels = self._rows.labels[self.scored]
        self.units = resampled(clean)[self.scored]
        labels = np.array([clean.rows[number].label for number in self.queries], np.str_)
        self.exclusions = exclusions(clean, self._relevance, labels)

    @property
    def groups(self) -> int:
        """How many groups the scored queries come from."""
        return count_units(self.units)

    def chance(self) -> Values:
        """What a random order of each scored query's gallery would give."""
        levels = chance_levels(self._relevance, self._ks)
        return {key: levels[key][self.is_scored] for key in self.keys}

    def score(
        self, queries: NDArray[np.float32], gallery: NDArray[np.float32], out: Mapping[int, Sequence[int]] | None = None
    ) -> Scored:
        """Rank ``gallery`` for ``queries``: both are vectors (n, d) of all rows, of which each side's are taken.

        ``out`` are rows that are junk besides for a query's row, unless they are all that it could find.
        """
        rankings = rank_gallery(
            queries[self.queries],
            gallery[self.gallery],
            self._without(out) if out else self._relevance,
            k=deepest(self._ks),
            seed=self.seed,
        )
        values = per_query(rankings, self._ks, self._rows.labels)
        return Scored(
            {key: values[key][self.is_scored] for key in self.keys},
            rankings.rows[self.is_scored, 0],
            rankings.tied_share,
        )

    def _without(self, out: Mapping[int, Sequence[int]]) -> Relevance:
        """The relevance with ``out`` removed as well, but for queries that would have nothing left to find."""

        def judged(out: Mapping[int, Sequence[int]]) -> Relevance:
            return Relevance(
                self._rows,
                junk=self.junk,
                queries=self.queries,
                gallery=self.gallery,
                also_junk=lambda row: np.array(out.get(row, ()), np.intp),
            )

        relevance = judged(out)
        emptied = set(self.queries[self.is_scored & (relevance.R == 0)].tolist())
        return judged({row: rows for row, rows in out.items() if row not in emptied}) if emptied else relevance

    def measure(self, values: Values, clean: Values, chance: Values) -> dict[str, Measure]:
        """``values`` beside the ``clean`` ones, with paired intervals."""
        limits = intervals(values, self.units, self.labels, seed=self.seed)
        measured = {}
        for key in self.keys:
            kept = retention(values[key], clean[key], chance[key], self.units, self.labels, seed=self.seed)
            measured[key] = Measure(float(values[key].mean()), limits[key], kept.value, kept.interval, kept.raw)
        return measured


@dataclass(frozen=True, slots=True, eq=False)
class CellScores:
    """What one cell came to, before it is set against the clean figures."""

    values: Values
    first_hits: FirstHits | None
    tied_share: float


def score_cell(judge: Judge, vectors: GridVectors, cell: Cell, side: Side) -> CellScores:
    """Rank the gallery of one cell for its queries.

    Where the side is ``mixed``, every query is asked twice, clean and damaged, and its figures are the means of both.
    Pictures that share a surround because one lent it to the other are junk to one another.
    """
    queries = cell.queries(side)
    gallery = vectors.of(cell.gallery(side))
    if side == "mixed":
        damaged = damaged_of_mixed(vectors.digests, cell.corruption, seed=judge.seed)
        gallery = np.where(damaged[:, np.newaxis], gallery, vectors.of(CLEAN))
        asked_clean = judge.score(vectors.of(CLEAN), gallery, _lenders(vectors, CLEAN, cell.gallery(side), damaged))
        out = _lenders(vectors, queries, cell.gallery(side), damaged)
        asked_damaged = judge.score(vectors.of(queries), gallery, out)
        values = {key: (asked_clean.values[key] + asked_damaged.values[key]) / 2 for key in judge.keys}
        hits = _first_hits(judge, asked_clean, asked_damaged, damaged)
        tied = (asked_clean.tied_share + asked_damaged.tied_share) / 2
        return CellScores(values, hits, tied)
    scored = judge.score(vectors.of(queries), gallery, _lenders(vectors, queries, cell.gallery(side)))
    return CellScores(scored.values, None, scored.tied_share)


def mean_values(many: Sequence[Values]) -> Values:
    """Every query's mean over ``many``: what averaging first within corruptions, then families, is made of."""
    return {key: np.mean([values[key] for values in many], axis=0) for key in many[0]}


def _first_hits(judge: Judge, clean: Scored, damaged: Scored, is_damaged: NDArray[np.bool_]) -> FirstHits:
    there = (clean.first >= 0) & (damaged.first >= 0)
    of_clean, of_damaged = (is_damaged[scored.first[there]] for scored in (clean, damaged))
    wrong = [scored.values[judge.keys[0]][there] == 0 for scored in (clean, damaged)]
    alike = np.concatenate([~of_clean[wrong[0]], of_damaged[wrong[1]]])
    return FirstHits(
        gallery=_share(is_damaged[judge.gallery]),
        of_damaged=_share(of_damaged),
        of_clean=_share(of_clean),
        wrong_alike=_share(alike),
    )


def _lenders(
    vectors: GridVectors, queries: Version, gallery: Version, damaged: NDArray[np.bool_] | None = None
) -> dict[int, list[int]]:
    """For each row as a query, the rows it would find by a surround they share: its lender, and those it lent to.

    ``damaged`` says which gallery pictures are in the version ``gallery``, by default all.
    """
    out: defaultdict[int, list[int]] = defaultdict(list)
    for row, lender in enumerate(vectors.lenders(queries)):
        if lender >= 0:
            out[row].append(int(lender))
    for row, lender in enumerate(vectors.lenders(gallery)):
        if lender >= 0 and (damaged is None or damaged[row]):
            out[int(lender)].append(row)
    return out


def _share(true: NDArray[np.bool_]) -> float:
    return float(true.mean()) if len(true) else float("nan")
