"""Light sources: low sun, glare on rails, lens flare and headlamps; changes of light that vary over the image."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Final

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import resize_field, smooth_noise, smoothstep, unit_grid
from lookalike.evaluation.corruptions.pixels import Pixels, image_from_levels, image_from_light, to_grey, to_levels

_LOW_SUN: Final = np.array([1.12, 0.98, 0.72], np.float32)
_SKY: Final = np.array([0.84, 0.98, 1.24], np.float32)
_MOON: Final = np.array([0.75, 0.92, 1.25], np.float32)
_HEADLAMP: Final = np.array([1.06, 1.0, 0.86], np.float32)
"""Colours of light: factors of red, green and blue."""

_ANGLE_COUNT: Final = 36
_BAND_WIDTH: Final = 0.04
_BAND_COUNT: Final = 17
"""The search for a rail: count of angles, width of a band in shorter sides, count of bands with the outermost ones."""

_GHOSTS: Final = (
    (-0.45, 0.035, (0.9, 0.7, 0.3)),
    (0.35, 0.05, (0.3, 0.9, 0.5)),
    (0.6, 0.025, (0.9, 0.8, 0.4)),
    (0.85, 0.085, (0.35, 0.5, 0.95)),
    (1.15, 0.05, (0.9, 0.45, 0.3)),
    (1.5, 0.14, (0.45, 0.75, 0.6)),
)
"""Reflections between lenses: position (0 the centre, 1 opposite the source), radius, colour."""


def _low_sun(case: Case) -> Image.Image:
    down, right = unit_grid(case.shape)
    angle, slant = case.rng.uniform(0, 2 * pi), case.rng.uniform(-0.15, 0.15)
    offset, mast, width = case.rng.uniform((-0.12, 0.1, 0.03), (0.12, 0.28, 0.07))
    uneven = np.float32(0.003) * smooth_noise(case.rng, case.shape, case.side * 0.04)
    # The shadows of a roof and of a mast beside it, not quite parallel, with edges made uneven by rough ground.
    roof = right * np.float32(cos(angle)) + down * np.float32(sin(angle)) - np.float32(offset) + uneven
    post = right * np.float32(cos(angle + slant)) + down * np.float32(sin(angle + slant)) - np.float32(offset + mast)
    lit = smoothstep(roof, 0, 0.005) * smoothstep(np.abs(post + uneven), width / 2, width / 2 + 0.005)
    stops = case["stops"]
    sun, shade = _LOW_SUN * np.float32(2.0 ** (0.4 * stops)), _SKY * np.float32(2.0 ** (-0.6 * stops))
    return image_from_light(case.light() * (shade + lit[..., np.newaxis] * (sun - shade)))


def _brightest_band(image: Image.Image) -> tuple[float, float]:
    """The straight band that is brightest compared with its neighbours, such as the head of a rail.

    Returns the angle of its normal in radians and its distance from the centre in shorter sides. A reduced copy of the
    image is projected onto lines at 36 angles; the band is the largest peak of a projection against its neighbours.
    """
    small = image.convert("L")
    small.thumbnail((64, 64), Image.Resampling.BOX)
    grey = to_levels(small)
    down, right = unit_grid((small.height, small.width))
    angles = np.arange(_ANGLE_COUNT, dtype=np.float32)[:, np.newaxis, np.newaxis] * np.float32(pi / _ANGLE_COUNT)
    distance = right * np.cos(angles) + down * np.sin(angles)
    # Pixels beyond the last bands count towards the outermost ones, which are not candidates.
    bands = np.clip(
        np.floor(distance / np.float32(_BAND_WIDTH) + np.float32(_BAND_COUNT / 2)), 0, _BAND_COUNT - 1
    ).astype(np.intp)
    bands += _BAND_COUNT * np.arange(_ANGLE_COUNT)[:, np.newaxis, np.newaxis]
    total = np.bincount(bands.ravel(), np.tile(grey.ravel(), _ANGLE_COUNT), _ANGLE_COUNT * _BAND_COUNT)
    count = np.bincount(bands.ravel(), minlength=_ANGLE_COUNT * _BAND_COUNT)
    means = (total / np.maximum(count, 1)).reshape(_ANGLE_COUNT, _BAND_COUNT)
    ridges = means[:, 2:-2] - (means[:, :-4] + means[:, 4:]) / 2
    angle, band = np.unravel_index(int(np.argmax(ridges)), ridges.shape)
    return float(angles[angle, 0, 0]), float(band + 2.5 - _BAND_COUNT / 2) * _BAND_WIDTH


def _rail_glare(case: Case) -> Image.Image:
    angle, offset = _brightest_band(case.image)
    centre, uneven = case.rng.uniform(-0.25, 0.25), smooth_noise(case.rng, case.shape, case.side * 0.06)
    down, right = unit_grid(case.shape)
    across = np.abs(right * np.float32(cos(angle)) + down * np.float32(sin(angle)) - np.float32(offset))
    along = down * np.float32(cos(angle)) - right * np.float32(sin(angle)) - np.float32(centre)
    light = case.light()
    # Bright pixels reflect more, so the glare follows the polished strip rather than the straight band.
    polish = np.float32(0.25) + smoothstep(to_grey(light), 0.05, 0.6)
    reach = np.exp(-np.square(along * np.float32(1.7))) * (1 + np.float32(0.12) * uneven)
    core = np.exp(-np.square(across / np.float32(case["width"]))) * reach * polish * np.float32(case["strength"])
    clipped = image_from_levels(np.minimum(core, 4) / 4)
    bloom = to_levels(
        gaussian_blur(clipped.reduce(4), case.side * 0.02).resize(case.image.size, Image.Resampling.BICUBIC)
    )
    glare = core + 2.5 * bloom
    return image_from_light(light + glare[..., np.newaxis] * np.array([1.0, 0.97, 0.9], np.float32))


def _ghosts(down: Pixels, right: Pixels, source: tuple[float, float]) -> Pixels:
    """Discs with brighter rims on the line from the source through the centre of the image."""
    total = np.zeros((down.shape[0], right.shape[1], 3), np.float32)
    for position, radius, colour in _GHOSTS:
        distance = np.hypot(right + np.float32(source[0] * position), down + np.float32(source[1] * position))
        inside = 1 - smoothstep(distance, radius * 0.9, radius)
        rim = np.square(np.minimum(distance / np.float32(radius), 1))
        total += (inside * (np.float32(0.45) + np.float32(0.55) * rim))[..., np.newaxis] * np.array(colour, np.float32)
    return total


def _lens_flare(case: Case) -> Image.Image:
    rows, columns = case.shape
    half = ((rows + 1) // 2, (columns + 1) // 2)
    down, right = unit_grid(half)
    source = (
        float(case.rng.uniform(0.18, 0.42)) * case.rng.choice((-1, 1)) * columns / case.side,
        -float(case.rng.uniform(0.2, 0.42)) * rows / case.side,
    )
    turn = case.rng.uniform(0, pi)
    from_right, from_down = right - np.float32(source[0]), down - np.float32(source[1])
    distance, angle = np.hypot(from_right, from_down), np.arctan2(from_down, from_right)
    glow = np.float32(6) * np.exp(distance / np.float32(-0.035)) + np.float32(0.55) * np.exp(
        distance / np.float32(-0.3)
    )
    rays = np.abs(np.cos(7 * angle + np.float32(turn))) ** 24 * np.exp(distance / np.float32(-0.14))
    white = (glow + rays + np.float32(0.06))[..., np.newaxis] * np.array([1.0, 0.94, 0.82], np.float32)
    flare = white + np.float32(0.16) * _ghosts(down, right, source)
    full_size = np.stack([resize_field(flare[..., channel], case.shape) for channel in range(3)], axis=-1)
    return image_from_light(case.light() + np.float32(case["strength"]) * full_size)


def _headlamp_night(case: Case) -> Image.Image:
    aim_right, aim_down = case.rng.uniform((-0.1, 0.0), (0.1, 0.2))
    grain = case.rng.standard_normal(case.shape, np.float32)
    uneven = smooth_noise(case.rng, case.shape, case.side * 0.15)
    down, right = unit_grid(case.shape)
    # The beam of a headlamp is wider than it is high.
    square = np.square((right - np.float32(aim_right)) / np.float32(1.3)) + np.square(down - np.float32(aim_down))
    fall_off = 1 / np.square(1 + square * np.float32(case["narrowness"] ** 2)) * (1 + np.float32(0.05) * uneven)
    night = _MOON * np.float32(2.0 ** -case["stops"])
    light = case.light() * (night + (fall_off * np.float32(1.5))[..., np.newaxis] * (_HEADLAMP - night))
    return image_from_light(light + np.float32(0.0008 * case["stops"]) * grain[..., np.newaxis])


LAMPS: Final = (
    Corruption(
        "low_sun",
        "light",
        "Low sun with hard-edged shadows; contrast of sun and shadow in stops.",
        {"stops": (0.5, 1.2, 2.1, 3.2, 4.6)},
        _low_sun,
    ),
    Corruption(
        "rail_glare",
        "light",
        "Glare along the brightest straight band, such as a rail; strength relative to white, and half width.",
        {"strength": (0.3, 0.8, 1.8, 3.5, 7.0), "width": (0.02, 0.025, 0.032, 0.042, 0.055)},
        _rail_glare,
    ),
    Corruption(
        "lens_flare",
        "light",
        "Lens flare from the sun in the image: glow, rays and ghosts; strength relative to white.",
        {"strength": (0.08, 0.22, 0.5, 1.0, 2.0)},
        _lens_flare,
    ),
    Corruption(
        "headlamp_night",
        "light",
        "Night scene lit by a headlamp; darkness outside the beam in stops, and narrowness (1 / radius) of the beam.",
        {"stops": (0.8, 2.0, 3.5, 5.0, 7.0), "narrowness": (0.8, 1.5, 2.4, 3.6, 5.0)},
        _headlamp_night,
    ),
)
