"""Exposure, contrast and colour: changes of light that are the same all over the image."""

from __future__ import annotations

from math import cos, radians, sin, sqrt
from typing import Final

import numpy as np
from PIL import Image

from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.pixels import Pixels, image_from_levels, image_from_light, to_grey

_SODIUM: Final = np.array([1.0, 0.52, 0.06], np.float32)
"""The light of a sodium lamp (589 nm) as recorded by an sRGB camera set to daylight, brightest channel 1."""


def _brightness(case: Case) -> Image.Image:
    return image_from_light(case.light() * np.float32(2.0 ** case["stops"]))


def _darkness(case: Case) -> Image.Image:
    return image_from_light(case.light() * np.float32(2.0 ** -case["stops"]))


def _contrast(case: Case) -> Image.Image:
    levels = case.levels()
    mean = np.float32(to_grey(levels).mean())
    return image_from_levels(mean + (levels - mean) * np.float32(1 - case["loss"]))


def _sodium(case: Case) -> Image.Image:
    light, share = case.light(), np.float32(case["share"])
    # Light of a single wavelength shows no colours, only brightness in the colour of the lamp.
    grey = light[..., 0] * np.float32(0.5) + light[..., 1] * np.float32(0.5)
    return image_from_light(light * (1 - share) + share * grey[..., np.newaxis] * _SODIUM)


def _scale_chroma(levels: Pixels, gain: float) -> Image.Image:
    grey = to_grey(levels)[..., np.newaxis]
    return image_from_levels(grey + (levels - grey) * np.float32(gain))


def _saturation(case: Case) -> Image.Image:
    return _scale_chroma(case.levels(), case["gain"])


def _desaturation(case: Case) -> Image.Image:
    return _scale_chroma(case.levels(), 1 - case["loss"])


def _greyscale(case: Case) -> Image.Image:
    return _scale_chroma(case.levels(), 0)


def _hue_turn(case: Case) -> Image.Image:
    angle = radians(case["degrees"]) * case.rng.choice((-1, 1))
    # Rodrigues' rotation about the grey axis, as the weights of a channel itself and of the two others.
    own = cos(angle) + (1 - cos(angle)) / 3
    before, after = ((1 - cos(angle)) / 3 + sign * sin(angle) / sqrt(3) for sign in (-1, 1))
    levels = case.levels()
    turned = np.float32(own) * levels
    turned += np.float32(before) * np.roll(levels, -1, axis=-1) + np.float32(after) * np.roll(levels, 1, axis=-1)
    return image_from_levels(turned)


TONE: Final = (
    Corruption(
        "brightness", "light", "Overexposure with clipping; stops.", {"stops": (0.3, 0.7, 1.2, 1.8, 2.6)}, _brightness
    ),
    Corruption("darkness", "light", "Underexposure; stops.", {"stops": (0.4, 1.0, 2.0, 3.2, 4.8)}, _darkness),
    Corruption(
        "contrast",
        "light",
        "Lower contrast about the mean grey; share of contrast lost.",
        {"loss": (0.25, 0.45, 0.65, 0.8, 0.92)},
        _contrast,
    ),
    Corruption(
        "sodium_cast",
        "light",
        "Light of sodium lamps, which leaves a single hue; share of their light.",
        {"share": (0.2, 0.4, 0.6, 0.8, 1.0)},
        _sodium,
    ),
    Corruption(
        "saturation",
        "light",
        "Oversaturated colours; gain of each channel's difference from grey.",
        {"gain": (1.3, 1.7, 2.3, 3.2, 5.0)},
        _saturation,
    ),
    Corruption(
        "desaturation",
        "light",
        "Faded colours; share lost of each channel's difference from grey.",
        {"loss": (0.2, 0.4, 0.6, 0.75, 0.9)},
        _desaturation,
    ),
    Corruption("greyscale", "light", "Greyscale; a single severity.", {"loss": (1.0,)}, _greyscale),
    Corruption(
        "hue_turn",
        "light",
        "Hue rotation in either direction; degrees.",
        {"degrees": (12.0, 30.0, 60.0, 105.0, 170.0)},
        _hue_turn,
    ),
)
