"""Raster drawings: their font, texts cut to a width, and their JPEG."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(size: float) -> Font:
    """The font of raster drawings, in letters of ``size`` pixels."""
    return ImageFont.load_default(round(size))


def elide(text: str, width: float, measure: Callable[[str], float] = len) -> str:
    """``text``, or its beginning and three dots, at most ``width`` wide by ``measure`` (by default letters)."""
    if measure(text) <= width:
        return text
    kept = len(text)
    while kept and measure(f"{text[:kept].rstrip()}...") > width:
        kept -= 1
    return f"{text[:kept].rstrip()}..."


def jpeg(image: Image.Image, quality: int = 84) -> bytes:
    """A drawing as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()
