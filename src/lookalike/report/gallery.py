"""What is in a gallery, whether it is sound, how good its search is, and what was done to it, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from lookalike.gallery.care import Finding, RepairReport
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.reading import GalleryReader
from lookalike.gallery.updating.update import UpdateReport
from lookalike.report.document.json import path_fields, skipped_files, stamp_fields

VERSION: Final = 1

_IMAGES_OF_EVALUATION: Final = ("best", "worst", "failures")


def check_json(folder: Path, findings: Sequence[Finding]) -> dict[str, Any]:
    """The result of a check."""
    return {
        "version": VERSION,
        "gallery": path_fields(folder)["path"],
        "sound": not findings,
        "findings": _findings(findings),
    }


def update_json(gallery: Gallery, report: UpdateReport) -> dict[str, Any]:
    """The result of an update, in numbers of files; ``images`` are those in the gallery now."""
    return {
        "version": VERSION,
        "gallery": path_fields(gallery.path)["path"],
        "folder": path_fields(gallery.root)["path"],
        "encoder": gallery.stamp.name,
        "images": len(gallery),
        **_update_fields(report),
    }


def repair_json(report: RepairReport) -> dict[str, Any]:
    """What was wrong, and what a repair did; ``update`` is None if nothing was wrong."""
    return {
        "version": VERSION,
        "gallery": path_fields(report.folder)["path"],
        "findings": _findings(report.findings),
        "embeddings_kept": None if report.rebuilt is None else report.rebuilt.embeddings,
        "update": None if report.update is None else _update_fields(report.update),
    }


def backup_json(folder: Path, copy: Path) -> dict[str, Any]:
    """Where a gallery was copied from and to."""
    return {"version": VERSION, "gallery": path_fields(folder)["path"], "copy": path_fields(copy)["path"]}


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {"file": path_fields(finding.file)["path"], "problem": finding.problem, "damage": finding.is_damage}
        for finding in findings
    ]


def _update_fields(report: UpdateReport) -> dict[str, Any]:
    return {
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": report.skipped,
        "noted": report.noted,
        "offline": report.offline,
        "read_again": report.reread,
        "encoded": report.encoded,
        "passed_over": {str(kind): count for kind, count in report.passed_over.items()},
        "lost": [{**path_fields(loss.folder), "images": loss.count} for loss in report.losses],
        "stopped_at": None if report.stopped_at is None else path_fields(report.stopped_at)["path"],
        "labels": None if report.labels is None else list(report.labels.columns),
        "labels_problem": report.labels_problem,
        "seconds": report.seconds,
    }


def status_json(gallery: Gallery) -> dict[str, Any]:
    """The stamp, backends, options, the number of images, bytes on disk, skipped files with reasons, and notes."""
    status, kept = gallery.status(), gallery.last_evaluation()
    reading = status.options.reading
    return {
        "version": VERSION,
        "gallery": path_fields(gallery.path)["path"],
        "network": status.network,
        "folder": path_fields(gallery.root)["path"],
        "encoder": stamp_fields(status.stamp),
        "backends": [{"runtime": one.runtime, "device": one.device} for one in status.backends],
        "options": {
            "max_pixels": reading.pixel_cap,
            "levels": "auto" if reading.levels is None else str(reading.levels),
            "strict": reading.strict,
            **status.options.selection.to_lists(),
        },
        "images": status.images,
        "offline": status.offline,
        "columns": list(status.columns),
        "without_properties": status.without_properties,
        "updated": status.last_update.finished and status.last_update.finished.isoformat(),
        "unfinished_files": status.last_update.files,
        "evaluated": kept and kept.measured.isoformat(),
        "switching_to": status.switching_to,
        "unknown_embeddings": status.shortfall.unknown,
        "missing_embeddings": status.shortfall.missing,
        "disk_bytes": status.disk_bytes,
        "thumbnail_bytes": status.thumbnail_bytes,
        "skipped": skipped_files(status.skipped),
        "passed_over": {str(kind): count for kind, count in status.passed_over.items()},
        "notes": [path_fields(note.path) | {"kind": str(note.kind), "note": note.text} for note in status.notes],
    }


def quality_json(gallery: GalleryReader) -> dict[str, Any]:
    """When the gallery was evaluated last, and what ``lookalike evaluate --json`` printed; both are None if never.

    The images that it lists have their ids, if they are still in the gallery.
    """
    kept = gallery.last_evaluation()
    if kept is None:
        return {"version": VERSION, "measured": None, "evaluation": None}
    lists = {name: _with_ids(gallery, kept.result, kept.result.get(name, [])) for name in _IMAGES_OF_EVALUATION}
    return {
        "version": VERSION,
        "measured": kept.measured.isoformat(),
        "evaluation": {**kept.result, **lists},
    }


def _with_ids(gallery: GalleryReader, result: Mapping[str, Any], queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    folder = _relative(result.get("folder"), gallery.root)
    if folder is None:
        return queries
    paths = {image["path"]: (folder / image["path"]).as_posix() for image in _images(queries)}
    ids = gallery.images_at(list(paths.values()))

    def named(image: dict[str, Any]) -> dict[str, Any]:
        return {**image, "id": ids.get(paths[image["path"]])}

    return [{**named(query), "hits": [named(hit) for hit in query["hits"]]} for query in queries]


def _images(queries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for query in queries:
        yield query
        yield from query["hits"]


def _relative(folder: object, root: Path) -> PurePath | None:
    """The ``folder`` of a dataset within that of a gallery's images; None if it is elsewhere."""
    try:
        return PurePath(str(folder)).relative_to(root)
    except ValueError:
        return None
