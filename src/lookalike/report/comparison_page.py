"""The page of a comparison: one file that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lookalike.evaluation.experiments.published import HEADING, PUBLISHED
from lookalike.report.comparison_tables import (
    SPEED_NOTE,
    ceiling,
    class_ceilings,
    fine_print,
    other_tables,
    p_value,
    speed,
    summary,
    test_remarks,
)
from lookalike.report.document.definitions import definitions, interval_notes, name, notes
from lookalike.report.document.pages import render
from lookalike.report.document.tables import CEILING

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import Comparison

SIGNIFICANT: Final = 0.05
"""Differences whose corrected p is at most this are marked."""


def comparison_page(comparison: Comparison) -> str:
    """HTML of ``comparison``: Table 1 by class and overall, differences from the reference, the published figures."""
    first = comparison.evaluations[0]
    return render(
        "comparison.html",
        {
            "dataset": comparison.dataset,
            "summary": summary(comparison),
            "notes": notes(first),
            "excluded": first.metrics.excluded,
            "skipped": first.skipped,
            "measures": [name(key) for key in comparison.metrics],
            "labels": comparison.labels,
            "reference": comparison.reference,
            "rows": _overall(comparison),
            "tables": [_by_class(comparison, key) for key in comparison.metrics],
            "plots_of_differences": _differences(comparison),
            "test_remarks": test_remarks(comparison),
            "interval_notes": interval_notes(first.metrics.groups, comparison.dataset),
            "speed_note": SPEED_NOTE,
            "ceiling": CEILING,
            "ceilings": [ceiling(first.metrics.ceilings, key) for key in comparison.metrics],
            "fine_print": fine_print(comparison),
            "others": other_tables(comparison),
            "heading": HEADING,
            "published": PUBLISHED,
            "definitions": definitions(comparison.junk, comparison.dataset),
            "encoders": [evaluation.encoder for evaluation in comparison.evaluations],
            "seed": comparison.seed,
            "provenance": comparison.provenance,
        },
    )


def _overall(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "problem": row.problem,
            "cells": [
                {"value": row.evaluation.metrics.micro[key], "interval": row.evaluation.metrics.intervals.get(key)}
                for key in comparison.metrics
            ]
            if row.evaluation
            else [],
            "speed": speed(row.evaluation.images_per_second) if row.evaluation else "",
            "dimension": row.evaluation.encoder.dimension if row.evaluation else 0,
        }
        for row in comparison.rows
    ]


def _by_class(comparison: Comparison, key: str) -> dict[str, Any]:
    return {
        "name": name(key),
        "ceilings": class_ceilings(comparison, key),
        "rows": [
            {
                "name": row.name,
                "problem": row.problem,
                "cells": [row.evaluation.metrics.classes[label][key] for label in comparison.labels],
                "macro": row.evaluation.metrics.macro[key],
                "micro": row.evaluation.metrics.micro[key],
            }
            if row.evaluation
            else {"name": row.name, "problem": row.problem, "cells": []}
            for row in comparison.rows
        ],
    }


def _differences(comparison: Comparison) -> list[dict[str, Any]]:
    """The rows of each figure's plot, on an axis that reaches as far to either side as the farthest interval."""
    return [
        {
            "name": name(key),
            "reach": reach,
            "rows": [
                {
                    "name": row.name,
                    "value": one.value,
                    "interval": one.interval,
                    "place": _place(one.value, reach),
                    "low": _place(one.interval.low, reach) if one.interval else None,
                    "high": _place(one.interval.high, reach) if one.interval else None,
                    "p": p_value(one.p),
                    "adjusted": p_value(one.adjusted),
                    "significant": one.adjusted <= SIGNIFICANT,
                }
                for row in comparison.rows
                if (one := row.differences.get(key))
            ],
        }
        for key in comparison.metrics
        if (reach := _reach(comparison, key))
    ]


def _reach(comparison: Comparison, key: str) -> float:
    """How far the axis of differences goes, in twentieths; 0 where there are none."""
    found = [row.differences[key] for row in comparison.rows if key in row.differences]
    ends = [
        end for one in found for end in (one.value, *((one.interval.low, one.interval.high) if one.interval else ()))
    ]
    return 0.05 * (1 + int(max(map(abs, ends)) / 0.05)) if ends else 0.0


def _place(difference: float, reach: float) -> float:
    """Where a difference lies between -reach (0) and reach (1)."""
    return (difference / reach + 1) / 2
