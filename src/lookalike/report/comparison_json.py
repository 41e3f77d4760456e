"""A comparison for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lookalike.evaluation.experiments.published import HEADING, PUBLISHED
from lookalike.report.comparison_tables import test_remarks
from lookalike.report.document.definitions import definitions, interval_notes
from lookalike.report.document.json_text import path_fields
from lookalike.report.evaluation_json import figures_answer, interval_pair, made_with, skipped_files, stamp, words

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import ComparedEncoder, Comparison

VERSION: Final = 1


def comparison_answer(comparison: Comparison) -> dict[str, Any]:
    """``comparison`` as JSON can carry it; an encoder that isn't here has a ``problem`` in the place of figures."""
    first = comparison.evaluations[0]
    return {
        "version": VERSION,
        "dataset": words(comparison.dataset.name),
        "folder": path_fields(comparison.dataset.root)["path"],
        "protocol": "split" if first.split else "leave-one-out",
        "junk": comparison.junk,
        "queries": first.metrics.scored,
        "excluded": first.metrics.excluded_count,
        "measures": list(comparison.metrics),
        "reference": words(comparison.reference.name),
        "encoders": [_row(row) for row in comparison.rows],
        "tests": test_remarks(comparison),
        "published": {"heading": HEADING, "accuracy_percent": [asdict(row) for row in PUBLISHED]},
        "skipped": skipped_files(first.skipped),
        "definitions": definitions(comparison.junk, comparison.dataset),
        "interval_notes": interval_notes(first.metrics.groups, comparison.dataset),
        "seed": comparison.seed,
        **made_with(comparison.provenance),
    }


def _row(row: ComparedEncoder) -> dict[str, Any]:
    if row.evaluation is None:
        return {"encoder": words(row.name), "ready": False, "problem": words(row.problem or "")}
    return {
        "encoder": words(row.name),
        "ready": True,
        "dimension": row.evaluation.encoder.dimension,
        "images_per_second": row.evaluation.images_per_second,
        **figures_answer(row.evaluation.metrics, row.evaluation.ks),
        "differences": {
            key: {
                "difference": one.value,
                "interval": interval_pair(one.interval),
                "p": one.p,
                "p_holm": one.adjusted,
            }
            for key, one in row.differences.items()
        },
        "others": [figures_answer(other, row.evaluation.ks) for other in row.evaluation.others],
        "stamp": stamp(row.evaluation.encoder),
    }
