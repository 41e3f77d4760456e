"""Converting an upright image to the network's input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw, saved
from lookalike.encoders.preprocess import min_side, prepare
from lookalike.encoders.spec import Preprocessing
from lookalike.images.decode import DecodedImage, from_pillow, open_image

LITE = Preprocessing(297, 260, "bicubic", (127.0,) * 3, (128.0,) * 3)
CLIP = Preprocessing(224, 224, "bicubic", (0.0,) * 3, (1.0,) * 3)
SMALL = Preprocessing(37, 32, "bilinear", (0.0,) * 3, (1.0,) * 3)

SIDES = st.integers(1, 700)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """An image in which every pixel differs from its neighbours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def reference_pixels(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """An independent implementation of torchvision's Resize and CenterCrop."""
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    width, height = image.size
    if width <= height:
        new = (preprocessing.resize, int(preprocessing.resize * height / width))
    else:
        new = (int(preprocessing.resize * width / height), preprocessing.resize)
    left, top = round((new[0] - preprocessing.crop) / 2.0), round((new[1] - preprocessing.crop) / 2.0)
    resized = np.asarray(image.resize(new, filters[preprocessing.resample]))
    return resized[top : top + preprocessing.crop, left : left + preprocessing.crop]


@given(SIDES, SIDES, st.sampled_from([LITE, CLIP, SMALL]))
@settings(max_examples=60)
def test_images_are_resized_and_cropped_bit_for_bit(width: int, height: int, preprocessing: Preprocessing):
    """For all but very elongated images, the input equals Pillow's resize and crop bit for bit."""
    image = noise(width, height, seed=width)
    prepared = prepare(from_pillow(image), preprocessing)
    assert prepared.shape == (preprocessing.crop, preprocessing.crop, 3)
    assert prepared.dtype == np.uint8
    if max(width, height) / min(width, height) <= 12:
        assert np.array_equal(prepared, reference_pixels(image, preprocessing))


@given(st.integers(1, 6), st.integers(1, 1000), st.booleans())
@settings(max_examples=40)
def test_long_and_narrow_images_differ_by_rounding_alone(short: int, long: int, upright: bool):
    """For elongated images, of which only the crop is resized, every level is within 2 of the reference."""
    image = noise(*((short, long) if upright else (long, short)), seed=long)
    prepared = prepare(from_pillow(image), SMALL)
    assert prepared.shape == (32, 32, 3)
    assert np.abs(prepared.astype(int) - reference_pixels(image, SMALL)).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 65000), (65000, 1), (2, 64001)])
@pytest.mark.parametrize("preprocessing", [LITE, CLIP])
def test_the_longest_images_need_little_memory(size: tuple[int, int], preprocessing: Preprocessing):
    """A line of pixels is prepared without resizing all of it."""
    assert prepare(from_pillow(noise(*size)), preprocessing).shape == (preprocessing.crop, preprocessing.crop, 3)


@given(st.integers(600, 2400), st.integers(600, 2400))
@settings(max_examples=15)
def test_images_decoded_at_a_fraction_look_the_same(width: int, height: int):
    """An image decoded at a fraction has the same geometry and nearly the same levels as one decoded in full."""
    file = saved(draw(width, (width, height)), "JPEG", quality=95)
    reduced = open_image(file, min_side=min_side(LITE))
    file.seek(0)
    full = open_image(file)
    difference = np.abs(prepare(reduced, LITE).astype(int) - prepare(full, LITE))
    assert difference.max() <= 4
    assert difference.mean() < 0.6


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([2, 4, 8]), st.sampled_from([LITE, CLIP, SMALL]))
@settings(max_examples=60)
def test_any_size_of_a_fraction_can_be_prepared(width: int, height: int, factor: int, preprocessing: Preprocessing):
    """For every size and every decoding fraction, the resized part lies inside the image."""
    pixels = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    assert prepare(DecodedImage(pixels, (width, height)), preprocessing).shape == (
        preprocessing.crop,
        preprocessing.crop,
        3,
    )
