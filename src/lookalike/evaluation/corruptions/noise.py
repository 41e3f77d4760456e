"""Noise of the sensor and its amplifier."""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import smooth_noise
from lookalike.evaluation.corruptions.pixels import Pixels, image_from_levels, image_from_light, to_light

_QUANTILES = 4096


def _gaussian_noise(case: Case) -> Image.Image:
    noise = case.rng.standard_normal((*case.shape, 3), np.float32)
    return image_from_levels(case.levels() + np.float32(case["sigma"]) * noise)


@cache
def _poisson_quantiles(photons: float) -> NDArray[np.float32]:
    """Quantiles of the Poisson counts of every level, float32 (256, 4096), as light; white means ``photons`` photons.

    Numpy's Poisson sampler draws a count of random numbers that depends on the mean, so severities could not share
    their draws. A table is enough instead: an image has at most 256 means, and 4,096 quantiles give the noise.
    """
    means = to_light(Image.fromarray(np.arange(256, dtype=np.uint8))).ravel().astype(np.float64) * photons
    counts = np.arange(int(photons + 6 * sqrt(photons)) + 12)
    log_factorials = np.cumsum(np.log(np.maximum(counts, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts > 0, counts * np.log(means[:, np.newaxis]), 0) - means[:, np.newaxis] - log_factorials
    cumulative = np.cumsum(np.exp(logs), axis=1)
    probabilities = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    quantiles = np.stack([np.searchsorted(row, probabilities) for row in cumulative])
    return quantiles.astype(np.float32) / np.float32(photons)


def _photon_counts(case: Case, photons: float) -> Pixels:
    """The image's light (rows, columns, 3) with the noise of counting photons; white means ``photons`` photons."""
    quantiles = case.rng.integers(0, _QUANTILES, (*case.shape, 3), np.uint16)
    levels = np.asarray(case.image).astype(np.int32)
    return np.asarray(np.take(_poisson_quantiles(photons), levels * _QUANTILES + quantiles))


def _shot_noise(case: Case) -> Image.Image:
    return image_from_light(_photon_counts(case, case["noise_at_white"] ** -2))


def _impulse_noise(case: Case) -> Image.Image:
    chance = case.rng.random(case.shape, np.float32)
    pixels = np.array(case.image)
    pixels[chance < case["share"] / 2] = 0
    pixels[chance > 1 - case["share"] / 2] = 255
    return Image.fromarray(pixels)


def _night_gain(case: Case) -> Image.Image:
    """Little light and high gain: few photons, read noise, colour blotches, row noise and hot pixels."""
    gain = np.float32(2.0 ** case["stops"])
    # White fills a well of 12,000 electrons at gain 1. The gain does not make up for all of the missing light.
    dusk, well = np.float32(2.0 ** (-0.12 * case["stops"])), np.float32(12000) / gain
    light = _photon_counts(case, float(well * dusk)) * dusk
    read = case.rng.standard_normal((*case.shape, 3), np.float32)
    row_noise = case.rng.standard_normal((case.shape[0], 1, 1), np.float32)
    hot = case.rng.random(case.shape, np.float32)
    blotches = np.stack([smooth_noise(case.rng, case.shape, case.side * 0.012) for _ in range(3)], axis=-1)
    # The read noise of 2.5 electrons is amplified by the gain.
    light += (np.float32(2.5) * read + np.float32(1.2) * row_noise + np.float32(2.0) * blotches) / well
    light[hot > 1 - 2e-5 * gain] += np.float32(0.6)
    return image_from_light(light * np.array([1.04, 0.98, 1.0], np.float32))


NOISE: Final = (
    Corruption(
        "gaussian_noise",
        "noise",
        "Gaussian noise in every channel; standard deviation as a fraction of the level range.",
        {"sigma": (0.03, 0.07, 0.12, 0.19, 0.3)},
        _gaussian_noise,
    ),
    Corruption(
        "shot_noise",
        "noise",
        "Photon shot noise; noise-to-signal ratio at white.",
        {"noise_at_white": (0.05, 0.1, 0.18, 0.3, 0.5)},
        _shot_noise,
    ),
    Corruption(
        "impulse_noise",
        "noise",
        "Impulse noise: pixels set to black or white; share of pixels.",
        {"share": (0.005, 0.02, 0.05, 0.12, 0.25)},
        _impulse_noise,
    ),
    Corruption(
        "night_gain",
        "noise",
        "High-gain night image: grain, colour blotches, row noise and hot pixels; gain in stops.",
        {"stops": (3.0, 5.0, 6.5, 7.5, 8.5)},
        _night_gain,
    ),
)
