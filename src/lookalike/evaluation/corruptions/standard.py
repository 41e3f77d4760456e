"""The standard form of images in robustness experiments, clean ones included."""

from __future__ import annotations

from typing import Final

from PIL import Image

STANDARD_SIDE: Final = 512
"""The length of the shorter side in pixels."""


def standardise(image: Image.Image, side: int = STANDARD_SIDE) -> Image.Image:
    """Scale an upright RGB image so that its shorter side has ``side`` pixels; its proportions stay.

    Corruptions then affect images of all sizes alike, and the loss from scaling is not part of the corruption, because
    clean images are scaled too. Bicubic with antialiasing. Always returns a new image. Raises ``ValueError`` if the
    image isn't RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"only images in RGB can be standardised, not {image.mode}")
    short = min(image.size)
    if short == side:
        return image.copy()
    width, height = (side if length == short else max(side, round(length * side / short)) for length in image.size)
    # Large images are first reduced by whole blocks to three times the final size, which looks the same and takes a
    # fraction of the time.
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
