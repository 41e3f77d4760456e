"""Any kind of pixels as 8-bit RGB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

# So many pixels of a giant are converted at a time.
_STRIP_PIXELS: Final = 4_000_000


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit RGB: alpha over white, 16 bits scaled, CMYK through its own colour profile if any."""
    return _as_rgb(image, _levels(image))


def _as_rgb(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    """The same of a picture, or of a part of one whose wide grey ``levels`` are known."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image, levels).convert("RGB")
    if image.mode in ("CMYK", "LAB"):
        return _through_profile(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def reduced_rgb(image: Image.Image, factor: int) -> Image.Image:
    """A giant as RGB, shrunk by a whole ``factor``, strip by strip: copies of all of it would take gigabytes."""
    levels, top = _levels(image), 0
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for strip in _strips(image, factor):
        part = _as_rgb(strip, levels).reduce(factor)
        small.paste(part, (0, top))
        top += part.height
    return small


def _levels(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white in wide grey: the range of 16 bits, else 0 to 1, else the extremes."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if not image.mode.startswith(("I", "F")):
        return 0.0, 255.0
    low, high = np.inf, -np.inf
    for strip in _strips(image):
        levels = np.asarray(strip)
        numbers = levels[np.isfinite(levels)]
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
    if image.mode == "I" and low >= 0 and high <= 65535:  # noqa: PLR2004  the range of 16 bits
        return 0.0, 65535.0
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low <= high else (0.0, 0.0)


def _strips(image: Image.Image, step: int = 1) -> Iterator[Image.Image]:
    """``image`` in strips of its whole width, from the top, each but the last of a multiple of ``step`` rows."""
    rows = step * max(1, _STRIP_PIXELS // (image.width * step))
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _eight_bits(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    """Wide grey levels as 8 bits, from black to white."""
    low, high = levels
    wide = np.asarray(image).astype(np.float32)
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = np.nan_to_num(wide, nan=low, posinf=high, neginf=low) * scale + (0.5 - low * scale)
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _through_profile(image: Image.Image) -> Image.Image:
    """CMYK or LAB to sRGB, by the embedded colour profile where there is a usable one."""
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
