"""Uploads as pictures that every browser shows: those of HEIC, TIFF and other formats can't be shown otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

from lookalike.embedding.isolated import open_reader
from lookalike.embedding.limits import FileLimits
from lookalike.embedding.load import Loader, Preview
from lookalike.images.thumbnails import encoded
from lookalike.web.encoding.uploads import Upload, Uploads, digest_and_pixels

SIDE: Final = 1600
"""The longer side in pixels, at most."""


class Previews:
    """Makes them; uploads are decoded in processes of their own, as for a search."""

    def __init__(self, uploads: Uploads, limits: FileLimits) -> None:
        self._uploads = uploads
        self._reader = open_reader(Loader(Preview(SIDE)), Path(), lambda _: False, limits)

    def make(self, upload: Upload) -> bytes:
        """A WebP of an upload, upright and without metadata; raises :class:`~lookalike.errors.ImageError`."""
        with self._uploads.file(upload) as file:
            _, pixels = digest_and_pixels(self._reader.read(file))
        return encoded(Image.fromarray(pixels[0]), "WEBP")

    def close(self) -> None:
        """End all processes."""
        self._reader.close()
