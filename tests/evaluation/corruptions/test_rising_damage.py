"""Damage rises with severity, measured as the mean absolute difference from the clean pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption, of_family, standardise
from lookalike.images.decode import open_picture

SOURCES = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
SIDE = 96
PROMISED = [*of_family("noise"), *of_family("blur"), *of_family("light")]
OTHERS = [corruption for corruption in CORRUPTIONS.values() if corruption.rises and corruption not in PROMISED]


def mean_differences(corruption: Corruption, pictures: list[Image.Image]) -> list[float]:
    """The mean absolute difference from the clean pictures at each severity, in levels."""
    means = []
    for severity in corruption.severities:
        differences = []
        for number, picture in enumerate(pictures):
            generator = corruption.generator(str(number), seed=0)
            context = Context(donor=pictures[number - 1])
            result = np.asarray(corruption.apply(picture, severity, generator, context), np.int16)
            differences.append(np.abs(result - np.asarray(picture)).mean())
        means.append(float(np.mean(differences)))
    return means


@pytest.fixture(scope="module")
def crops(photographs: Path) -> list[Image.Image]:
    """200 square pieces, a third of the shorter side or more, of photographs that scikit-image carries."""
    opened = [open_picture(photographs / name).pixels for name in SOURCES]
    rng = np.random.default_rng(4)
    pieces = []
    for number in range(200):
        picture = opened[number % len(opened)]
        side = round(min(picture.size) * rng.uniform(0.33, 1))
        left, top = rng.integers(picture.width - side + 1), rng.integers(picture.height - side + 1)
        pieces.append(standardise(picture.crop((left, top, left + side, top + side)), SIDE))
    return pieces


@pytest.mark.parametrize("corruption", PROMISED, ids=lambda corruption: corruption.name)
def test_noise_blur_and_light_do_more_damage_at_each_severity(corruption: Corruption, crops: list[Image.Image]):
    """Over 200 pieces of photographs, the mean absolute difference from them rises strictly with severity."""
    assert corruption.rises
    means = mean_differences(corruption, crops)
    assert (np.diff(means) > 0).all(), means


@pytest.mark.parametrize("corruption", OTHERS, ids=lambda corruption: corruption.name)
def test_what_is_said_to_rise_does(corruption: Corruption, crops: list[Image.Image]):
    """The same for all others that promise it, over fewer pieces."""
    means = mean_differences(corruption, crops[:24])
    assert (np.diff(means) > 0).all(), means


@pytest.fixture(scope="module")
def labelled(labelled_photographs: Path) -> list[Image.Image]:
    """200 photographs of rails, trains, cats and dogs, from all classes."""
    paths = sorted(labelled_photographs.glob("*/*/*.jpg"))
    return [standardise(open_picture(path, least_side=SIDE).pixels, SIDE) for path in paths[:: len(paths) // 200][:200]]


@pytest.mark.labelled
@pytest.mark.parametrize("corruption", PROMISED, ids=lambda corruption: corruption.name)
def test_damage_rises_over_labelled_photographs(corruption: Corruption, labelled: list[Image.Image]):
    """The same over 200 photographs of rails, trains, cats and dogs, uncropped."""
    means = mean_differences(corruption, labelled)
    assert (np.diff(means) > 0).all(), means
