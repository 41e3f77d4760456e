"""The picture formats that are read, and the file name extensions that promise them."""

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
"""The file name extensions (lower case) that promise a picture, and the format each promises."""

FORMATS: Final = tuple(dict.fromkeys(EXTENSIONS.values()))
"""The picture formats that can be read."""
