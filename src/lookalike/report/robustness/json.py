"""A robustness run as JSON, and as a CSV row for every metric of every cell."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lookalike.evaluation.corruptions import STANDARD_SIDE
from lookalike.report.document.json import (
    csv_text,
    dataset_fields,
    exclusion_fields,
    interval_pair,
    provenance_fields,
    skipped_files,
    stamp_fields,
    utf8,
)
from lookalike.report.robustness.definitions import TARGET_MEANINGS, robustness_definitions, robustness_interval_notes

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.comparison import Differences, RobustnessComparison
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
    *("level", "family", "corruption", "severity", "control_of", "metric", "value", "low", "high", "clean", "chance"),
    *("retention", "retention_low", "retention_high", "raw_ratio"),
)


def robustness_json(robustness: Robustness) -> dict[str, Any]:
    """``robustness`` for JSON: metrics 0 to 1, intervals ``[low, high]`` or null."""
    findings = robustness.results
    return {
        "version": VERSION,
        "encoder": robustness.encoder.name,
        **dataset_fields(robustness.dataset),
        "target": robustness.target,
        "target_meaning": TARGET_MEANINGS[robustness.target],
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
        "stamp": stamp_fields(robustness.encoder),
        **provenance_fields(robustness.provenance),
    }


def robustness_comparison_json(comparison: RobustnessComparison) -> dict[str, Any]:
    """``comparison`` for JSON: what :func:`robustness_json` gives for each encoder, with differences from the first."""
    return {
        "version": VERSION,
        **dataset_fields(comparison.reference.robustness.dataset),
        "reference": utf8(comparison.reference.name),
        "encoders": [
            {
                "name": utf8(row.name),
                "differences": {"families": _tests(row.families), "corruptions": _tests(row.corruptions)},
                **robustness_json(row.robustness),
            }
            for row in comparison.rows
        ],
        **provenance_fields(comparison.provenance),
    }


def _tests(differences: Differences) -> dict[str, Any]:
    return {
        name: {
            key: {"difference": one.value, "interval": interval_pair(one.interval), "p": one.p, "p_holm": one.adjusted}
            for key, one in level.items()
        }
        for name, level in differences.items()
    }


def robustness_comparison_csv(comparison: RobustnessComparison) -> str:
    """The rows of :func:`robustness_csv` of every encoder, with the differences of retention from the first."""
    columns = ("encoder", *_COLUMNS, "difference", "difference_low", "difference_high", "p")
    records = comparison.to_records()
    return csv_text(columns, (["" if row[name] is None else row[name] for name in columns] for row in records))


def _findings(findings: RuleResults) -> dict[str, Any]:
    return {
        "junk": findings.junk,
        "queries": findings.scored,
        "excluded": findings.excluded,
        "exclusions": exclusion_fields(findings.exclusions),
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
        "metrics": None if family.metrics is None else _measures(family.metrics),
        "corruptions": [_corruption(corruption) for corruption in family.corruptions],
    }


def _corruption(corruption: CorruptionResult) -> dict[str, Any]:
    return {
        "corruption": corruption.name,
        "summary": corruption.summary,
        "control_of": corruption.control_of,
        "metrics": _measures(corruption.metrics),
        "severities": [_cell(cell) for cell in corruption.cells],
    }


def _cell(cell: CellResult) -> dict[str, Any]:
    first_hits: dict[str, Any] = {}
    if cell.first_hits is not None:
        shares = {**asdict(cell.first_hits), "pull": cell.first_hits.pull}
        first_hits["first_hits"] = {name: None if math.isnan(share) else share for name, share in shares.items()}
    return {
        "severity": cell.severity,
        "parameters": dict(cell.parameters),
        "metrics": _measures(cell.metrics),
        **first_hits,
    }


def _measures(measures: RobustnessMetrics) -> dict[str, Any]:
    return {key: _measure(measure) for key, measure in measures.items()}


def _measure(measure: RobustnessMetric) -> dict[str, Any]:
    return {
        "value": measure.value,
        "interval": interval_pair(measure.interval),
        "clean": measure.clean,
        "chance": measure.chance,
        "retention": measure.retention,
        "retention_interval": interval_pair(measure.retention_interval),
        "raw_ratio": measure.raw_ratio,
    }


def robustness_csv(robustness: Robustness) -> str:
    """A row for every metric of every cell, corruption and family, of clean images, and of the mean over families."""
    return csv_text(
        _COLUMNS,
        (["" if row[name] is None else row[name] for name in _COLUMNS] for row in robustness.to_records()),
    )
