"""A robustness run for programs: JSON, and a CSV row for every figure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lookalike.evaluation.corruptions import STANDARD_SIDE
from lookalike.report.document.json_text import path_fields
from lookalike.report.evaluation_json import interval_pair, made_with, skipped_files, stamp, words
from lookalike.report.robustness_definitions import SIDES, robustness_definitions, robustness_interval_notes

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import (
        CellResult,
        CorruptionResult,
        FamilyResult,
        Robustness,
        RobustnessMetric,
        RobustnessMetrics,
        RuleResults,
    )

VERSION: Final = 1

_COLUMNS: Final = (
    *("level", "family", "corruption", "severity", "control_of", "figure", "value", "low", "high", "clean", "chance"),
    *("retention", "retention_low", "retention_high", "raw_ratio"),
)


def robustness_answer(robustness: Robustness) -> dict[str, Any]:
    """``robustness`` as JSON can carry it: figures 0 to 1, intervals ``[low, high]`` or null."""
    findings = robustness.results
    return {
        "version": VERSION,
        "encoder": robustness.encoder.name,
        "dataset": words(robustness.dataset.name),
        "folder": path_fields(robustness.dataset.root)["path"],
        "protocol": "split" if robustness.dataset.has_split else "leave-one-out",
        "side": robustness.target,
        "side_meaning": SIDES[robustness.target],
        "severities": list(robustness.severities),
        "standard_side": STANDARD_SIDE,
        "images": len(robustness.rows),
        "gallery": robustness.gallery,
        **_findings(findings),
        "others": [_findings(other) for other in robustness.others],
        "notes": list(robustness.notes),
        "skipped": skipped_files(robustness.skipped),
        "definitions": robustness_definitions(robustness, findings),
        "interval_notes": robustness_interval_notes(robustness),
        "vectors": robustness.vector_count,
        "seed": robustness.seed,
        "stamp": stamp(robustness.encoder),
        **made_with(robustness.provenance),
    }


def robustness_csv(robustness: Robustness) -> str:
    """A row for every figure of every cell, corruption, family and of the whole."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_COLUMNS)
    findings = robustness.results
    for places, measures in _levels(findings):
        for key, measure in measures.items():
            against = (findings.clean[key].value, findings.chance[key])
            figure = (*_cells(measure.value, measure.interval), *against)
            kept = (*_cells(measure.retention, measure.retention_interval), _number(measure.raw_ratio))
            writer.writerow([*places, key, *figure, *kept])
    return written.getvalue()


def _levels(findings: RuleResults) -> Iterator[tuple[tuple[str, ...], RobustnessMetrics]]:
    yield ("clean", "", "", "0", ""), findings.clean
    for family in findings.families:
        for corruption in family.corruptions:
            place = (family.name, corruption.name)
            control = corruption.control_of or ""
            for cell in corruption.cells:
                yield ("cell", *place, str(cell.severity), control), cell.metrics
            yield ("corruption", *place, "", control), corruption.metrics
        if family.metrics is not None:
            yield ("family", family.name, "", "", ""), family.metrics
    if findings.overall is not None:
        yield ("overall", "", "", "", ""), findings.overall


def _cells(value: float | None, interval: Any) -> list[float | str]:
    low, high = interval_pair(interval) or ("", "")
    return [_number(value), low, high]


def _number(value: float | None) -> float | str:
    return "" if value is None else value


def _findings(findings: RuleResults) -> dict[str, Any]:
    return {
        "junk": findings.junk,
        "queries": findings.scored,
        "excluded": findings.excluded,
        "exclusions": [{**asdict(one), "label": words(one.label)} for one in findings.exclusions],
        "groups": findings.groups,
        "clean": _measures(findings.clean),
        "chance": dict(findings.chance),
        "overall": None if findings.overall is None else _measures(findings.overall),
        "families": [_family(family) for family in findings.families],
        "tied_share": findings.tied_share,
    }


def _family(family: FamilyResult) -> dict[str, Any]:
    return {
        "family": family.name,
        "figures": None if family.metrics is None else _measures(family.metrics),
        "corruptions": [_corruption(corruption) for corruption in family.corruptions],
    }


def _corruption(corruption: CorruptionResult) -> dict[str, Any]:
    return {
        "corruption": corruption.name,
        "summary": corruption.summary,
        "control_of": corruption.control_of,
        "figures": _measures(corruption.metrics),
        "severities": [_cell(cell) for cell in corruption.cells],
    }


def _cell(cell: CellResult) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if cell.first_hits is not None:
        shares = {**asdict(cell.first_hits), "pull": cell.first_hits.pull}
        extras["first_hits"] = {name: None if math.isnan(share) else share for name, share in shares.items()}
    return {
        "severity": cell.severity,
        "parameters": dict(cell.parameters),
        "figures": _measures(cell.metrics),
        **extras,
    }


def _measures(measures: RobustnessMetrics) -> dict[str, Any]:
    return {key: _measure(measure) for key, measure in measures.items()}


def _measure(measure: RobustnessMetric) -> dict[str, Any]:
    return {
        "value": measure.value,
        "interval": interval_pair(measure.interval),
        "retention": measure.retention,
        "retention_interval": interval_pair(measure.retention_interval),
        "raw_ratio": measure.raw_ratio,
    }
