"""The form that pictures take before they are damaged, clean ones included."""

from __future__ import annotations

from typing import Final

from PIL import Image

STANDARD_SIDE: Final = 512
"""Pixels of the shorter side."""


def standardise(image: Image.Image, side: int = STANDARD_SIDE) -> Image.Image:
    """Scale an upright RGB picture so that its shorter side has ``side`` pixels, and its longer one the same scale.

    Damage is then the same for pictures of all sizes, and the scaling itself is no part of it, since the clean picture
    went through it as well. Bicubic, with averaging where the picture shrinks. Returns a picture of its own, also where
    nothing was to be scaled. Raises ``ValueError`` where the picture isn't RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"pictures are standardised in RGB, not {image.mode}")
    short = min(image.size)
    if short == side:
        return image.copy()
    width, height = (side if length == short else max(side, round(length * side / short)) for length in image.size)
    # Decoded far too large, a picture is first shrunk by whole blocks to three times its final size, which looks the
    # same and takes a fraction of the time.
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
