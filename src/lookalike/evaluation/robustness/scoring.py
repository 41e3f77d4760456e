"""Score the cells of the grid: rank corrupted images, with the relevance of the clean rows, and compare with clean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Junk, Relevance
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.robustness.grid import CLEAN, Cell, Target, Version, mixed_gallery_mask
from lookalike.evaluation.robustness.results import FirstHits, RobustnessMetric
from lookalike.evaluation.robustness.runner import GridVectors
from lookalike.evaluation.scoring.averages import query_metrics, required_depth
from lookalike.evaluation.scoring.score import count_units, exclusions, sampling_units
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.influence import InfluenceCollector
from lookalike.evaluation.statistics.intervals import mean_interval
from lookalike.evaluation.statistics.metrics import ceilings
from lookalike.evaluation.statistics.retention import Measured, retention
from lookalike.evaluation.statistics.sampling import Sampling

Means = Mapping[str, Measured]
"""The means of metrics over scored queries, by metric name, with the influence of groups."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the metrics of corrupted images are compared with, by metric name, with the same images left out.

    ``clean`` are the metrics of clean images, ``chance`` those of a random order, ``ceilings`` the highest possible.
    """

    clean: Means
    chance: Mapping[str, float]
    ceilings: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The metrics of corrupted images, or means of them, with what they are compared with."""

    means: Means
    reference: Reference


@dataclass(frozen=True, slots=True, eq=False)
class RankedCell:
    """The metrics of one ranking, and its first hits.

    ``first`` int64 (s,) are the row numbers of first hits, -1 if there is none, and ``right`` (s,) whether they are.
    """

    means: Means
    first: NDArray[np.int64]
    right: NDArray[np.bool_]


class CellScorer:
    """Ranks any version of the images against any other; relevance and junk follow from the clean rows."""

    def __init__(self, clean: EmbeddedDataset, *, junk: Junk, metric_names: Sequence[str], seed: int) -> None:
        """Take relevance and junk from the rows of ``clean``; compute the metrics ``metric_names``."""
        self._clean = clean.vectors
        self.metric_names = tuple(metric_names)
        self.junk = junk
        self.seed = seed
        self.queries, self.gallery = clean.split_rows()
        self._rows = clean.row_codes()
        self._relevance = Relevance(self._rows, junk=junk, queries=self.queries, gallery=self.gallery)
        self._ks = sorted({int(name.partition("@")[2]) for name in metric_names if name.startswith("precision@")})
        self.is_scored = self._relevance.R > 0
        self.scored = self.queries[self.is_scored]
        self._units = sampling_units(clean)
        self.sampling = Sampling.of(self._relevance, self._rows.labels, self._units)
        labels = np.array([clean.rows[number].label for number in self.queries], np.str_)
        self.exclusions = exclusions(clean, self._relevance, labels)
        self._references: dict[tuple[tuple[int, ...], ...], Reference] = {}
        self.tied_share = 0.0
        """The largest share of tied comparisons in any ranking so far."""

    @property
    def groups(self) -> int:
        """The number of groups that the scored queries come from."""
        return count_units(self._units[self.scored])

    def reference(self, extra_junk: Mapping[int, Sequence[int]] | None = None) -> Reference:
        """What metrics with this ``extra_junk``, as in :meth:`score`, are compared with; ranked once."""
        key = tuple((row, *junk) for row, junk in (extra_junk or {}).items())
        if key not in self._references:
            relevance = self._relevance_without(extra_junk or {})
            levels = chance_levels(relevance, self._ks)
            limits = ceilings(relevance.R[self.is_scored], self._ks)
            ranked = self.score(self._clean, self._clean, extra_junk)
            self._references[key] = Reference(
                ranked.means,
                {name: float(levels[name][self.is_scored].mean()) for name in self.metric_names},
                {name: float(limits[name].mean()) if name in limits else 1.0 for name in self.metric_names},
            )
        return self._references[key]

    def score(
        self,
        queries: NDArray[np.float32],
        gallery: NDArray[np.float32],
        extra_junk: Mapping[int, Sequence[int]] | None = None,
    ) -> RankedCell:
        """Rank ``gallery`` for ``queries``: both hold vectors (n, d) of all rows, of which the split selects a part.

        ``extra_junk`` maps a query's row to rows that are also junk, unless that would leave it nothing to find.
        """
        relevance = self._relevance_without(extra_junk or {})
        collector = InfluenceCollector(relevance, self._rows.labels, self._units, self._ks, classes=False)
        rankings = rank_gallery(
            queries[self.queries],
            gallery[self.gallery],
            relevance,
            k=required_depth(self._ks),
            seed=self.seed,
            visitor=collector,
        )
        values = query_metrics(rankings, self._ks, self._rows.labels)
        influences = collector.influences().micro
        self.tied_share = max(self.tied_share, rankings.tied_share)
        return RankedCell(
            {
                name: Measured(float(values[name][self.is_scored].mean()), influences[name])
                for name in self.metric_names
            },
            rankings.rows[self.is_scored, 0],
            rankings.relevant[self.is_scored, 0],
        )

    def _relevance_without(self, extra_junk: Mapping[int, Sequence[int]]) -> Relevance:
        """The relevance with ``extra_junk`` removed too, except for queries that would have nothing left to find."""

        def without(extra_junk: Mapping[int, Sequence[int]]) -> Relevance:
            return Relevance(
                self._rows,
                junk=self.junk,
                queries=self.queries,
                gallery=self.gallery,
                extra_junk=lambda row: np.array(extra_junk.get(row, ()), np.intp),
            )

        if not extra_junk:
            return self._relevance
        relevance = without(extra_junk)
        emptied = set(self.queries[self.is_scored & (relevance.R == 0)].tolist())
        if not emptied:
            return relevance
        return without({row: junk for row, junk in extra_junk.items() if row not in emptied})

    def summarise(self, compared: Compared, *, is_cell: bool = False) -> dict[str, RobustnessMetric]:
        """The means with their intervals, and what they retain of the clean ones with its paired interval.

        Those of a single cell don't keep the influence of groups, to save memory.
        """
        metrics = {}
        for name, mean in compared.means.items():
            clean, chance = compared.reference.clean[name], compared.reference.chance[name]
            kept = retention(mean, clean, chance, self.sampling)
            limit = compared.reference.ceilings[name]
            interval = mean_interval(mean.value, mean.influence, self.sampling, self.sampling.basis, limit)
            metrics[name] = RobustnessMetric(
                value=mean.value,
                interval=interval,
                clean=clean.value,
                chance=chance,
                retention=kept.value,
                retention_interval=kept.interval,
                raw_ratio=kept.raw,
                retention_influence=None if is_cell else kept.influence,
            )
        return metrics


@dataclass(frozen=True, slots=True, eq=False)
class CellScores:
    """The metrics of one cell; ``first_hits`` is None unless the target is ``mixed``."""

    compared: Compared
    first_hits: FirstHits | None = None


def score_cell(scorer: CellScorer, vectors: GridVectors, cell: Cell, target: Target) -> CellScores:
    """Rank the gallery of one cell for its queries.

    With the target ``mixed`` every query is searched twice, clean and corrupted, and its metrics are the means of both.
    An image and the donor of its background are junk to each other.
    """
    queries, gallery = cell.query_version(target), cell.gallery_version(target)
    if target != "mixed":
        junk = _shared_background(vectors, queries, gallery)
        ranked = scorer.score(vectors.for_version(queries), vectors.for_version(gallery), junk)
        return CellScores(Compared(ranked.means, scorer.reference(junk)))
    mask = mixed_gallery_mask(vectors.digests, cell.corruption, seed=scorer.seed)
    clean_vectors = vectors.for_version(CLEAN)
    mixed_vectors = np.where(mask[:, np.newaxis], vectors.for_version(gallery), clean_vectors)
    junk_of_clean, junk = (_shared_background(vectors, one, gallery, mask) for one in (CLEAN, queries))
    clean = scorer.score(clean_vectors, mixed_vectors, junk_of_clean)
    corrupted = scorer.score(vectors.for_version(queries), mixed_vectors, junk)
    first_hits = _first_hits(scorer, clean, corrupted, mask)
    compared = mean_of(
        [
            Compared(clean.means, scorer.reference(junk_of_clean)),
            Compared(corrupted.means, scorer.reference(junk)),
        ]
    )
    return CellScores(compared, first_hits)


def mean_of(many: Sequence[Compared]) -> Compared:
    """The mean over ``many`` rankings of the same queries: averages over corruptions and families are built from it."""
    references = [one.reference for one in many]
    return Compared(
        _mean_of_means([one.means for one in many]),
        Reference(
            _mean_of_means([one.clean for one in references]),
            _mean_of_values([one.chance for one in references]),
            _mean_of_values([one.ceilings for one in references]),
        ),
    )


def _mean_of_values(many: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    return {name: float(np.mean([values[name] for values in many])) for name in many[0]}


def _mean_of_means(many: Sequence[Means]) -> Means:
    return {
        name: Measured(
            float(np.mean([means[name].value for means in many])),
            np.mean([means[name].influence for means in many], axis=0),
        )
        for name in many[0]
    }


def _first_hits(scorer: CellScorer, clean: RankedCell, corrupted: RankedCell, mask: NDArray[np.bool_]) -> FirstHits:
    both = (clean.first >= 0) & (corrupted.first >= 0)
    hit_of_clean, hit_of_corrupted = (mask[ranked.first[both]] for ranked in (clean, corrupted))
    wrong = [~ranked.right[both] for ranked in (clean, corrupted)]
    same_condition = np.concatenate([~hit_of_clean[wrong[0]], hit_of_corrupted[wrong[1]]])
    return FirstHits(
        gallery_share=_share(mask[scorer.gallery]),
        corrupted_query_share=_share(hit_of_corrupted),
        clean_query_share=_share(hit_of_clean),
        wrong_same_condition=_share(same_condition),
    )


def _shared_background(
    vectors: GridVectors, queries: Version, gallery: Version, mask: NDArray[np.bool_] | None = None
) -> dict[int, list[int]]:
    """For each query row, the rows that share its background: its own donor, and the images it is the donor of.

    ``mask`` says which gallery images are in the version ``gallery``; all by default.
    """
    sharing: defaultdict[int, list[int]] = defaultdict(list)
    for row, donor in enumerate(vectors.donor_rows(queries)):
        if donor >= 0:
            sharing[row].append(int(donor))
    for row, donor in enumerate(vectors.donor_rows(gallery)):
        if donor >= 0 and (mask is None or mask[row]):
            sharing[int(donor)].append(row)
    return sharing


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
