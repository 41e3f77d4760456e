"""Noise of the sensor and its amplifier."""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import soft_noise
from lookalike.evaluation.corruptions.pixels import Pixels, light_of, picture_of_levels, picture_of_light

_CHANCES = 4096


def _gaussian(case: Case) -> Image.Image:
    noise = case.rng.standard_normal((*case.shape, 3), np.float32)
    return picture_of_levels(case.levels() + np.float32(case["sigma"]) * noise)


@cache
def _quantiles(photons: float) -> NDArray[np.float32]:
    """Poisson counts by level and by chance, float32 (256, 4096), as light: where white means so many ``photons``.

    Numpy's own draws take another number of random numbers at every mean, so they couldn't be the same at every
    severity. These look up one chance in 4,096 a pixel; a picture has no more than 256 means.
    """
    means = light_of(Image.fromarray(np.arange(256, dtype=np.uint8))).ravel().astype(np.float64) * photons
    counts = np.arange(int(photons + 6 * sqrt(photons)) + 12)
    log_factorials = np.cumsum(np.log(np.maximum(counts, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts > 0, counts * np.log(means[:, np.newaxis]), 0) - means[:, np.newaxis] - log_factorials
    reached = np.cumsum(np.exp(logs), axis=1)
    chances = (np.arange(_CHANCES) + 0.5) / _CHANCES
    return np.stack([np.searchsorted(row, chances) for row in reached]).astype(np.float32) / np.float32(photons)


def _counted(case: Case, photons: float) -> Pixels:
    """The picture's light, (rows, columns, 3), as counted in photons, of which white gives so many."""
    chances = case.rng.integers(0, _CHANCES, (*case.shape, 3), np.uint16)
    levels = np.asarray(case.image).astype(np.int32)
    return np.asarray(np.take(_quantiles(photons), levels * _CHANCES + chances))


def _shot(case: Case) -> Image.Image:
    return picture_of_light(_counted(case, case["noise_at_white"] ** -2))


def _impulse(case: Case) -> Image.Image:
    chance = case.rng.random(case.shape, np.float32)
    damaged = np.array(case.image)
    damaged[chance < case["share"] / 2] = 0
    damaged[chance > 1 - case["share"] / 2] = 255
    return Image.fromarray(damaged)


def _night_gain(case: Case) -> Image.Image:
    """Little light, much gain: few photons, read noise, blotches of colour, rows that differ, cells that glow."""
    gain = np.float32(2.0 ** case["stops"])
    # White fills a well of 12,000 electrons at gain 1. It is dark, after all: not even the gain makes day of it.
    dusk, well = np.float32(2.0 ** (-0.12 * case["stops"])), np.float32(12000) / gain
    light = _counted(case, float(well * dusk)) * dusk
    read = case.rng.standard_normal((*case.shape, 3), np.float32)
    row_noise = case.rng.standard_normal((case.shape[0], 1, 1), np.float32)
    glowing = case.rng.random(case.shape, np.float32)
    blotches = np.stack([soft_noise(case.rng, case.shape, case.side * 0.012) for _ in range(3)], axis=-1)
    # The amplifier's own noise of 2.5 electrons is multiplied by the gain.
    light += (np.float32(2.5) * read + np.float32(1.2) * row_noise + np.float32(2.0) * blotches) / well
    light[glowing > 1 - 2e-5 * gain] += np.float32(0.6)
    return picture_of_light(light * np.array([1.04, 0.98, 1.0], np.float32))


NOISE: Final = (
    Corruption(
        "gaussian_noise",
        "noise",
        "Normal noise on every channel of every pixel; sigma in shares of the range of levels.",
        {"sigma": (0.03, 0.07, 0.12, 0.19, 0.3)},
        _gaussian,
    ),
    Corruption(
        "shot_noise",
        "noise",
        "Noise of counted photons; noise_at_white is its share of the light where the picture is white.",
        {"noise_at_white": (0.05, 0.1, 0.18, 0.3, 0.5)},
        _shot,
    ),
    Corruption(
        "impulse_noise",
        "noise",
        "Dead pixels, half of them black and half white; share of all pixels.",
        {"share": (0.005, 0.02, 0.05, 0.12, 0.25)},
        _impulse,
    ),
    Corruption(
        "night_gain",
        "noise",
        "Taken in the dark and amplified: grain, blotches of colour, streaky rows, glowing pixels; gain in stops.",
        {"stops": (3.0, 5.0, 6.5, 7.5, 8.5)},
        _night_gain,
    ),
)
