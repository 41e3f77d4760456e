"""What is in a gallery, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from lookalike.gallery.gallery import Gallery
from lookalike.report.document.json_text import path_fields

VERSION: Final = 1


def status_answer(gallery: Gallery) -> dict[str, Any]:
    """The stamp, the number of images, the bytes on disk, and every skipped file with its reason."""
    status = gallery.status()
    return {
        "version": VERSION,
        "gallery": path_fields(gallery.path)["path"],
        "folder": path_fields(gallery.root)["path"],
        "encoder": {**asdict(status.stamp), "fingerprint": status.stamp.fingerprint},
        "images": status.images,
        "disk_bytes": status.disk_bytes,
        "skipped": [
            {**path_fields(skipped.path), "kind": skipped.kind, "reason": skipped.reason} for skipped in status.skipped
        ],
    }
