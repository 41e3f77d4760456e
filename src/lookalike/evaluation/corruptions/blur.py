"""Blur: out of focus, or moved while the shutter was open."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.convolution import convolved, disc, line
from lookalike.evaluation.corruptions.corruption import Case, Corruption, Effect
from lookalike.evaluation.corruptions.pixels import picture_of_light

_ZOOM_DOUBLINGS = 5
_HORIZONTAL, _VERTICAL, _DIAGONAL = 0.0, 90.0, 45.0


def _defocus(case: Case) -> Image.Image:
    return picture_of_light(convolved(case.light(), disc(case["radius"] * case.side)))


def _motion(degrees: float) -> Effect:
    def moved(case: Case) -> Image.Image:
        return picture_of_light(convolved(case.light(), line(case["length"] * case.side, degrees)))

    return moved


def _zoom(case: Case) -> Image.Image:
    """The mean of 32 pictures from unscaled to ``zoom`` times enlarged, in five steps of averaging two."""
    width, height = case.image.size
    blurred = case.image
    for doubling in range(_ZOOM_DOUBLINGS):
        # After each step the picture is the mean of twice as many scales: x, then x with a copy of x, and so on.
        scale = case["zoom"] ** (2**doubling / (2**_ZOOM_DOUBLINGS - 1))
        left, top = width * (1 - 1 / scale) / 2, height * (1 - 1 / scale) / 2
        box = (left, top, width - left, height - top)
        enlarged = blurred.resize((width, height), Image.Resampling.BICUBIC, box=box)
        blurred = Image.blend(blurred, enlarged, 0.5)
    return blurred


def _rolling_shutter(case: Case) -> Image.Image:
    """Rows are read one after the other while the scene passes sideways: the lower, the further to one side."""
    width, height = case.image.size
    skew = case["skew"] * case.rng.choice((-1, 1)) * case.side / height
    reach = ceil(abs(skew) * height / 2) + 2
    around = Image.fromarray(np.pad(np.asarray(case.image), ((2, 2), (reach, reach), (0, 0)), mode="symmetric"))
    matrix = (1.0, skew, reach - skew * height / 2, 0.0, 1.0, 2.0)
    return around.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _motion_corruption(name: str, how: str, degrees: float) -> Corruption:
    summary = f"The camera moved {how} ({degrees:g} degrees) while the shutter was open; length of the way."
    return Corruption(name, "blur", summary, {"length": (0.012, 0.03, 0.06, 0.11, 0.2)}, _motion(degrees))


BLUR: Final = (
    Corruption(
        "defocus",
        "blur",
        "Out of focus; radius of the disc that a point becomes.",
        {"radius": (0.003, 0.007, 0.013, 0.023, 0.04)},
        _defocus,
    ),
    _motion_corruption("motion_horizontal", "sideways", _HORIZONTAL),
    _motion_corruption("motion_vertical", "up or down", _VERTICAL),
    _motion_corruption("motion_diagonal", "from bottom left to top right", _DIAGONAL),
    Corruption(
        "zoom_blur",
        "blur",
        "The camera moved forwards while the shutter was open; how many times larger the scene became.",
        {"zoom": (1.02, 1.05, 1.1, 1.18, 1.3)},
        _zoom,
    ),
    Corruption(
        "rolling_shutter",
        "blur",
        "The scene passed while rows were read one by one, and leans; how far the last row is from the first.",
        {"skew": (0.03, 0.07, 0.13, 0.22, 0.35)},
        _rolling_shutter,
    ),
)
