"""A comparison as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lookalike.evaluation.experiments.published import HEADING, PUBLISHED, cats_and_dogs
from lookalike.report.comparison.tables import tests_note
from lookalike.report.document.definitions import definitions, interval_notes
from lookalike.report.document.json import (
    dataset_fields,
    interval_pair,
    provenance_fields,
    skipped_files,
    stamp_fields,
    utf8,
)
from lookalike.report.evaluation.json import metrics_json

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import ComparedEncoder, Comparison

VERSION: Final = 1


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """``comparison`` for JSON; an encoder that isn't on this machine has a ``problem`` instead of metrics."""
    first = comparison.evaluations[0]
    return {
        "version": VERSION,
        **dataset_fields(comparison.dataset),
        "junk": comparison.junk,
        "queries": first.metrics.scored,
        "excluded": first.metrics.excluded_count,
        "metrics": list(comparison.metrics),
        "reference": utf8(comparison.reference.name),
        "encoders": [_encoder_json(row) for row in comparison.rows],
        "tests": tests_note(comparison),
        "published": _published() if cats_and_dogs(comparison.labels) else None,
        "skipped": skipped_files(first.skipped),
        "definitions": definitions(comparison.junk, comparison.dataset),
        "interval_notes": interval_notes(first.metrics.groups, comparison.dataset),
        "seed": comparison.seed,
        **provenance_fields(comparison.provenance),
    }


def _published() -> dict[str, Any]:
    values = [{"name": row.name, "cat": row.cat, "dog": row.dog} for row in PUBLISHED]
    return {"heading": HEADING, "accuracy_percent": values}


def _encoder_json(row: ComparedEncoder) -> dict[str, Any]:
    if row.evaluation is None:
        return {"encoder": utf8(row.name), "ready": False, "problem": utf8(row.problem or "")}
    return {
        "encoder": utf8(row.name),
        "ready": True,
        "dimension": row.evaluation.encoder.dimension,
        "images_per_second": row.evaluation.images_per_second,
        **metrics_json(row.evaluation.metrics, row.evaluation.ks),
        "differences": {
            key: {"difference": one.value, "interval": interval_pair(one.interval), "p": one.p, "p_holm": one.adjusted}
            for key, one in row.differences.items()
        },
        "others": [metrics_json(other, row.evaluation.ks) for other in row.evaluation.others],
        "stamp": stamp_fields(row.evaluation.encoder),
    }
