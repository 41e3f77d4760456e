"""From an upright picture to the network's input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawing import draw, saved
from lookalike.encoders.preprocess import least_side, prepare
from lookalike.encoders.spec import Preprocessing
from lookalike.images.decode import Picture, as_picture, open_picture

LITE = Preprocessing(297, 260, "bicubic", (127.0,) * 3, (128.0,) * 3)
CLIP = Preprocessing(224, 224, "bicubic", (0.0,) * 3, (1.0,) * 3)
SMALL = Preprocessing(37, 32, "bilinear", (0.0,) * 3, (1.0,) * 3)

SIDES = st.integers(1, 700)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture in which every pixel differs from its neighbours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def plainly(picture: Image.Image, how: Preprocessing) -> np.ndarray:
    """What torchvision's Resize and CenterCrop do, written down anew: the longer side truncated, the crop rounded."""
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    width, height = picture.size
    if width <= height:
        new = (how.resize, int(how.resize * height / width))
    else:
        new = (int(how.resize * width / height), how.resize)
    left, top = round((new[0] - how.crop) / 2.0), round((new[1] - how.crop) / 2.0)
    resized = np.asarray(picture.resize(new, filters[how.resample]))
    return resized[top : top + how.crop, left : left + how.crop]


@given(SIDES, SIDES, st.sampled_from([LITE, CLIP, SMALL]))
@settings(max_examples=60)
def test_whole_pictures_are_resized_and_cropped_bit_for_bit(width: int, height: int, how: Preprocessing):
    """The input is what Pillow's resize and a crop give, in every bit, for every size but the very long and narrow."""
    picture = noise(width, height, seed=width)
    prepared = prepare(as_picture(picture), how)
    assert prepared.shape == (how.crop, how.crop, 3)
    assert prepared.dtype == np.uint8
    if max(width, height) / min(width, height) <= 12:
        assert np.array_equal(prepared, plainly(picture, how))


@given(st.integers(1, 6), st.integers(1, 1000), st.booleans())
@settings(max_examples=40)
def test_long_and_narrow_pictures_differ_by_rounding_alone(short: int, long: int, upright: bool):
    """Of a picture so narrow that only its middle is resized, each level is within 2 of the plain way's."""
    picture = noise(*((short, long) if upright else (long, short)), seed=long)
    prepared = prepare(as_picture(picture), SMALL)
    assert prepared.shape == (32, 32, 3)
    assert np.abs(prepared.astype(int) - plainly(picture, SMALL)).max() <= 2


@pytest.mark.parametrize("size", [(1, 1), (1, 65000), (65000, 1), (2, 64001)])
@pytest.mark.parametrize("how", [LITE, CLIP])
def test_the_longest_pictures_are_prepared_in_little_memory(size: tuple[int, int], how: Preprocessing):
    """A line of pixels is prepared without making the whole of it as wide as the input."""
    assert prepare(as_picture(noise(*size)), how).shape == (how.crop, how.crop, 3)


@given(st.integers(600, 2400), st.integers(600, 2400))
@settings(max_examples=15)
def test_pictures_decoded_at_a_fraction_look_the_same(width: int, height: int):
    """A photograph decoded at a fraction gives levels close to those of the whole, with the same geometry."""
    file = saved(draw(width, (width, height)), "JPEG", quality=95)
    reduced = open_picture(file, least_side=least_side(LITE))
    file.seek(0)
    whole = open_picture(file)
    difference = np.abs(prepare(reduced, LITE).astype(int) - prepare(whole, LITE))
    assert difference.max() <= 4
    assert difference.mean() < 0.6


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([2, 4, 8]), st.sampled_from([LITE, CLIP, SMALL]))
@settings(max_examples=60)
def test_any_size_of_a_fraction_can_be_prepared(width: int, height: int, factor: int, how: Preprocessing):
    """Whatever a picture's size and the fraction it was decoded at, the part that is resized lies inside it."""
    pixels = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    assert prepare(Picture(pixels, (width, height)), how).shape == (how.crop, how.crop, 3)
