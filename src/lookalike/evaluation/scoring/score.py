"""All metrics of one encoder on one dataset under one junk rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import MISSING, Junk, Relevance
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.scoring.averages import averages, compared_metrics, query_metrics, required_depth
from lookalike.evaluation.scoring.results import Confusion, Exclusion, MetricSet, QueryResults
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.influence import InfluenceCollector
from lookalike.evaluation.statistics.metrics import ceilings
from lookalike.progress import StageProgress


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
    the order of ties. ``progress`` is called for queries ranked.
    """
    progress = progress or ignore_progress
    queries, gallery = embedded.split_rows()
    rows = embedded.row_codes()
    relevance = Relevance(rows, junk=junk, queries=queries, gallery=gallery)
    units = sampling_units(embedded)
    collector = InfluenceCollector(relevance, rows.labels, units, ks)
    rankings = rank_gallery(
        embedded.vectors[queries],
        embedded.vectors[gallery],
        relevance,
        k=required_depth(ks),
        seed=seed,
        progress=lambda done, total: progress("ranking", done, total),
        visitor=collector,
    )
    found = collector.influences()
    values = query_metrics(rankings, ks, rows.labels)
    labels = np.array([embedded.rows[number].label for number in queries], np.str_)
    scored = rankings.R > 0
    means = averages(values, labels, scored)
    ceiling_means = averages(ceilings(rankings.R, ks), labels, scored)
    codes = {label: int(rows.labels[queries][labels == label][0]) for label in means.classes}
    return MetricSet(
        junk=junk,
        gallery=len(gallery),
        groups=count_units(units[queries][scored]),
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
        intervals=found.micro_intervals,
        macro_intervals=found.macro_intervals,
        class_intervals={
            label: found.class_intervals.get(code, dict.fromkeys(values)) for label, code in codes.items()
        },
        sampling=found.sampling,
        influences={key: found.micro[key] for key in compared_metrics(ks)},
        tied_share=rankings.tied_share,
        confusion=_confusion(embedded, rankings, labels, scored),
        per_query=QueryResults.of(rankings, values),
    )


def ignore_progress(_stage: str, _done: int, _total: int) -> None:
    """Report no progress."""


def sampling_units(embedded: EmbeddedDataset) -> NDArray[np.int64]:
    """The units that count as independent, int64 (n,): groups, or visits if there are visits but no groups."""
    rows = embedded.row_codes()
    return rows.visits if embedded.dataset.has_visits and not embedded.dataset.has_groups else rows.groups


def count_units(units: NDArray[np.int64]) -> int:
    """The number of distinct ``units`` (n,), where each row without one counts as a unit of its own."""
    return len(np.unique(units[units != MISSING])) + int(np.count_nonzero(units == MISSING))


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
