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
    """``text``, or its ends with three dots between them, at most ``width`` wide by ``measure`` (by default letters).

    Names that differ, such as those of files, mostly do so at an end.
    """
    if measure(text) <= width:
        return text
    kept = len(text)
    while kept and measure(_ends(text, kept)) > width:
        kept -= 1
    return _ends(text, kept)


def _ends(text: str, kept: int) -> str:
    """The ends of ``text``, ``kept`` letters in all."""
    tail = kept // 2
    return f"{text[: kept - tail].rstrip()}...{text[len(text) - tail :].lstrip()}"


def jpeg(image: Image.Image, quality: int = 84) -> bytes:
    """A drawing as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()
