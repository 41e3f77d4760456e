"""Random fields: smooth noise, clouds and coordinates, from which weather, dirt and patches are made."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.pixels import Pixels


def soft_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Pixels:
    """Smooth noise of unit variance, roughly: hills about ``scale`` pixels apart, (rows, columns).

    The numbers drawn depend on the shape and the scale alone.
    """
    rows, columns = shape
    step = max(scale, 1.0)
    coarse = rng.standard_normal((int(rows / step) + 3, int(columns / step) + 3), np.float32)
    return enlarged(coarse, shape, step)


def clouds(rng: np.random.Generator, shape: tuple[int, int], scale: float, octaves: int = 4) -> Pixels:
    """Noise with hills upon hills, as fog, smoke and stains have: each octave half as wide and half as high."""
    total = soft_noise(rng, shape, scale)
    for octave in range(1, octaves):
        total = total + np.float32(0.5**octave) * soft_noise(rng, shape, scale * 0.5**octave)
    return total


def enlarged(coarse: Pixels, shape: tuple[int, int], step: float) -> Pixels:
    """A coarse field, its numbers ``step`` pixels apart, brought to ``shape`` by bicubic interpolation."""
    rows, columns = shape
    box = (1.0, 1.0, 1.0 + columns / step, 1.0 + rows / step)
    return np.asarray(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC, box=box))


def stretched(field: Pixels, shape: tuple[int, int]) -> Pixels:
    """A field at another size, interpolated."""
    rows, columns = shape
    return np.asarray(Image.fromarray(field).resize((columns, rows), Image.Resampling.BILINEAR))


def unit_grid(shape: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """Coordinates of pixels in shorter sides from the picture's middle: down (rows, 1) and right (1, columns)."""
    rows, columns = shape
    side = min(shape)
    down = (np.arange(rows, dtype=np.float32) - np.float32((rows - 1) / 2)) / np.float32(side)
    right = (np.arange(columns, dtype=np.float32) - np.float32((columns - 1) / 2)) / np.float32(side)
    return down[:, np.newaxis], right[np.newaxis, :]


def smooth_step(field: Pixels, low: float, high: float) -> Pixels:
    """0 below ``low``, 1 above ``high``, and a smooth rise between."""
    share = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (np.float32(3) - np.float32(2) * share))


def cut(field: Pixels, share: float) -> float:
    """The value below which ``share`` of a field lies: what is below it covers just so much of the picture."""
    place = min(field.size - 1, max(0, round(share * field.size)))
    return float(np.partition(field, place, axis=None)[place])
