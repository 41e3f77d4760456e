"""Same scene, other frame, as JSON and as a CSV row for every query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lookalike.report.angles.definitions import KIND, angle_keys, meanings
from lookalike.report.document.definitions import interval_notes
from lookalike.report.document.json import (
    csv_text,
    dataset_fields,
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
    from lookalike.evaluation.experiments.angle_comparison import AnglesComparison
    from lookalike.evaluation.experiments.angle_results import AngleQuery, Angles

VERSION: Final = 1


def angles_json(angles: Angles) -> dict[str, Any]:
    """``angles`` for JSON: metrics 0 to 1, intervals ``[low, high]`` or null."""
    keys = angle_keys(angles.ks)
    return {
        "version": VERSION,
        "experiment": KIND,
        "encoder": angles.encoder.name,
        **dataset_fields(angles.dataset),
        "images": len(angles.rows),
        "gallery": angles.gallery,
        "queries": angles.scored,
        "scenes": angles.scenes,
        "excluded": sum(angles.excluded.values()),
        "exclusions": dict(angles.excluded),
        "near_duplicates": {
            "encoder": angles.near_encoder.name,
            "threshold": angles.threshold,
            "pairs_of_one_scene": angles.same_scene_duplicates,
            "pairs_of_two": angles.other_duplicates,
        },
        "micro": shares(angles.micro, keys),
        "by_scene": shares(angles.by_scene, keys),
        "macro": shares(angles.macro, keys),
        "intervals": {key: interval_pair(angles.intervals.get(key)) for key in keys},
        "intervals_are_approximate": any(one is not None and one.approximate for one in angles.intervals.values()),
        "ceilings": dict(angles.ceilings),
        "chance": shares(angles.chance, keys),
        "classes": {utf8(label): shares(means, keys) for label, means in angles.classes.items()},
        "class_queries": {utf8(label): count for label, count in angles.class_queries.items()},
        "tied_share": angles.tied_share,
        "best": [_query_json(angles, query) for query in angles.best()],
        "worst": [_query_json(angles, query) for query in angles.worst()],
        "skipped": skipped_files(angles.skipped),
        "definitions": meanings(angles),
        "interval_notes": interval_notes(angles.scenes, angles.dataset),
        "seed": angles.seed,
        "stamp": stamp_fields(angles.encoder),
        "near_stamp": stamp_fields(angles.near_encoder),
        **provenance_fields(angles.provenance),
    }


def angles_comparison_json(comparison: AnglesComparison) -> dict[str, Any]:
    """``comparison`` for JSON: what :func:`angles_json` gives for each encoder, with differences from the first."""
    return {
        "version": VERSION,
        "experiment": KIND,
        **dataset_fields(comparison.reference.angles.dataset),
        "reference": utf8(comparison.reference.name),
        "metrics": list(comparison.metrics),
        "encoders": [
            {
                "name": utf8(row.name),
                "differences": {
                    key: {
                        "difference": one.value,
                        "interval": interval_pair(one.interval),
                        "p": one.p,
                        "p_holm": one.adjusted,
                    }
                    for key, one in row.differences.items()
                },
                **angles_json(row.angles),
            }
            for row in comparison.rows
        ],
        **provenance_fields(comparison.provenance),
    }


def angles_comparison_csv(comparison: AnglesComparison) -> str:
    """A row for each encoder and tested metric, with the difference from the first encoder."""
    records = comparison.to_records()
    return csv_text(
        list(records[0]), (["" if value is None else value for value in record.values()] for record in records)
    )


def _query_json(angles: Angles, query: AngleQuery) -> dict[str, Any]:
    return {
        **path_fields(query.row.path),
        "label": utf8(query.row.label),
        "group": utf8(query.row.group or ""),
        "R": query.relevant,
        "ap": query.metrics["map"],
        "first_frame_rank": None if query.first is None else query.first.rank,
        "hits": [
            {
                **path_fields(hit.row.path),
                "group": utf8(hit.row.group) if hit.row.group else None,
                "score": round(hit.score, 6),
                "right": hit.right,
            }
            for hit in angles.hits(query.number)
        ],
    }


def angles_csv(angles: Angles) -> str:
    """A row for every query, scored or not: what it is, its metrics (empty where R = 0), and its first hit."""
    keys = angle_keys(angles.ks)
    first_hit = ["first_frame_rank", "first_hit_path", "first_hit_group", "first_hit_score", "first_hit_right"]
    return csv_text(
        ["path", "label", "group", "R", "gallery", *metric_columns(keys), *first_hit],
        (
            [
                *map(utf8, (query.row.path, query.row.label, query.row.group or "")),
                *(query.relevant, query.size),
                *(query.metrics.get(key, "") for key in keys),
                "" if query.first is None else query.first.rank,
                *(
                    cell
                    for hit in angles.hits(query.number)[:1]
                    for cell in (utf8(hit.row.path), utf8(hit.row.group or ""), round(hit.score, 6), hit.right)
                ),
            ]
            for query in angles.queries()
        ),
    )
