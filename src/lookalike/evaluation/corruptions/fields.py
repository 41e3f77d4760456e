"""Fields (one number per pixel): smooth noise, clouds, coordinates and thresholds, for weather, dirt and patches."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.pixels import Pixels


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Pixels:
    """Smooth noise (rows, columns) of roughly unit variance, with features about ``scale`` pixels apart.

    The count of numbers drawn depends only on the shape and the scale.
    """
    rows, columns = shape
    step = max(scale, 1.0)
    coarse = rng.standard_normal((int(rows / step) + 3, int(columns / step) + 3), np.float32)
    return _enlarge(coarse, shape, step)


def clouds(rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 4) -> Pixels:
    """Fractal noise, as in fog, smoke and stains: each octave has half the scale and half the amplitude."""
    total = smooth_noise(rng, shape, scale)
    for octave in range(1, octaves):
        total = total + np.float32(0.5**octave) * smooth_noise(rng, shape, scale * 0.5**octave)
    return total


def _enlarge(coarse: Pixels, shape: tuple[int, int], step: float) -> Pixels:
    """Enlarge a coarse field, whose values are ``step`` pixels apart, to ``shape`` by bicubic interpolation."""
    rows, columns = shape
    box = (1.0, 1.0, 1.0 + columns / step, 1.0 + rows / step)
    return np.asarray(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC, box=box))


def resize_field(field: Pixels, shape: tuple[int, int]) -> Pixels:
    """Resize a field to ``shape`` by bilinear interpolation."""
    rows, columns = shape
    return np.asarray(Image.fromarray(field).resize((columns, rows), Image.Resampling.BILINEAR))


def unit_grid(shape: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """Pixel coordinates from the centre, in units of the shorter side: down (rows, 1) and right (1, columns)."""
    rows, columns = shape
    side = min(shape)
    down = (np.arange(rows, dtype=np.float32) - np.float32((rows - 1) / 2)) / np.float32(side)
    right = (np.arange(columns, dtype=np.float32) - np.float32((columns - 1) / 2)) / np.float32(side)
    return down[:, np.newaxis], right[np.newaxis, :]


def smoothstep(field: Pixels, low: float, high: float) -> Pixels:
    """0 below ``low``, 1 above ``high``, a smooth (cubic) rise between."""
    share = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (np.float32(3) - np.float32(2) * share))


def quantile(field: Pixels, share: float) -> float:
    """The value that ``share`` of a field's pixels lie below, so a threshold there selects that share of the image."""
    rank = min(field.size - 1, max(0, round(share * field.size)))
    return float(np.partition(field, rank, axis=None)[rank])
