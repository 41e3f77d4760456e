"""Light, part one: how much of it there is and of which colour, the same all over the picture."""

from __future__ import annotations

from math import cos, radians, sin, sqrt
from typing import Final

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.pixels import Pixels, grey_of, picture_of_levels, picture_of_light

_SODIUM: Final = np.array([1.0, 0.52, 0.06], np.float32)
"""The light of a sodium lamp (589 nm) as an sRGB camera set to daylight records it, brightest channel 1."""


def _brightness(case: Case) -> Image.Image:
    return picture_of_light(case.light() * np.float32(2.0 ** case["stops"]))


def _darkness(case: Case) -> Image.Image:
    return picture_of_light(case.light() * np.float32(2.0 ** -case["stops"]))


def _contrast(case: Case) -> Image.Image:
    levels = case.levels()
    mean = np.float32(grey_of(levels).mean())
    return picture_of_levels(mean + (levels - mean) * np.float32(1 - case["loss"]))


def _sodium(case: Case) -> Image.Image:
    light, share = case.light(), np.float32(case["share"])
    # One wavelength alone shows no colours: the scene's light times the lamp's colour.
    grey = light[..., 0] * np.float32(0.5) + light[..., 1] * np.float32(0.5)
    return picture_of_light(light * (1 - share) + share * grey[..., np.newaxis] * _SODIUM)


def _colourfulness(levels: Pixels, gain: float) -> Image.Image:
    grey = grey_of(levels)[..., np.newaxis]
    return picture_of_levels(grey + (levels - grey) * np.float32(gain))


def _saturation(case: Case) -> Image.Image:
    return _colourfulness(case.levels(), case["gain"])


def _desaturation(case: Case) -> Image.Image:
    return _colourfulness(case.levels(), 1 - case["loss"])


def _greyscale(case: Case) -> Image.Image:
    return _colourfulness(case.levels(), 0)


def _hue_turn(case: Case) -> Image.Image:
    angle = radians(case["degrees"]) * case.rng.choice((-1, 1))
    # Rodrigues' rotation about the axis of greys: a colour keeps one share of itself, and takes one from each other.
    own = cos(angle) + (1 - cos(angle)) / 3
    before, after = ((1 - cos(angle)) / 3 + sign * sin(angle) / sqrt(3) for sign in (-1, 1))
    levels = case.levels()
    turned = np.float32(own) * levels
    turned += np.float32(before) * np.roll(levels, -1, axis=-1) + np.float32(after) * np.roll(levels, 1, axis=-1)
    return picture_of_levels(turned)


TONE: Final = (
    Corruption(
        "brightness", "light", "Overexposed and clipped; in stops.", {"stops": (0.3, 0.7, 1.2, 1.8, 2.6)}, _brightness
    ),
    Corruption("darkness", "light", "Underexposed; in stops.", {"stops": (0.4, 1.0, 2.0, 3.2, 4.8)}, _darkness),
    Corruption(
        "contrast",
        "light",
        "Flattened towards its mean grey; the share of contrast that is lost.",
        {"loss": (0.25, 0.45, 0.65, 0.8, 0.92)},
        _contrast,
    ),
    Corruption(
        "sodium_cast",
        "light",
        "Lit by sodium lamps, under which all colours are one; the lamps' share of the light.",
        {"share": (0.2, 0.4, 0.6, 0.8, 1.0)},
        _sodium,
    ),
    Corruption(
        "saturation",
        "light",
        "Colours too strong; the gain of each channel's distance from grey.",
        {"gain": (1.3, 1.7, 2.3, 3.2, 5.0)},
        _saturation,
    ),
    Corruption(
        "desaturation",
        "light",
        "Faded colours; the share of each channel's distance from grey that is lost.",
        {"loss": (0.2, 0.4, 0.6, 0.75, 0.9)},
        _desaturation,
    ),
    Corruption("greyscale", "light", "No colours at all; of one severity.", {"loss": (1.0,)}, _greyscale),
    Corruption(
        "hue_turn",
        "light",
        "Every hue turned one way round the circle of colours; in degrees.",
        {"degrees": (12.0, 30.0, 60.0, 105.0, 170.0)},
        _hue_turn,
    ),
)
