"""The page of a robustness run: one file that needs nothing else, figures and images and all."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup
from PIL import ImageOps

from lookalike.evaluation.corruptions import CORRUPTIONS
from lookalike.report.document.definitions import junk_words, name, rule
from lookalike.report.document.pages import render, share
from lookalike.report.drawings.contact_sheet import contact_sheet
from lookalike.report.evaluation_text import interval_text
from lookalike.report.robustness_definitions import (
    SIDES,
    robustness_definitions,
    robustness_interval_notes,
    robustness_notes,
)
from lookalike.report.robustness_figures import robustness_curves, robustness_heat_map

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import (
        CorruptionResult,
        FamilyResult,
        Robustness,
        RobustnessMetrics,
        RuleResults,
    )
    from lookalike.evaluation.statistics.intervals import Interval

_CELL: Final = 150
_QUALITY: Final = 80


def robustness_page(robustness: Robustness, examples: Sequence[Example] = (), example_path: str = "") -> str:
    """HTML of ``robustness``: heat maps, curves, controls, every severity of the ``examples``, all figures."""
    findings, keys = robustness.results, robustness.metric_names
    return render(
        "robustness.html",
        {
            "robustness": robustness,
            "dataset": robustness.dataset,
            "encoder": robustness.encoder,
            "findings": findings,
            "side": SIDES[robustness.target],
            "junk": rule(findings.junk, robustness.dataset),
            "keys": keys,
            "names": {key: name(key) for key in keys},
            "notes": robustness_notes(robustness),
            "stats": [_stat(findings, key) for key in keys],
            "extremes": _extremes(findings, keys[0]),
            "maps": [Markup(robustness_heat_map(robustness, key)) for key in keys],  # noqa: S704  drawn by us, escaped
            "curves": [
                {
                    "name": name(key),
                    "figures": [
                        {"family": family.name, "svg": Markup(robustness_curves(robustness, family, key))}  # noqa: S704
                        for family in findings.families
                    ],
                }
                for key in keys
            ],
            "controls": _controls(findings),
            "mixed": _mixed(findings) if robustness.target == "mixed" else [],
            "sheets": example_sheets(examples, robustness.severities),
            "example_path": example_path,
            "families": [_family(family, keys) for family in findings.families],
            "others": [
                {
                    "meaning": junk_words(other.junk, robustness.dataset),
                    "findings": other,
                    "rows": [
                        *((family.name, family.metrics) for family in other.families),
                        ("all families", other.overall),
                    ],
                }
                for other in robustness.others
            ],
            "definitions": robustness_definitions(robustness, findings),
            "interval_notes": robustness_interval_notes(robustness),
            "excluded": findings.exclusions,
            "skipped": robustness.skipped,
        },
    )


def example_sheets(examples: Sequence[Example], severities: Sequence[int]) -> list[dict[str, Any]]:
    """For each family of ``examples`` a row for each corruption, with an image or None for clean and each severity."""
    families = dict.fromkeys(example.family for example in examples)
    return [
        {
            "family": family,
            "rows": [_example(one, (0, *severities)) for one in examples if one.family == family],
        }
        for family in families
    ]


def _example(example: Example, degrees: Sequence[int]) -> dict[str, Any]:
    images = dict(example.images)
    return {
        "corruption": example.corruption,
        "images": [
            {"degree": degree, "source": _as_source(images[degree])} if degree in images else None for degree in degrees
        ],
    }


def sheet_of(examples: Sequence[Example]) -> Image.Image:
    """One contact sheet: a row for each of ``examples``, clean first, then its severities."""
    rows = [
        (
            example.corruption.replace("_", " "),
            [(str(severity) if severity else "clean", image) for severity, image in example.images],
        )
        for example in examples
    ]
    return contact_sheet(rows, cell=_CELL)


def _as_source(image: Image.Image) -> str:
    written = io.BytesIO()
    ImageOps.contain(image, (_CELL, _CELL)).save(written, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"


def _stat(findings: RuleResults, key: str) -> dict[str, Any]:
    clean = findings.clean[key]
    overall = None if findings.overall is None else findings.overall[key]
    return {
        "name": name(key),
        "clean": clean.value,
        "clean_interval": interval_text(clean.interval),
        "chance": findings.chance[key],
        "value": None if overall is None else overall.value,
        "retention": None if overall is None else overall.retention,
        "interval": _in_percent(None if overall is None else overall.retention_interval),
    }


def _in_percent(interval: Interval | None) -> str:
    if interval is None:
        return "no interval"
    return f"{'≈ ' if interval.approximate else ''}{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def _extremes(findings: RuleResults, key: str) -> dict[str, Any] | None:
    """The corruption that costs most and the one that costs least of ``key``."""
    ranked = findings.ranked(key)
    if len(ranked) < 2:  # noqa: PLR2004  a most and a least
        return None
    return {
        "name": name(key),
        "most": _extreme(ranked[0], key),
        "least": _extreme(ranked[-1], key),
    }


def _extreme(result: CorruptionResult, key: str) -> dict[str, Any]:
    return {"corruption": result.name, "value": result.metrics[key].value, "summary": result.summary}


def _controls(findings: RuleResults) -> list[list[CorruptionResult]]:
    """Each corruption that has controls, with them behind it; controls alone where it wasn't measured."""
    groups: dict[str, list[CorruptionResult]] = {}
    for result in findings.corruptions:
        groups.setdefault(result.control_of or result.name, []).append(result)
    return [
        sorted(group, key=lambda result: result.control_of is not None)
        for group in groups.values()
        if any(result.control_of for result in group)
    ]


def _mixed(findings: RuleResults) -> list[dict[str, Any]]:
    return [
        {
            "corruption": result.name,
            "family": result.family,
            "cells": [(cell.severity, cell.first_hits) for cell in result.cells if cell.first_hits is not None],
        }
        for result in findings.corruptions
    ]


def _family(family: FamilyResult, keys: Sequence[str]) -> dict[str, Any]:
    return {
        "name": family.name,
        "summaries": [(one.name, one.summary, one.control_of) for one in family.corruptions],
        "measures": family.metrics,
        "rows": [row for one in family.corruptions for row in _rows(one, keys)],
    }


def _rows(result: CorruptionResult, keys: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "corruption": result.name if number == 0 else "",
            "control": result.control_of,
            "severity": str(cell.severity),
            "parameters": parameters_text(result.name, cell.severity),
            "cells": _cells(cell.metrics, keys),
        }
        for number, cell in enumerate(result.cells)
    ]
    rows.append(
        {
            "corruption": "",
            "control": result.control_of,
            "severity": "mean",
            "parameters": "",
            "cells": _cells(result.metrics, keys),
        }
    )
    return rows if len(result.cells) > 1 else rows[:1]


def _cells(measures: RobustnessMetrics, keys: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "value": share(measures[key].value),
            "interval": interval_text(measures[key].interval),
            "retention": "n/a" if measures[key].retention is None else share(measures[key].retention),
            "retained": interval_text(measures[key].retention_interval),
            "raw": share(measures[key].raw_ratio),
        }
        for key in keys
    ]


def parameters_text(corruption: str, severity: int) -> str:
    """The parameters of a corruption at a severity, in words."""
    parameters: Mapping[str, float] = CORRUPTIONS[corruption].parameters(severity)
    return ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in parameters.items())
