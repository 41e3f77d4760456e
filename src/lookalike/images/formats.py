"""The supported image formats and their file name extensions."""

from __future__ import annotations

from typing import Final

EXTENSIONS: Final = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".hif": "HEIF",
}
"""The format that belongs to each file name extension (lower case)."""

FORMATS: Final = tuple(dict.fromkeys(EXTENSIONS.values()))
"""The supported image formats, by their Pillow names."""
