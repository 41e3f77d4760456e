"""Processing after the exposure: scaling, JPEG compression, pixelation and date stamps."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption

_STAMP_COLOUR: Final = (255, 138, 36)
_SEGMENTS: Final = {
    "0": "abcdef",
    "1": "bc",
    "2": "abged",
    "3": "abgcd",
    "4": "fgbc",
    "5": "afgcd",
    "6": "afgedc",
    "7": "abc",
    "8": "abcdefg",
    "9": "abcdfg",
}
"""The segments that are lit for each digit: a at the top, clockwise to f, g across the middle."""

_SEGMENT_ENDS: Final = {
    "a": (0.0, 0.0, 1.0, 0.0),
    "b": (1.0, 0.0, 1.0, 1.0),
    "c": (1.0, 1.0, 1.0, 2.0),
    "d": (0.0, 2.0, 1.0, 2.0),
    "e": (0.0, 1.0, 0.0, 2.0),
    "f": (0.0, 0.0, 0.0, 1.0),
    "g": (0.0, 1.0, 1.0, 1.0),
}
"""The start and end of each segment (right, down, right, down), in digit widths."""


def _down_scaling(case: Case) -> Image.Image:
    width, height = case.image.size
    small = (max(1, round(width / case["factor"])), max(1, round(height / case["factor"])))
    return case.image.resize(small, Image.Resampling.BICUBIC).resize((width, height), Image.Resampling.BICUBIC)


def _pixelation(case: Case) -> Image.Image:
    width, height = case.image.size
    block = max(1.0, case["block"] * case.side)
    small = (max(1, round(width / block)), max(1, round(height / block)))
    return case.image.resize(small, Image.Resampling.BOX).resize((width, height), Image.Resampling.NEAREST)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    # Pillow keeps the options of a save on the image itself: threads that share an image would mix their qualities up.
    image.copy().save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file, formats=["JPEG"]).convert("RGB")


def _jpeg_twice(case: Case) -> Image.Image:
    """Compress, crop by a few pixels and compress again, so that the blocks of both passes don't align."""
    quality = round(100 - case["compression"])
    first = _jpeg(case.image, quality)
    padded = np.pad(np.asarray(first), ((3, 0), (5, 0), (0, 0)), mode="symmetric")
    return _jpeg(Image.fromarray(padded), quality).crop((5, 3, 5 + first.width, 3 + first.height))


def _date_stamp(case: Case) -> Image.Image:
    """Day, month and year as burnt in by compact cameras: glowing orange segments at the bottom right."""
    day, month, year = case.rng.integers((1, 1, 2001), (29, 13, 2025)).tolist()
    height = case["height"] * case.side
    mask = _digit_mask(f"{day:2d} {month:2d} {year % 100:02d}", case.image.size, height)
    glow = gaussian_blur(mask, 0.12 * height).point([min(255, round(1.2 * level)) for level in range(256)])
    stamped = case.image.copy()
    stamped.paste((120, 24, 0), mask=glow)
    stamped.paste(_STAMP_COLOUR, mask=mask)
    return stamped


def _digit_mask(text: str, size: tuple[int, int], height: float) -> Image.Image:
    """A mask of seven-segment digits at the bottom right; drawn at twice the size and reduced, for soft edges."""
    mask = Image.new("L", (2 * size[0], 2 * size[1]))
    draw = ImageDraw.Draw(mask)
    unit, thick = 0.5 * height * 2, max(1, round(0.15 * height * 2))
    left = 2 * size[0] - unit * (1.45 * len(text) + 0.8)
    top = 2 * size[1] - 2 * unit - 1.2 * unit
    for position, digit in enumerate(text):
        x = left + 1.45 * unit * position
        for segment in _SEGMENTS.get(digit, ""):
            x0, y0, x1, y1 = _SEGMENT_ENDS[segment]
            draw.line((x + x0 * unit, top + y0 * unit, x + x1 * unit, top + y1 * unit), 255, thick)
    return mask.reduce(2)


CAMERA: Final = (
    Corruption(
        "down_scaling",
        "lens",
        "Downscaled and upscaled again; scale factor.",
        {"factor": (1.5, 2.5, 4.0, 7.0, 12.0)},
        _down_scaling,
    ),
    Corruption(
        "jpeg_twice",
        "lens",
        "JPEG compression (4:2:0), applied twice with a small crop between; 100 minus the JPEG quality.",
        {"compression": (40.0, 65.0, 80.0, 90.0, 95.0)},
        _jpeg_twice,
    ),
    Corruption(
        "pixelation",
        "lens",
        "Pixelation; side of the squares.",
        {"block": (0.006, 0.012, 0.022, 0.04, 0.07)},
        _pixelation,
    ),
    Corruption(
        "date_stamp",
        "lens",
        "Date stamp at the bottom right; height of the digits.",
        {"height": (0.025, 0.04, 0.055, 0.075, 0.1)},
        _date_stamp,
    ),
)
