"""Conversion between Pillow images and arrays: of stored (sRGB-encoded) levels, and of linear light."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
"""Colours, float32 (rows, columns, 3) in 0..1, or a field (rows, columns) with one number per pixel."""

LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of the red, green and blue levels in grey (ITU-R BT.601)."""

_LIGHT_STEPS = 65535


def _levels_to_light(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB transfer function (IEC 61966-2-1): levels to linear light, both in 0..1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _light_to_levels(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of the sRGB transfer function."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004


_LIGHT = _levels_to_light(np.arange(256) / 255).astype(np.float32)
_LEVELS = np.round(255 * _light_to_levels(np.arange(_LIGHT_STEPS + 1) / _LIGHT_STEPS)).astype(np.uint8)


def to_levels(image: Image.Image) -> Pixels:
    """The levels of an RGB or grey image, in 0..1."""
    return np.asarray(image, np.float32) * np.float32(1 / 255)


def to_light(image: Image.Image) -> Pixels:
    """The linear light of an RGB or grey image, in 0..1."""
    return np.asarray(_LIGHT[np.asarray(image)])


def image_from_levels(levels: Pixels) -> Image.Image:
    """An image with these levels, clipped to 0..1."""
    steps = levels * np.float32(255)
    steps += np.float32(0.5)
    return Image.fromarray(np.clip(steps, 0, 255, out=steps).astype(np.uint8))


def image_from_light(light: Pixels) -> Image.Image:
    """An image with this linear light, clipped to 0..1 as by a sensor."""
    steps = light * np.float32(_LIGHT_STEPS)
    steps += np.float32(0.5)
    np.clip(steps, 0, _LIGHT_STEPS, out=steps)
    return Image.fromarray(np.take(_LEVELS, steps.astype(np.uint16)))


def to_grey(levels: Pixels) -> Pixels:
    """The grey level of colours (rows, columns, 3): a field (rows, columns)."""
    # Not a matrix product, because its rounding depends on the BLAS and its threads.
    return np.asarray(levels[..., 0] * LUMA[0] + levels[..., 1] * LUMA[1] + levels[..., 2] * LUMA[2])


def blend(under: Pixels, over: Pixels, share: Pixels) -> Pixels:
    """Blend the colours ``over``, (rows, columns, 3) or (3,), onto ``under`` by a ``share`` per pixel, 0..1."""
    result = np.empty_like(under)
    # Channel by channel, because numpy is slow when the innermost axis has length 3.
    for channel in range(3):
        plane = under[..., channel]
        change = share * (over[..., channel] - plane)
        change += plane
        result[..., channel] = change
    return result


def scale(colours: Pixels, factor: Pixels) -> Pixels:
    """Multiply colours (rows, columns, 3) by a factor per pixel."""
    result = np.empty_like(colours)
    for channel in range(3):
        np.multiply(colours[..., channel], factor, out=result[..., channel])
    return result
