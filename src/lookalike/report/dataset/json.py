"""What a dataset looks like, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lookalike.report.document.json import path_fields, skipped_files, stamp_fields, utf8

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Row
    from lookalike.evaluation.experiments.inspect import DatasetInspection, PartSummary
    from lookalike.evaluation.ranking.near_duplicates import NearDuplicatePair

VERSION: Final = 1


def dataset_json(display: DatasetInspection) -> dict[str, Any]:
    """``display`` for JSON: sizes are ``[width, height]`` in pixels, cosines -1 to 1."""
    dataset, near = display.dataset, display.near
    return {
        "version": VERSION,
        "dataset": utf8(dataset.name),
        "folder": path_fields(dataset.root)["path"],
        "layout": dataset.layout,
        "understood": dataset.description,
        "notes": list(dataset.notes),
        **_part(display.overall),
        "classes": {utf8(label): _part(part) for label, part in display.classes.items()},
        "exact_copies": [[path_fields(row.path) for row in rows] for rows in display.copies],
        "near_duplicates": {
            "threshold": near.threshold,
            "greatest_cosine": near.max_cosine,
            "pairs": near.pairs,
            "images": near.images,
            "different_labels": near.counts["labels"],
            "same_label_different_groups": near.counts["groups"],
            "same_label_same_group": near.counts["group"],
            "closest": {
                "different_labels": [_pair(pair) for pair in near.closest["labels"]],
                "same_label_different_groups": [_pair(pair) for pair in near.closest["groups"]],
                "same_label_same_group": [_pair(pair) for pair in near.closest["group"]],
            },
        },
        "skipped_files": skipped_files(display.embedded.skipped),
        "contact_sheet": {
            utf8(label): [path_fields(row.path) for row in rows] for label, rows in display.contact_sheet.items()
        },
        "seed": display.seed,
        "stamp": stamp_fields(display.embedded.spec),
    }


def _part(part: PartSummary) -> dict[str, Any]:
    return {
        "images": part.images,
        "queries": part.queries,
        "gallery": part.gallery,
        "skipped": part.skipped,
        "sizes": None if part.sizes is None else {name: list(size) for name, size in asdict(part.sizes).items()},
        "orientations": dict(part.orientations),
        "turned_by_exif": part.turned,
        "units": {name: asdict(units) for name, units in part.units.items()},
        "queries_without_answer": dict(part.without_relevant),
    }


def _pair(pair: NearDuplicatePair) -> dict[str, Any]:
    return {"first": _row(pair.first), "second": _row(pair.second), "cosine": round(pair.cosine, 6)}


def _row(row: Row) -> dict[str, Any]:
    group = None if row.group is None else utf8(row.group)
    return {**path_fields(row.path), "label": utf8(row.label), "group": group}
