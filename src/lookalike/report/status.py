"""What is in a gallery, as JSON."""

from __future__ import annotations

from typing import Any, Final

from lookalike.gallery.gallery import Gallery
from lookalike.report.document.json import path_fields, skipped_files, stamp_fields

VERSION: Final = 1


def status_json(gallery: Gallery) -> dict[str, Any]:
    """The stamp, what it ran on, the number of images, the bytes on disk, and every skipped file with its reason."""
    status = gallery.status()
    return {
        "version": VERSION,
        "gallery": path_fields(gallery.path)["path"],
        "folder": path_fields(gallery.root)["path"],
        "encoder": stamp_fields(status.stamp),
        "backends": [{"runtime": one.runtime, "device": one.device} for one in status.backends],
        "images": status.images,
        "disk_bytes": status.disk_bytes,
        "skipped": skipped_files(status.skipped),
    }
