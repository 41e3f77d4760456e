"""A robustness run for a terminal: what is left of each figure under each corruption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, corruptions_of_family
from lookalike.report.document.definitions import junk_words, rule, ties
from lookalike.report.document.pages import share
from lookalike.report.evaluation_text import exclusions_text, interval_text, skipped_lines, table
from lookalike.report.robustness_definitions import SIDES, robustness_interval_notes, robustness_notes
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import Robustness, RobustnessMetrics, RuleResults


def robustness_text(robustness: Robustness) -> str:
    """Lines for people: what was measured, the clean figures, then every corruption's, family by family."""
    findings = robustness.results
    return "\n".join(
        [
            *_heading(robustness),
            "",
            *_figures(findings, robustness.metric_names),
            *(line for other in robustness.others for line in ("", *_other(other, robustness))),
            "",
            _MEANING,
            robustness_interval_notes(robustness),
            f"At most {ties(findings.tied_share, robustness.seed)}",
        ]
    )


_MEANING: Final = (
    "Retention = (damaged - chance) / (clean - chance): 1 is no loss, 0 is chance. Means: over severities, then "
    "corruptions, then families; controls (in brackets) are in no mean."
)


def corruptions_text() -> str:
    """Every corruption there is, with its sentence, family by family."""
    width = max(map(len, CORRUPTIONS))
    lines: list[str] = []
    for family in FAMILIES:
        lines += ["", family.upper()] if lines else [family.upper()]
        for corruption in corruptions_of_family(family):
            lines.append(f"  {corruption.name:<{width}}  {corruption.summary}")
    return "\n".join(lines)


def _heading(robustness: Robustness) -> Iterator[str]:
    findings, dataset = robustness.results, robustness.dataset
    classes = len({row.label for row in robustness.rows})
    how = "queries and gallery as its split says" if dataset.has_split else "leave-one-out"
    images = f"{plural(len(robustness.rows), 'image')} of {plural(classes, 'class', 'classes')}"
    yield f"{printable(dataset.name)}: {images}, {how}, junk: {rule(findings.junk, dataset)}"
    yield f"encoder {robustness.encoder}"
    degrees = ", ".join(map(str, robustness.severities))
    damage = f"{plural(len(findings.corruptions), 'corruption')}, severity {degrees}"
    yield f"side {robustness.target}: {SIDES[robustness.target]}; {damage}"
    yield (
        f"{plural(findings.scored, 'query', 'queries')}, {findings.excluded:,} excluded (nothing to find), "
        f"{plural(robustness.gallery, 'image')} in the gallery"
    )
    yield from exclusions_text(findings.exclusions)
    yield from (f"note: {note}" for note in robustness_notes(robustness))
    yield from skipped_lines(robustness.skipped)


def _figures(findings: RuleResults, keys: Sequence[str]) -> list[str]:
    rows = _against(findings, keys)
    for family in findings.families:
        rows.append(_row(family.name.upper(), family.metrics, keys))
        for corruption in family.corruptions:
            name = f"  [{corruption.name}]" if corruption.control_of else f"  {corruption.name}"
            rows.append(_row(name, corruption.metrics, keys))
    rows.append(_row("ALL FAMILIES", findings.overall, keys))
    return table(rows)


def _against(findings: RuleResults, keys: Sequence[str]) -> list[list[str]]:
    """The header, and what damaged figures are set against."""
    clean = (
        cell
        for key in keys
        for cell in (share(findings.clean[key].value), "", interval_text(findings.clean[key].interval))
    )
    return [
        ["", *(cell for key in keys for cell in (key.upper(), "RETENTION", "95 % INTERVAL"))],
        ["clean", *clean],
        ["chance", *(cell for key in keys for cell in (share(findings.chance[key]), "", ""))],
    ]


def _row(name: str, measures: RobustnessMetrics | None, keys: Sequence[str]) -> list[str]:
    if measures is None:
        return [name, *("" for _ in range(3 * len(keys)))]
    return [
        name,
        *(
            cell
            for key in keys
            for cell in (
                share(measures[key].value),
                _kept(measures[key].retention),
                interval_text(measures[key].retention_interval),
            )
        ),
    ]


def _kept(retention: float | None) -> str:
    return "n/a" if retention is None else share(retention)


def _other(findings: RuleResults, robustness: Robustness) -> list[str]:
    keys = robustness.metric_names
    rows = [
        *_against(findings, keys),
        *(_row(family.name.upper(), family.metrics, keys) for family in findings.families),
    ]
    rows.append(_row("ALL FAMILIES", findings.overall, keys))
    queries = plural(findings.scored, "query", "queries")
    return [
        f"under the junk rule {findings.junk}: {queries}, {findings.excluded:,} excluded",
        f"  {junk_words(findings.junk, robustness.dataset)}",
        *exclusions_text(findings.exclusions),
        *table(rows),
    ]
