"""Conversion of any pixel format to 8-bit RGB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

# Very large images are converted in strips of this many pixels.
_STRIP_PIXELS: Final = 4_000_000


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any Pillow mode to 8-bit RGB.

    Alpha is composited over white, 16-bit grey is scaled, and CMYK uses the embedded colour profile if there is one.
    """
    return _convert(image, _grey_range(image))


def _convert(image: Image.Image, grey_range: tuple[float, float]) -> Image.Image:
    """Convert an image, or a strip of one; ``grey_range`` is the black and the white level of the whole image."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _to_8_bits(image, grey_range).convert("RGB")
    if image.mode in ("CMYK", "LAB"):
        return _convert_by_profile(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def reduced_rgb(image: Image.Image, factor: int, strip_pixels: int = _STRIP_PIXELS) -> Image.Image:
    """Convert to RGB and shrink by the integer ``factor``, in strips of about ``strip_pixels``.

    Converting a very large image at once would take gigabytes.
    """
    grey_range, top = _grey_range(image), 0
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for strip in _strips(image, factor, strip_pixels):
        part = _convert(strip, grey_range).reduce(factor)
        small.paste(part, (0, top))
        top += part.height
    return small


def _grey_range(image: Image.Image) -> tuple[float, float]:
    """The levels of black and white in grey images of more than 8 bits.

    These are 0 and 65535 where all levels fit into 16 bits, 0 and 1 where floats lie between them, else the extremes.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if not image.mode.startswith(("I", "F")):
        return 0.0, 255.0
    low, high = np.inf, -np.inf
    for strip in _strips(image):
        levels = np.asarray(strip)
        finite = levels[np.isfinite(levels)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if image.mode == "I" and low >= 0 and high <= 65535:  # noqa: PLR2004  the range of 16 bits
        return 0.0, 65535.0
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low <= high else (0.0, 0.0)


def _strips(image: Image.Image, step: int = 1, strip_pixels: int = _STRIP_PIXELS) -> Iterator[Image.Image]:
    """Full-width strips of ``image`` from top to bottom; all but the last have a multiple of ``step`` rows."""
    rows = step * max(1, strip_pixels // (image.width * step))
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _to_8_bits(image: Image.Image, grey_range: tuple[float, float]) -> Image.Image:
    """Scale grey levels so that ``grey_range`` becomes 0 to 255."""
    low, high = grey_range
    wide = np.asarray(image).astype(np.float32)
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = np.nan_to_num(wide, nan=low, posinf=high, neginf=low) * scale + (0.5 - low * scale)
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _convert_by_profile(image: Image.Image) -> Image.Image:
    """Convert CMYK or LAB to sRGB, using the embedded colour profile if it is usable."""
    srgb = ImageCms.createProfile("sRGB")
    try:
        source: Any = (
            ImageCms.createProfile("LAB")
            if image.mode == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        )
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (KeyError, ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")
