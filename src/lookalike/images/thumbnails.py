"""Small copies of images for web pages."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, Final, Literal

from PIL import Image

from lookalike.images.decode import ReadOptions, open_image

ThumbnailFormat = Literal["JPEG", "WEBP"]

_SETTINGS: Final[dict[ThumbnailFormat, dict[str, Any]]] = {
    "JPEG": {"quality": 82, "optimize": True, "progressive": True},
    "WEBP": {"quality": 78, "method": 2},  # method 4 makes files 3 % smaller, and takes 2.4 times as long
}


def thumbnail(
    source: str | os.PathLike[str] | BinaryIO,
    side: int = 480,
    form: ThumbnailFormat = "JPEG",
    options: ReadOptions | None = None,
) -> bytes:
    """The image upright, its aspect ratio kept and its longer side at most ``side`` pixels, without metadata.

    Raises :class:`~lookalike.errors.ImageError` if the image can't be used.
    """
    return encoded(shrunk(open_image(source, min_side=side, options=options).pixels, side), form)


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """A copy of ``image`` whose longer side is at most ``side`` pixels."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return small


def encoded(image: Image.Image, form: ThumbnailFormat) -> bytes:
    """The file of a small image."""
    file = io.BytesIO()
    image.save(file, form, **_SETTINGS[form])
    return file.getvalue()
