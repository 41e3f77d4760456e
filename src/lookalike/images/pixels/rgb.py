"""Flatten any Pillow image to 8-bit RGB in sRGB, with transparency over one colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image, ImageStat

from lookalike.images.pixels.colour import to_srgb
from lookalike.images.pixels.levels import Levels
from lookalike.images.pixels.samples import Samples, to_pillow

_MID_GREY: Final = (128, 128, 128)
_BLANK_RANGE: Final = 2
"""An image whose channels vary by this many levels at most is blank."""

# Very large images are converted in strips of this many pixels.
_STRIP_PIXELS: Final = 4_000_000


def to_rgb(
    image: Image.Image,
    *,
    levels: Levels | None = None,
    factor: int = 1,
    strip_pixels: int = _STRIP_PIXELS,
    keep_profile: bool = False,
) -> Image.Image:
    """Convert any Pillow mode to 8-bit RGB in sRGB.

    Transparency is laid over white, or over mid-grey if nothing can be seen on white. ``levels`` replaces the levels of
    an image with more than 8 bits. With a ``factor`` above 1 the result is smaller by it, and is made in strips of
    about ``strip_pixels``: to convert a very large image at once would take gigabytes. With ``keep_profile``, the
    pixels of an RGB image without transparency stay in the colour space of their profile, ``info["icc_profile"]``.
    """
    image = _with_8_bits(image, levels)
    if keep_profile and image.mode == "RGB" and not image.has_transparency_data:
        return image if factor == 1 else _reduce(image, factor)
    pixels = _reduced(image, "white", factor, strip_pixels)
    if image.has_transparency_data and is_blank(pixels):
        pixels = _reduced(image, _MID_GREY, factor, strip_pixels)
    return pixels


def is_blank(pixels: Image.Image) -> bool:
    """Whether each channel of an RGB image varies by 2 levels at most."""
    # Most images differ within a few pixels already; only the others are read as a whole.
    few = pixels.resize((16, 16), Image.Resampling.NEAREST)
    return _varies_little(few) and _varies_little(pixels)


def contrast(pixels: Image.Image) -> float:
    """The standard deviation of an RGB image's luma, 0 to 127.5."""
    return float(ImageStat.Stat(pixels.convert("L")).stddev[0])


def _varies_little(pixels: Image.Image) -> bool:
    extremes = (channel.getextrema() for channel in pixels.split())
    return all(high - low <= _BLANK_RANGE for low, high in extremes)  # type: ignore[operator]  # pairs of ints


def _with_8_bits(image: Image.Image, levels: Levels | None) -> Image.Image:
    """Convert a grey image of more than 8 bits (modes I, F and I;16) to L or LA."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)[..., np.newaxis]
    transparent = image.info.get("transparency")
    samples = Samples(values, colours=1, profile=image.info.get("icc_profile"))
    converted = to_pillow(samples, levels)
    if isinstance(transparent, int):
        converted.putalpha(Image.fromarray(np.where(values[..., 0] == transparent, 0, 255).astype(np.uint8)))
    return converted


def _reduced(image: Image.Image, background: str | tuple[int, int, int], factor: int, strip_pixels: int) -> Image.Image:
    if factor == 1:
        return _flattened(image, background, factor)
    small, top = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor))), 0
    for strip in _strips(image, factor, strip_pixels):
        part = _flattened(strip, background, factor)
        small.paste(part, (0, top))
        top += part.height
    return small


def _strips(image: Image.Image, step: int, strip_pixels: int) -> Iterator[Image.Image]:
    """Full-width strips of ``image`` from top to bottom; all but the last have a multiple of ``step`` rows."""
    rows = step * max(1, strip_pixels // (image.width * step))
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _flattened(image: Image.Image, background: str | tuple[int, int, int], factor: int) -> Image.Image:
    if not image.has_transparency_data:
        plain = image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")
        # Reduced first, because to convert colours takes longer.
        return to_srgb(plain if factor == 1 else _reduce(plain, factor))
    alpha = image.convert("RGBA").getchannel("A")
    flat = Image.new("RGB", image.size, background)
    flat.paste(to_srgb(_colours(image)), mask=alpha)
    return flat if factor == 1 else flat.reduce(factor)


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    small = image.reduce(factor)
    small.info = image.info
    return small


def _colours(image: Image.Image) -> Image.Image:
    """The colours of an image with transparency, as L or RGB with the image's profile."""
    colours = image.getchannel("L") if image.mode == "LA" else image.convert("RGBA").convert("RGB")
    if "icc_profile" in image.info:
        colours.info["icc_profile"] = image.info["icc_profile"]
    return colours
