"""Weather between the camera and the scene."""

from __future__ import annotations

from math import radians
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import clouds, unit_grid
from lookalike.evaluation.corruptions.pixels import Pixels, blend, image_from_light, to_levels

_MIST: Final = np.array([0.60, 0.63, 0.66], np.float32)
_RAIN_SKY: Final = np.array([0.34, 0.37, 0.40], np.float32)
_STREAK: Final = np.array([0.70, 0.74, 0.78], np.float32)
_SNOW_SKY: Final = np.array([0.62, 0.66, 0.71], np.float32)
_FLAKE: Final = np.array([0.93, 0.95, 0.98], np.float32)
"""The light of mist, sky, rain streaks and snowflakes: red, green, blue."""

_Range = tuple[float, float]
_Layer = tuple[int, _Range, _Range, _Range, float]
"""Count per square of the shorter side; ranges of length, width and opacity; radius of the blur."""

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
"""Layers of rain and snow: far, middle and near; nearer ones are larger, and the nearest are out of focus."""


def _fog(case: Case) -> Image.Image:
    down, _ = unit_grid(case.shape)
    density = clouds(case.rng, case.shape, case.side * 0.45)
    # Things higher up in an image are usually further away.
    height = np.float32(0.5) - down * np.float32(case.side / case.shape[0])
    depth = np.maximum(np.float32(0.5) + np.float32(0.8) * height + np.float32(0.12) * density, np.float32(0.05))
    # Koschmieder's law: the light lost from the scene is replaced by light from the fog.
    veil = 1 - np.exp(depth * np.float32(-case["density"]))
    return image_from_light(blend(case.light(), _MIST, veil))


def _precipitation(case: Case, layers: tuple[_Layer, ...]) -> Pixels:
    """The opacity of rain or snow (rows, columns), 0..1; ``share`` takes that part of every layer, from its start."""
    rows, columns = case.shape
    side, share = case.side, case["share"]
    wind = radians(case.rng.uniform(-16, 16))
    clear = np.ones(case.shape, np.float32)
    for count, *ranges, blur in layers:
        total = round(count * rows * columns / side**2)
        draws = case.rng.random((6, total))[:, : round(share * total)]
        sizes = [low + (high - low) * draws[2 + number] for number, (low, high) in enumerate(ranges)]
        # Drawn at twice the size and reduced, because Pillow's lines are not antialiased.
        length, width = 2 * side * sizes[0], np.maximum(1, np.round(2 * side * sizes[1])).astype(int)
        angle = wind + 0.08 * (draws[5] - 0.5)
        left, top = draws[0] * 2 * columns, (draws[1] * 1.2 - 0.1) * 2 * rows
        lines = np.stack([left, top, left + length * np.sin(angle), top + length * np.cos(angle)], axis=1).tolist()
        layer = _draw_layer(
            (2 * columns, 2 * rows), lines, width.tolist(), np.round(255 * sizes[2]).astype(int).tolist()
        )
        clear *= 1 - to_levels(gaussian_blur(layer.reduce(2), blur * side))
    return 1 - clear


def _draw_layer(size: tuple[int, int], lines: list[list[float]], widths: list[int], levels: list[int]) -> Image.Image:
    """Draw streaks as lines, and as ellipses (flakes) those no longer than three times their width."""
    layer = Image.new("L", size)
    draw = ImageDraw.Draw(layer)
    for (left, top, right, bottom), width, level in zip(lines, widths, levels, strict=True):
        if bottom - top > 3 * width:
            draw.line((left, top, right, bottom), level, width)
        else:
            draw.ellipse((left, top, left + width, bottom), level)
    return layer


def _rain(case: Case) -> Image.Image:
    opacity, veil = _precipitation(case, _STREAKS), case["veil"]
    light = case.light()
    light *= np.float32((1 - 0.35 * case["share"]) * (1 - veil))
    light += np.float32(veil) * _RAIN_SKY
    return image_from_light(blend(light, _STREAK, opacity))


def _snow(case: Case) -> Image.Image:
    opacity, veil = _precipitation(case, _FLAKES), case["veil"]
    light = case.light()
    light *= np.float32(1 - veil)
    light += np.float32(veil) * _SNOW_SKY
    return image_from_light(blend(light, _FLAKE, opacity))


WEATHER: Final = (
    Corruption(
        "fog",
        "weather",
        "Fog of uneven density, thicker towards the top; optical depth.",
        {"density": (0.1, 0.26, 0.52, 0.98, 1.9)},
        _fog,
    ),
    Corruption(
        "rain",
        "weather",
        "Rain under an overcast sky; rain as a share of a cloudburst, and share of light from mist (veil).",
        {"share": (0.12, 0.28, 0.5, 0.75, 1.0), "veil": (0.02, 0.07, 0.15, 0.26, 0.4)},
        _rain,
    ),
    Corruption(
        "snow",
        "weather",
        "Falling snow; snow as a share of heavy snowfall, and share of light from the white air (veil).",
        {"share": (0.12, 0.28, 0.5, 0.75, 1.0), "veil": (0.02, 0.06, 0.13, 0.25, 0.42)},
        _snow,
    ),
)
