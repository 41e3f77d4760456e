"""What is in a gallery, and whether it is sound, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lookalike.gallery.care import Finding
from lookalike.gallery.gallery import Gallery
from lookalike.report.document.json import path_fields, skipped_files, stamp_fields

VERSION: Final = 1


def check_json(folder: Path, findings: Sequence[Finding]) -> dict[str, Any]:
    """The result of a check."""
    return {
        "version": VERSION,
        "gallery": path_fields(folder)["path"],
        "sound": not findings,
        "findings": [
            {"file": path_fields(finding.file)["path"], "problem": finding.problem, "damage": finding.is_damage}
            for finding in findings
        ],
    }


def status_json(gallery: Gallery) -> dict[str, Any]:
    """The stamp, backends, options, the number of images, bytes on disk, skipped files with reasons, and notes."""
    status = gallery.status()
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
        "unknown_embeddings": status.shortfall.unknown,
        "missing_embeddings": status.shortfall.missing,
        "disk_bytes": status.disk_bytes,
        "skipped": skipped_files(status.skipped),
        "passed_over": {str(kind): count for kind, count in status.passed_over.items()},
        "notes": [path_fields(note.path) | {"kind": str(note.kind), "note": note.text} for note in status.notes],
    }
