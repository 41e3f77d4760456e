"""What all raster drawings share: their font and their JPEG."""

from __future__ import annotations

import io

from PIL import Image, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(size: float) -> Font:
    """The font of raster drawings, in letters of ``size`` pixels."""
    return ImageFont.load_default(round(size))


def jpeg(image: Image.Image, quality: int = 84) -> bytes:
    """A drawing as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
    return file.getvalue()
