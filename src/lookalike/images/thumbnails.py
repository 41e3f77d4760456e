"""Small copies of pictures, for pages."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from PIL import Image

from lookalike.images.decode import open_picture

_QUALITY = 82


def thumbnail(source: str | os.PathLike[str] | BinaryIO, side: int = 480) -> bytes:
    """A JPEG of the picture, upright, at its own proportions, its longer side at most ``side`` pixels.

    Raises :class:`~lookalike.errors.PictureError` if the picture can't be used.
    """
    picture = open_picture(source, least_side=side)
    pixels = picture.pixels.copy()
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    written = io.BytesIO()
    pixels.save(written, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return written.getvalue()
