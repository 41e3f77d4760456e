"""Between Pillow's pictures and numbers: stored levels, and the light that they stand for."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
"""Colours, float32 (rows, columns, 3) in 0..1, or a field of one number a pixel, (rows, columns)."""

LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue levels in grey (ITU-R BT.601)."""

_LIGHT_STEPS = 65535


def _light_of_levels(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB transfer function (IEC 61966-2-1): levels to light, both in 0..1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _levels_of_light(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its inverse."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004


_LIGHT = _light_of_levels(np.arange(256) / 255).astype(np.float32)
_LEVELS = np.round(255 * _levels_of_light(np.arange(_LIGHT_STEPS + 1) / _LIGHT_STEPS)).astype(np.uint8)


def levels_of(image: Image.Image) -> Pixels:
    """The stored levels of an RGB or grey picture, in 0..1."""
    return np.asarray(image, np.float32) * np.float32(1 / 255)


def light_of(image: Image.Image) -> Pixels:
    """The light that an RGB or grey picture's levels stand for, in 0..1."""
    return np.asarray(_LIGHT[np.asarray(image)])


def picture_of_levels(levels: Pixels) -> Image.Image:
    """A picture of levels, those beyond 0..1 clipped."""
    steps = levels * np.float32(255)
    steps += np.float32(0.5)
    return Image.fromarray(np.clip(steps, 0, 255, out=steps).astype(np.uint8))


def picture_of_light(light: Pixels) -> Image.Image:
    """A picture of light: what is beyond 0..1 is clipped, as a sensor does."""
    steps = light * np.float32(_LIGHT_STEPS)
    steps += np.float32(0.5)
    np.clip(steps, 0, _LIGHT_STEPS, out=steps)
    return Image.fromarray(np.take(_LEVELS, steps.astype(np.uint16)))


def grey_of(levels: Pixels) -> Pixels:
    """The grey of colours (rows, columns, 3): a field (rows, columns)."""
    # Written out, because a matrix product's rounding depends on the BLAS and its threads.
    return np.asarray(levels[..., 0] * LUMA[0] + levels[..., 1] * LUMA[1] + levels[..., 2] * LUMA[2])


def mixed(under: Pixels, over: Pixels, share: Pixels) -> Pixels:
    """Colours (rows, columns, 3) that give way to others, or to one colour (3,), by a share for each pixel, 0..1."""
    result = np.empty_like(under)
    # Channel by channel, because numpy is slow where the innermost of the axes it works along has 3 numbers.
    for channel in range(3):
        plane = under[..., channel]
        change = share * (over[..., channel] - plane)
        change += plane
        result[..., channel] = change
    return result


def scaled(colours: Pixels, factor: Pixels) -> Pixels:
    """Colours (rows, columns, 3) times a factor for each pixel."""
    result = np.empty_like(colours)
    for channel in range(3):
        np.multiply(colours[..., channel], factor, out=result[..., channel])
    return result
