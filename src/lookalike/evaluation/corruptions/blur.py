"""Blur: out of focus, or moving during the exposure."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.convolution import convolve, disc_kernel, line_kernel
from lookalike.evaluation.corruptions.corruption import Case, Corruption, Effect
from lookalike.evaluation.corruptions.pixels import image_from_light

_ZOOM_DOUBLINGS = 5
_HORIZONTAL, _VERTICAL, _DIAGONAL = 0.0, 90.0, 45.0


def _defocus(case: Case) -> Image.Image:
    return image_from_light(convolve(case.light(), disc_kernel(case["radius"] * case.side)))


def _motion(degrees: float) -> Effect:
    def blur(case: Case) -> Image.Image:
        return image_from_light(convolve(case.light(), line_kernel(case["length"] * case.side, degrees)))

    return blur


def _zoom(case: Case) -> Image.Image:
    """The mean of 32 images, from unscaled to enlarged ``zoom`` times, computed in five steps of averaging two."""
    width, height = case.image.size
    blurred = case.image
    for doubling in range(_ZOOM_DOUBLINGS):
        # Each step doubles the number of scales in the mean, by averaging the image with an enlarged copy of itself.
        scale = case["zoom"] ** (2**doubling / (2**_ZOOM_DOUBLINGS - 1))
        left, top = width * (1 - 1 / scale) / 2, height * (1 - 1 / scale) / 2
        box = (left, top, width - left, height - top)
        enlarged = blurred.resize((width, height), Image.Resampling.BICUBIC, box=box)
        blurred = Image.blend(blurred, enlarged, 0.5)
    return blurred


def _rolling_shutter(case: Case) -> Image.Image:
    """Shear the image: the scene moves sideways while rows are read one by one, so lower rows are shifted further."""
    width, height = case.image.size
    skew = case["skew"] * case.rng.choice((-1, 1)) * case.side / height
    reach = ceil(abs(skew) * height / 2) + 2
    padded = Image.fromarray(np.pad(np.asarray(case.image), ((2, 2), (reach, reach), (0, 0)), mode="symmetric"))
    matrix = (1.0, skew, reach - skew * height / 2, 0.0, 1.0, 2.0)
    return padded.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _motion_corruption(name: str, direction: str, degrees: float) -> Corruption:
    summary = f"Motion blur, {direction} ({degrees:g} degrees); length of the motion."
    return Corruption(name, "blur", summary, {"length": (0.012, 0.03, 0.06, 0.11, 0.2)}, _motion(degrees))


BLUR: Final = (
    Corruption(
        "defocus",
        "blur",
        "Defocus blur; radius of the blur disc.",
        {"radius": (0.003, 0.007, 0.013, 0.023, 0.04)},
        _defocus,
    ),
    _motion_corruption("motion_horizontal", "horizontal", _HORIZONTAL),
    _motion_corruption("motion_vertical", "vertical", _VERTICAL),
    _motion_corruption("motion_diagonal", "diagonal", _DIAGONAL),
    Corruption(
        "zoom_blur",
        "blur",
        "Zoom blur, as from a camera moving forwards; final magnification.",
        {"zoom": (1.02, 1.05, 1.1, 1.18, 1.3)},
        _zoom,
    ),
    Corruption(
        "rolling_shutter",
        "blur",
        "Rolling-shutter skew, as from a scene moving sideways; offset between the first and the last row.",
        {"skew": (0.03, 0.07, 0.13, 0.22, 0.35)},
        _rolling_shutter,
    ),
)
