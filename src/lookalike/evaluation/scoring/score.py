"""All metrics of one encoder on one dataset under one junk rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import MISSING, Junk, Relevance
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.scoring.averages import averages, query_metrics, required_depth
from lookalike.evaluation.scoring.results import Confusion, Exclusion, MetricSet, QueryResults
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.intervals import Interval, intervals
from lookalike.progress import StageProgress

Values = dict[str, NDArray[np.float64]]


def score(
    embedded: EmbeddedDataset,
    junk: Junk,
    *,
    ks: Sequence[int],
    seed: int = 0,
    progress: StageProgress | None = None,
) -> MetricSet:
    """Rank the gallery for every query of ``embedded``, without junk by the rule ``junk``, and compute all metrics.

    ``ks`` are the cut-offs of precision@k and the like; none may exceed the size of the gallery. ``seed`` determines
    the order of ties and the bootstrap draws of intervals. ``progress`` is called for queries ranked and intervals
    computed.
    """
    progress = progress or ignore_progress
    queries, gallery = embedded.split_rows()
    rows = embedded.row_codes()
    relevance = Relevance(rows, junk=junk, queries=queries, gallery=gallery)
    rankings = rank_gallery(
        embedded.vectors[queries],
        embedded.vectors[gallery],
        relevance,
        k=required_depth(ks),
        seed=seed,
        progress=lambda done, total: progress("ranking", done, total),
    )
    values = query_metrics(rankings, ks, rows.labels)
    ceilings = {key: values.pop(key) for key in [*values] if key.startswith("ceiling@")}
    labels = np.array([embedded.rows[number].label for number in queries], np.str_)
    scored = rankings.R > 0
    means = averages(values, labels, scored)
    ceiling_means = averages(ceilings, labels, scored)
    units = resampling_units(embedded)[queries]
    resampling = _Resampling(values, units, rows.labels[queries], seed)
    by_class = [scored & (labels == label) for label in means.classes]
    micro, macro, *classes = resampling.intervals([scored, *by_class], progress)
    return MetricSet(
        junk=junk,
        gallery=len(gallery),
        groups=count_units(units[scored]),
        scored=int(np.count_nonzero(scored)),
        scored_by_class={label: int(np.count_nonzero(scored & (labels == label))) for label in means.classes},
        excluded=exclusions(embedded, relevance, labels),
        short=int(np.count_nonzero(scored & (rankings.size < max(ks)))),
        micro=means.micro,
        macro=means.macro,
        classes=means.classes,
        ceilings=ceiling_means.micro,
        class_ceilings=ceiling_means.classes,
        chance=_chance(relevance, ks, scored),
        intervals=micro,
        macro_intervals=macro,
        class_intervals=dict(zip(means.classes, classes, strict=True)),
        tied_share=rankings.tied_share,
        confusion=_confusion(embedded, rankings, labels, scored),
        per_query=QueryResults.of(rankings, values),
    )


def ignore_progress(_stage: str, _done: int, _total: int) -> None:
    """Report no progress."""


def resampling_units(embedded: EmbeddedDataset) -> NDArray[np.int64]:
    """The units that intervals and tests resample, int64 (n,): groups, or visits if there are visits but no groups."""
    rows = embedded.row_codes()
    return rows.visits if embedded.dataset.has_visits and not embedded.dataset.has_groups else rows.groups


def count_units(units: NDArray[np.int64]) -> int:
    """The number of distinct ``units`` (n,), where each row without one counts as a unit of its own."""
    return len(np.unique(units[units != MISSING])) + int(np.count_nonzero(units == MISSING))


@dataclass(frozen=True, slots=True, eq=False)
class _Resampling:
    """Computes intervals from metrics by key (q,), units (q,) and label codes (q,) of the queries."""

    values: Values
    units: NDArray[np.int64]
    codes: NDArray[np.int64]
    seed: int

    def intervals(
        self, parts: Sequence[NDArray[np.bool_]], progress: StageProgress
    ) -> list[dict[str, Interval | None]]:
        """Micro and macro intervals of the first of ``parts`` (masks (q,)), then the micro intervals of the others."""
        result = [self._intervals(parts[0])]
        for part in parts:
            progress("intervals", len(result), 1 + len(parts))
            result.append(self._intervals(part, macro=part is parts[0]))
        return result

    def _intervals(self, part: NDArray[np.bool_], *, macro: bool = False) -> dict[str, Interval | None]:
        values = {key: metric[part] for key, metric in self.values.items()}
        return intervals(values, self.units[part], self.codes[part], seed=self.seed, macro=macro)


def _chance(relevance: Relevance, ks: Sequence[int], scored: NDArray[np.bool_]) -> dict[str, float]:
    levels = chance_levels(relevance, ks)
    return {key: float(level[scored].mean()) if scored.any() else float("nan") for key, level in levels.items()}


def exclusions(embedded: EmbeddedDataset, relevance: Relevance, labels: NDArray[np.str_]) -> tuple[Exclusion, ...]:
    """The queries with R = 0 by class, with the reason."""
    by_label = Counter(embedded.rows[number].label for number in relevance.gallery)
    searched = set(relevance.gallery.tolist())
    reasons = Counter(
        (str(label), by_label[label] - (row in searched) > 0)
        for row, label, total in zip(relevance.queries.tolist(), labels, relevance.R, strict=True)
        if not total
    )
    return tuple(
        Exclusion(label, count, _reason(relevance.junk, others=others))
        for (label, others), count in sorted(reasons.items())
    )


def _reason(junk: Junk, *, others: bool) -> str:
    if not others:
        return "no other image of the class is in the gallery"
    copies = "exact copies"
    return "all other images of the class are " + (copies if junk == "none" else f"of the same {junk}, or {copies}")


def _confusion(
    embedded: EmbeddedDataset, rankings: Rankings, labels: NDArray[np.str_], scored: NDArray[np.bool_]
) -> Confusion:
    """The confusion matrix of scored queries that have a first hit (one whose gallery is all junk has none)."""
    first = rankings.rows[:, 0]
    pairs = Counter(
        (labels[number], embedded.rows[first[number]].label) for number in np.flatnonzero(scored & (first >= 0))
    )
    names = sorted({label for pair in pairs for label in pair})
    counts = [[pairs[label, other] for other in names] for label in names]
    return Confusion(tuple(names), np.array(counts, np.int64).reshape(len(names), len(names)))
