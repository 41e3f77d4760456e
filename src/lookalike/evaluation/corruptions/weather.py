"""Weather between the camera and the scene."""

from __future__ import annotations

from math import radians
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from lookalike.evaluation.corruptions.convolution import softened
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import clouds, unit_grid
from lookalike.evaluation.corruptions.pixels import Pixels, levels_of, mixed, picture_of_light

_MIST: Final = np.array([0.60, 0.63, 0.66], np.float32)
_RAIN_SKY: Final = np.array([0.34, 0.37, 0.40], np.float32)
_STREAK: Final = np.array([0.70, 0.74, 0.78], np.float32)
_SNOW_SKY: Final = np.array([0.62, 0.66, 0.71], np.float32)
_FLAKE: Final = np.array([0.93, 0.95, 0.98], np.float32)
"""Light of the air, of streaks and flakes, in red, green and blue."""

_Range = tuple[float, float]
_Layer = tuple[int, _Range, _Range, _Range, float]
"""How many fall on a square of the shorter side; least and greatest length, width and opacity; how far out of focus."""

_STREAKS: Final[tuple[_Layer, ...]] = (
    (1500, (0.015, 0.04), (0.0015, 0.0022), (0.15, 0.4), 0.0),
    (420, (0.05, 0.12), (0.002, 0.0032), (0.2, 0.55), 0.0),
    (60, (0.15, 0.32), (0.004, 0.008), (0.15, 0.4), 0.003),
)
_FLAKES: Final[tuple[_Layer, ...]] = (
    (2600, (0.001, 0.003), (0.002, 0.0036), (0.35, 0.8), 0.0),
    (520, (0.003, 0.008), (0.005, 0.010), (0.6, 0.95), 0.001),
    (60, (0.01, 0.03), (0.018, 0.042), (0.35, 0.75), 0.006),
)
"""Rain and snow far off, in the middle and near, all but the far ones out of focus."""


def _fog(case: Case) -> Image.Image:
    down, _ = unit_grid(case.shape)
    swaths = clouds(case.rng, case.shape, case.side * 0.45)
    # What stands higher in a picture is mostly further away.
    height = np.float32(0.5) - down * np.float32(case.side / case.shape[0])
    depth = np.maximum(np.float32(0.5) + np.float32(0.8) * height + np.float32(0.12) * swaths, np.float32(0.05))
    # Koschmieder's law: what doesn't arrive of the scene's light, the fog's own makes up for.
    veil = 1 - np.exp(depth * np.float32(-case["density"]))
    return picture_of_light(mixed(case.light(), _MIST, veil))


def _falling(case: Case, layers: tuple[_Layer, ...]) -> Pixels:
    """How much of each pixel is hidden by what falls, (rows, columns) in 0..1: the first share of each layer."""
    rows, columns = case.shape
    side, share = case.side, case["share"]
    wind = radians(case.rng.uniform(-16, 16))
    clear = np.ones(case.shape, np.float32)
    for count, *ranges, blur in layers:
        total = round(count * rows * columns / side**2)
        drawn = case.rng.random((6, total))[:, : round(share * total)]
        sizes = [low + (high - low) * drawn[2 + number] for number, (low, high) in enumerate(ranges)]
        # Twice as large, then halved: Pillow's lines have no soft edges of their own.
        long, wide = 2 * side * sizes[0], np.maximum(1, np.round(2 * side * sizes[1])).astype(int)
        angle = wind + 0.08 * (drawn[5] - 0.5)
        left, top = drawn[0] * 2 * columns, (drawn[1] * 1.2 - 0.1) * 2 * rows
        lines = np.stack([left, top, left + long * np.sin(angle), top + long * np.cos(angle)], axis=1).tolist()
        layer = _drawn((2 * columns, 2 * rows), lines, wide.tolist(), np.round(255 * sizes[2]).astype(int).tolist())
        clear *= 1 - levels_of(softened(layer.reduce(2), blur * side))
    return 1 - clear


def _drawn(size: tuple[int, int], lines: list[list[float]], wide: list[int], opaque: list[int]) -> Image.Image:
    """Streaks, and round flakes where a line would be no longer than a few of its widths."""
    layer = Image.new("L", size)
    draw = ImageDraw.Draw(layer)
    for (left, top, end, foot), width, level in zip(lines, wide, opaque, strict=True):
        if foot - top > 3 * width:
            draw.line((left, top, end, foot), level, width)
        else:
            draw.ellipse((left, top, left + width, foot), level)
    return layer


def _rain(case: Case) -> Image.Image:
    hidden, veil = _falling(case, _STREAKS), case["veil"]
    light = case.light()
    light *= np.float32((1 - 0.35 * case["share"]) * (1 - veil))
    light += np.float32(veil) * _RAIN_SKY
    return picture_of_light(mixed(light, _STREAK, hidden))


def _snow(case: Case) -> Image.Image:
    hidden, veil = _falling(case, _FLAKES), case["veil"]
    light = case.light()
    light *= np.float32(1 - veil)
    light += np.float32(veil) * _SNOW_SKY
    return picture_of_light(mixed(light, _FLAKE, hidden))


WEATHER: Final = (
    Corruption(
        "fog",
        "weather",
        "Fog in swaths, thicker towards the top; optical depth across the scene.",
        {"density": (0.1, 0.26, 0.52, 0.98, 1.9)},
        _fog,
    ),
    Corruption(
        "rain",
        "weather",
        "Rain from an overcast sky; its share of a cloudburst, and the share of light that mist puts in.",
        {"share": (0.12, 0.28, 0.5, 0.75, 1.0), "veil": (0.02, 0.07, 0.15, 0.26, 0.4)},
        _rain,
    ),
    Corruption(
        "snow",
        "weather",
        "Falling snow; its share of a heavy fall, and the share of light that the white air puts in.",
        {"share": (0.12, 0.28, 0.5, 0.75, 1.0), "veil": (0.02, 0.06, 0.13, 0.25, 0.42)},
        _snow,
    ),
)
