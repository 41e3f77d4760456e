"""All figures of one encoder on one dataset under one junk rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import ALONE, Junk, Relevance
from lookalike.evaluation.ranking.full_ranking import Rankings, rank_gallery
from lookalike.evaluation.scoring.averages import averages, deepest, per_query
from lookalike.evaluation.scoring.results import Confusion, Exclusion, Figures, QueryTable
from lookalike.evaluation.statistics.chance import chance_levels
from lookalike.evaluation.statistics.intervals import Interval, intervals

Progress = Callable[[str, int, int], None]
"""Told what is being done, in words, and how many of how many are done."""

Values = dict[str, NDArray[np.float64]]


def score(
    embedded: EmbeddedDataset,
    junk: Junk,
    *,
    ks: Sequence[int],
    seed: int = 0,
    progress: Progress | None = None,
) -> Figures:
    """Rank the gallery for every query of ``embedded``, junk taken out by the rule ``junk``, and take all figures.

    ``ks`` are the ranks of precision@k and the like; none may be larger than the gallery. ``seed`` decides the order
    of ties and what intervals resample. ``progress`` is told how many queries are ranked and intervals drawn.
    """
    tell = progress or silent
    queries, gallery = embedded.sides()
    rows = embedded.statistics_rows()
    relevance = Relevance(rows, junk=junk, queries=queries, gallery=gallery)
    rankings = rank_gallery(
        embedded.vectors[queries],
        embedded.vectors[gallery],
        relevance,
        k=deepest(ks),
        seed=seed,
        progress=lambda done, total: tell("ranking", done, total),
    )
    values = per_query(rankings, ks, rows.labels)
    ceilings = {key: values.pop(key) for key in [*values] if key.startswith("ceiling@")}
    labels = np.array([embedded.rows[number].label for number in queries], np.str_)
    scored = rankings.R > 0
    means = averages(values, labels, scored)
    limits = averages(ceilings, labels, scored)
    units = resampled(embedded)[queries]
    resampling = _Resampling(values, units, rows.labels[queries], seed)
    micro, macro, *classes = resampling.every([scored, *(scored & (labels == label) for label in means.classes)], tell)
    return Figures(
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
        ceilings=limits.micro,
        class_ceilings=limits.classes,
        chance=_chance(relevance, ks, scored),
        intervals=micro,
        macro_intervals=macro,
        class_intervals=dict(zip(means.classes, classes, strict=True)),
        tied_share=rankings.tied_share,
        confusion=_confusion(embedded, rankings, labels, scored),
        table=QueryTable(
            rows=rankings.queries,
            relevant=rankings.R,
            sizes=rankings.size,
            values=values,
            hits=rankings.rows,
            scores=rankings.scores,
            right=rankings.relevant,
        ),
    )


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody wants to know."""


def resampled(embedded: EmbeddedDataset) -> NDArray[np.int64]:
    """The units that intervals and tests resample whole, int64 (n,): groups; visits where only they are known."""
    rows = embedded.statistics_rows()
    return rows.visits if embedded.dataset.has_visits and not embedded.dataset.has_groups else rows.groups


def count_units(units: NDArray[np.int64]) -> int:
    """How many different units (n,) there are, each row without one being alone in its own."""
    return len(np.unique(units[units != ALONE])) + int(np.count_nonzero(units == ALONE))


@dataclass(frozen=True, slots=True, eq=False)
class _Resampling:
    """Intervals of the scored queries' figures: units (q,), labels as codes (q,), figures by key (q,)."""

    values: Values
    units: NDArray[np.int64]
    codes: NDArray[np.int64]
    seed: int

    def every(self, parts: Sequence[NDArray[np.bool_]], tell: Progress) -> list[dict[str, Interval | None]]:
        """Intervals of the first part's means over queries and over classes, then of each other part's (q,)."""
        found = [self._of(parts[0])]
        for chosen in parts:
            tell("intervals", len(found), 1 + len(parts))
            found.append(self._of(chosen, macro=chosen is parts[0]))
        return found

    def _of(self, chosen: NDArray[np.bool_], *, macro: bool = False) -> dict[str, Interval | None]:
        part = {key: figures[chosen] for key, figures in self.values.items()}
        return intervals(part, self.units[chosen], self.codes[chosen], seed=self.seed, macro=macro)


def _chance(relevance: Relevance, ks: Sequence[int], scored: NDArray[np.bool_]) -> dict[str, float]:
    levels = chance_levels(relevance, ks)
    return {key: float(level[scored].mean()) if scored.any() else float("nan") for key, level in levels.items()}


def exclusions(embedded: EmbeddedDataset, relevance: Relevance, labels: NDArray[np.str_]) -> tuple[Exclusion, ...]:
    """Queries with R = 0 by class, and whether others of their class were there at all."""
    having = Counter(embedded.rows[number].label for number in relevance.gallery)
    searched = set(relevance.gallery.tolist())
    reasons = Counter(
        (str(label), having[label] - (row in searched) > 0)
        for row, label, total in zip(relevance.queries.tolist(), labels, relevance.R, strict=True)
        if not total
    )
    return tuple(
        Exclusion(label, count, _reason(relevance.junk, others=others))
        for (label, others), count in sorted(reasons.items())
    )


def _reason(junk: Junk, *, others: bool) -> str:
    if not others:
        return "no other picture of the class is in the gallery"
    copies = "an exact copy"
    return "all others of the class are " + (copies if junk == "none" else f"of the same {junk}, or {copies}")


def _confusion(
    embedded: EmbeddedDataset, rankings: Rankings, labels: NDArray[np.str_], scored: NDArray[np.bool_]
) -> Confusion:
    """Scored queries by their class and their first hit's; where the gallery is all junk there is no first hit."""
    first = rankings.rows[:, 0]
    pairs = Counter(
        (labels[number], embedded.rows[first[number]].label) for number in np.flatnonzero(scored & (first >= 0))
    )
    names = sorted({label for pair in pairs for label in pair})
    counts = [[pairs[label, other] for other in names] for label in names]
    return Confusion(tuple(names), np.array(counts, np.int64).reshape(len(names), len(names)))
