"""Small copies of images for web pages."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from PIL import Image

from lookalike.images.decode import open_image

_QUALITY = 82


def thumbnail(source: str | os.PathLike[str] | BinaryIO, side: int = 480) -> bytes:
    """The image as an upright JPEG with its aspect ratio kept and its longer side at most ``side`` pixels.

    Raises :class:`~lookalike.errors.ImageError` if the image can't be used.
    """
    image = open_image(source, min_side=side)
    pixels = image.pixels.copy()
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = io.BytesIO()
    pixels.save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return file.getvalue()
