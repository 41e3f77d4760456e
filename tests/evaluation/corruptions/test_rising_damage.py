"""The mean absolute difference from the clean images rises with severity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption, corruptions_of_family, standardise
from lookalike.images.decode import open_image

pytestmark = pytest.mark.slow

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
PHOTOMETRIC = [*corruptions_of_family("noise"), *corruptions_of_family("blur"), *corruptions_of_family("light")]
OTHERS = [corruption for corruption in CORRUPTIONS.values() if corruption.monotonic and corruption not in PHOTOMETRIC]


def mean_differences(corruption: Corruption, images: list[Image.Image]) -> list[float]:
    """The mean absolute difference from the clean images at each severity, in levels."""
    means = []
    for severity in corruption.severities:
        differences = []
        for number, image in enumerate(images):
            generator = corruption.generator(str(number), seed=0)
            context = Context(donor=images[number - 1])
            result = np.asarray(corruption.apply(image, severity, generator, context), np.int16)
            differences.append(np.abs(result - np.asarray(image)).mean())
        means.append(float(np.mean(differences)))
    return means


@pytest.fixture(scope="module")
def crops(photographs: Path) -> list[Image.Image]:
    """200 square crops, at least a third of the shorter side, of the photos in scikit-image."""
    opened = [open_image(photographs / name).pixels for name in SOURCES]
    rng = np.random.default_rng(4)
    crops = []
    for number in range(200):
        image = opened[number % len(opened)]
        side = round(min(image.size) * rng.uniform(0.33, 1))
        left, top = rng.integers(image.width - side + 1), rng.integers(image.height - side + 1)
        crops.append(standardise(image.crop((left, top, left + side, top + side)), SIDE))
    return crops


@pytest.mark.parametrize("corruption", PHOTOMETRIC, ids=lambda corruption: corruption.name)
def test_noise_blur_and_light_change_more_at_each_severity(corruption: Corruption, crops: list[Image.Image]):
    """Over 200 crops, the mean absolute difference rises strictly with severity."""
    assert corruption.monotonic
    means = mean_differences(corruption, crops)
    assert (np.diff(means) > 0).all(), means


@pytest.mark.parametrize("corruption", OTHERS, ids=lambda corruption: corruption.name)
def test_other_monotonic_corruptions_change_more_at_each_severity(corruption: Corruption, crops: list[Image.Image]):
    """The same holds for all others declared monotonic, over fewer crops."""
    means = mean_differences(corruption, crops[:24])
    assert (np.diff(means) > 0).all(), means


@pytest.fixture(scope="module")
def labelled(labelled_photographs: Path) -> list[Image.Image]:
    """200 photos of rails, trains, cats and dogs, from all classes."""
    paths = sorted(labelled_photographs.glob("*/*/*.jpg"))
    return [standardise(open_image(path, min_side=SIDE).pixels, SIDE) for path in paths[:: len(paths) // 200][:200]]


@pytest.mark.labelled
@pytest.mark.parametrize("corruption", PHOTOMETRIC, ids=lambda corruption: corruption.name)
def test_difference_rises_over_labelled_photos(corruption: Corruption, labelled: list[Image.Image]):
    """The same holds over 200 uncropped photos of rails, trains, cats and dogs."""
    means = mean_differences(corruption, labelled)
    assert (np.diff(means) > 0).all(), means
