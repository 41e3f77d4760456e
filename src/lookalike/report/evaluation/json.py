"""An evaluation as JSON, and as a CSV row for every query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lookalike.report.document.definitions import definitions, interval_notes, metric_keys
from lookalike.report.document.json import (
    csv_text,
    dataset_fields,
    exclusion_fields,
    interval_pair,
    metric_columns,
    path_fields,
    provenance_fields,
    shares,
    skipped_files,
    stamp_fields,
    utf8,
)

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import EvaluatedQuery, Evaluation, MetricSet

VERSION: Final = 1


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """``evaluation`` for JSON: metrics 0 to 1, intervals ``[low, high]`` or null."""
    metrics, dataset = evaluation.metrics, evaluation.dataset
    return {
        "version": VERSION,
        "encoder": evaluation.encoder.name,
        **dataset_fields(dataset),
        "images": len(evaluation.rows),
        **metrics_json(metrics, evaluation.ks),
        "others": [metrics_json(other, evaluation.ks) for other in evaluation.others],
        "best": [_query_json(evaluation, query) for query in evaluation.best()],
        "worst": [_query_json(evaluation, query) for query in evaluation.worst()],
        "failures": [_query_json(evaluation, query, 1) for query in evaluation.failures()],
        "skipped": skipped_files(evaluation.skipped),
        "definitions": definitions(metrics.junk, dataset),
        "interval_notes": interval_notes(metrics.groups, dataset),
        "seed": evaluation.seed,
        "stamp": stamp_fields(evaluation.encoder),
        **provenance_fields(evaluation.provenance),
    }


def metrics_json(metrics: MetricSet, ks: Sequence[int]) -> dict[str, Any]:
    """All metrics under one junk rule, with the number of queries that have them and of those that don't."""
    keys = metric_keys(ks)
    return {
        "junk": metrics.junk,
        "queries": metrics.scored,
        "gallery": metrics.gallery,
        "groups": metrics.groups,
        "excluded": metrics.excluded_count,
        "exclusions": exclusion_fields(metrics.excluded),
        "queries_with_fewer_than_k": metrics.short,
        "micro": shares(metrics.micro, keys),
        "macro": shares(metrics.macro, keys),
        "intervals": {key: interval_pair(metrics.intervals.get(key)) for key in keys},
        "macro_intervals": {key: interval_pair(metrics.macro_intervals.get(key)) for key in keys},
        "intervals_are_approximate": any(one is not None and one.approximate for one in metrics.intervals.values()),
        "classes": {utf8(label): shares(means, keys) for label, means in metrics.classes.items()},
        "class_intervals": {
            utf8(label): {key: interval_pair(one.get(key)) for key in keys}
            for label, one in metrics.class_intervals.items()
        },
        "class_queries": {utf8(label): count for label, count in metrics.scored_by_class.items()},
        "ceilings": shares(metrics.ceilings, metrics.ceilings),
        "chance": shares(metrics.chance, metrics.chance),
        "tied_share": metrics.tied_share,
        "confusion": {
            "labels": [utf8(label) for label in metrics.confusion.labels],
            "counts": metrics.confusion.counts.tolist(),
        },
    }


def _query_json(evaluation: Evaluation, query: EvaluatedQuery, count: int | None = None) -> dict[str, Any]:
    return {
        **path_fields(query.path),
        "label": utf8(query.label),
        "ap": query.metrics["map"],
        "hits": [
            {**path_fields(hit.path), "label": utf8(hit.label), "score": round(hit.score, 6), "right": hit.right}
            for hit in evaluation.hits(query.number)[:count]
        ],
    }


def queries_csv(evaluation: Evaluation) -> str:
    """A row for every query, scored or not: what it is, its metrics (empty where R = 0), and its first hit."""
    keys = metric_keys(evaluation.ks)
    first_hit = ["first_hit_path", "first_hit_label", "first_hit_score", "first_hit_right"]
    return csv_text(
        ["path", "label", "group", "visit", "R", "gallery", *metric_columns(keys), *first_hit],
        (
            [
                *map(utf8, (query.path, query.label, query.group or "", query.visit or "")),
                *(query.relevant, query.size),
                *(query.metrics.get(key, "") for key in keys),
                *(
                    cell
                    for hit in evaluation.hits(query.number)[:1]
                    for cell in (utf8(hit.path), utf8(hit.label), round(hit.score, 6), hit.right)
                ),
            ]
            for query in evaluation.queries()
        ),
    )
