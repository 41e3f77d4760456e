"""Which sample values are black and white: the levels follow from the file."""

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.decode import ReadOptions
from lookalike.images.pixels.levels import Declared, Levels, find_levels
from odd_files import chunk, grey, opened, png_16, rgb, tiff

Scale = Callable[[NDArray[np.float64]], NDArray[Any]]

SCALES: dict[str, tuple[Scale, int]] = {
    "8 bits": (lambda g: g.astype(np.uint8), 0),
    "16 bits": (lambda g: (g * 257).astype(np.uint16), 0),
    "14 bits in 16": (lambda g: (g * 64.2).astype(np.uint16), 1),
    "12 bits in 16": (lambda g: (g * 16).astype(np.uint16), 1),
    "10 bits in 16": (lambda g: (g * 4).astype(np.uint16), 1),
    "8 bits in 16": (lambda g: g.astype(np.uint16), 0),
    "32 bits": (lambda g: (g * 2.0**24).astype(np.uint32), 1),
    "16 bits in 32": (lambda g: (g * 257).astype(np.uint32), 0),
    "12 bits in 32": (lambda g: (g * 16).astype(np.uint32), 1),
    "signed 8 bits": (lambda g: (g - 128).astype(np.int8), 0),
    "signed 16 bits": (lambda g: (g * 257 - 32768).astype(np.int16), 0),
    "signed 12 bits in 16": (lambda g: (g * 16 - 2048).astype(np.int16), 1),
    "signed, never negative": (lambda g: (g * 16).astype(np.int16), 1),
    "signed 32 bits": (lambda g: (g * 2.0**24 - 2.0**31).astype(np.int32), 1),
    "float from 0 to 1": (lambda g: (g / 255).astype(np.float32), 0),
    "half from 0 to 1": (lambda g: (g / 255).astype(np.float16), 0),
    "double from 0 to 1": (lambda g: g / 255, 0),
    "float from -1 to 1": (lambda g: (g / 127.5 - 1).astype(np.float32), 0),
    "float from 0 to 255": (lambda g: g.astype(np.float32), 0),
    "float of 12 bits": (lambda g: (g * 16).astype(np.float32), 1),
    "float from 0 to 3.7": (lambda g: (g / 255 * 3.7).astype(np.float32), 0),
    "float of any range": (lambda g: (g * 3.7 - 1234.5).astype(np.float32), 0),
    "float far from 0": (lambda g: (g * 0.1 + 273.15).astype(np.float32), 0),
}
"""How grey levels of 8 bits are stored, and the largest difference of the decoded ones."""


def decoded(content: bytes, levels: Levels | None = None) -> NDArray[np.int16]:
    """The grey levels of a file: int16 (height, width)."""
    pixels = np.asarray(opened(content, options=ReadOptions(levels=levels)).pixels)
    assert (pixels[..., 0] == pixels[..., 2]).all()
    return pixels[..., 0].astype(np.int16)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("name", SCALES)
def test_grey_tiffs_have_the_levels_of_their_twin(name: str, inverted: bool, order: str):
    """Whatever the depth, the sign and the byte order, and whether white is 0, an image looks like its 8-bit twin."""
    scale, tolerance = SCALES[name]
    values = scale((255 - grey() if inverted else grey()).astype(np.float64))
    content = tiff(values, byteorder=order, photometric="miniswhite" if inverted else "minisblack")
    assert np.abs(decoded(content) - grey()).max() <= tolerance + 1


@pytest.mark.parametrize("layout", [{}, {"tile": (64, 64)}, {"compression": "zlib", "predictor": True}])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("name", ["16 bits", "12 bits in 16", "32 bits", "float from 0 to 1", "signed 16 bits"])
def test_colours_have_the_levels_of_their_twin(name: str, planar: str, layout: dict[str, Any]):
    """The same holds for RGB, with bands side by side or apart, in strips or tiles, compressed or not."""
    scale, tolerance = SCALES[name]
    values = scale(rgb().astype(np.float64))
    values = np.moveaxis(values, 2, 0) if planar == "separate" else values
    content = tiff(values, photometric="rgb", planarconfig=planar, **layout)
    pixels = np.asarray(opened(content).pixels).astype(np.int16)
    assert np.abs(pixels - rgb()).max() <= tolerance + 1


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 6, 9, 10, 12, 14, 24])
def test_packed_samples_of_any_number_of_bits(bits: int, inverted: bool):
    """A TIFF whose samples are packed without gaps has the levels that its number of bits gives."""
    white = 2**bits - 1
    values = np.round(grey() / 255 * white).astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    stored = (white - values).astype(values.dtype) if inverted else values
    content = tiff(
        stored if bits > 1 else stored.astype(bool),
        bitspersample=bits,
        photometric="miniswhite" if inverted else "minisblack",
    )
    assert np.abs(decoded(content) - values / white * 255).max() <= 1


def test_a_largest_value_of_the_type_says_nothing():
    """MaxSampleValue of 65535 in 16 bits is written by programs that know nothing of the image."""
    values = grey().astype(np.uint16) * np.uint16(16)
    assert np.abs(decoded(tiff(values, extratags=[(281, 3, 1, 65535, True)])) - grey()).max() <= 1


@pytest.mark.parametrize("tag", ["none", "-3.4e38", "70000", "1.5"])
def test_markers_that_no_sample_can_have_are_ignored(tag: str):
    """A marker for missing data that doesn't fit the type of the samples marks nothing."""
    values = grey().astype(np.uint16) * np.uint16(16)
    assert np.abs(decoded(tiff(values, extratags=[(42113, 2, 0, tag, True)])) - grey()).max() <= 1


def test_a_colour_is_missing_only_if_all_its_bands_are():
    """A marker of 0 doesn't make dark colours transparent."""
    values = rgb().copy()
    values[:40] = 0
    content = tiff(values, photometric="rgb", extratags=[(42113, 2, 0, "0", True)])
    pixels = np.asarray(opened(content).pixels)
    assert (pixels[:40] == 255).all()
    partly = (values == 0).any(axis=2) & ~(values == 0).all(axis=2)
    assert partly.any()
    assert (pixels[partly] == values[partly]).all()


DEEP: dict[str, Callable[[NDArray[np.uint16]], bytes]] = {
    "PNG": png_16,
    "JPEG 2000": lambda values: imagecodecs.jpeg2k_encode(values, level=0),
    "JPEG XL": lambda values: imagecodecs.jpegxl_encode(values, lossless=True),
    "TIFF": lambda values: tiff(values, photometric="rgb"),
    "PPM": lambda values: b"P6 320 240 65535\n" + values.astype(">u2").tobytes(),
    "PAM": lambda values: (
        b"P7\nWIDTH 320\nHEIGHT 240\nDEPTH 3\nMAXVAL 65535\nTUPLTYPE RGB\nENDHDR\n" + values.astype(">u2").tobytes()
    ),
}


@pytest.mark.parametrize("form", DEEP)
@pytest.mark.parametrize("factor", [4, 16, 64, 257])
def test_deep_colours_in_every_format(form: str, factor: int):
    """10, 12, 14 and 16 bits in samples of 16 look alike in every format that has them."""
    content = DEEP[form](rgb().astype(np.uint16) * np.uint16(factor))
    pixels = np.asarray(opened(content).pixels).astype(np.int16)
    assert np.abs(pixels - rgb()).max() <= 2


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda values: png_16(values, chunk(b"sBIT", bytes([12]))), id="significant bits of a PNG"),
        pytest.param(lambda values: b"P5 320 240 4095\n" + values.astype(">u2").tobytes(), id="largest value of a PGM"),
        pytest.param(lambda values: tiff(values, extratags=[(281, 3, 1, 4095, True)]), id="largest value of a TIFF"),
        pytest.param(
            lambda values: imagecodecs.jpeg2k_encode(values, level=0, bitspersample=12), id="precision of a JPEG 2000"
        ),
        pytest.param(
            lambda values: imagecodecs.jpeg8_encode(values, bitspersample=12, lossless=True), id="precision of a JPEG"
        ),
    ],
)
def test_declared_levels_of_a_dark_image(content: Callable[[NDArray[np.uint16]], bytes]):
    """An image whose values would fit into fewer bits than the file declares stays as dark as it is."""
    dark = grey().astype(np.uint16) * np.uint16(3)  # at most 765 of 4095
    assert np.abs(decoded(content(dark)) - dark / 4095 * 255).max() <= 1


@pytest.mark.parametrize("tag", ["-9999", "-3.4028234663852886e+38", "nan", "0"])
def test_samples_without_data_are_white(tag: str):
    """Samples that a TIFF declares to hold no data are transparent, and don't change the levels of the others."""
    values = (grey().astype(np.float32) + 1) / 256
    values[:40] = np.float32(tag)
    pixels = decoded(tiff(values, extratags=[(42113, 2, 0, tag, True)]))
    assert (pixels[:40] == 255).all()
    assert np.abs(pixels[40:] - grey()[40:]).max() <= 2


@pytest.mark.parametrize("marker", [-9999.0, -32768.0, np.nan, np.inf, -np.inf, np.float32(-3.4028235e38)])
def test_customary_markers_hold_no_data(marker: float):
    """A marker for missing data is recognised although the file doesn't declare it, if it stands apart."""
    values = grey().astype(np.float32) * np.float32(2) - 100
    values[:40] = marker
    pixels = decoded(tiff(values))
    assert (pixels[:40] == 255).all()
    rest = grey()[40:].astype(np.float32)
    assert np.abs(pixels[40:] - (rest - rest.min()) / (rest.max() - rest.min()) * 255).max() <= 1


def test_levels_that_are_given_replace_those_of_deep_images_only():
    """With fixed levels, two exposures stay different; an image with 8 bits has no others."""
    values = grey().astype(np.uint16) * np.uint16(16)
    fixed = Levels(0, 4095)
    assert np.abs(decoded(tiff(values // 4), fixed) - grey() / 4).max() <= 1
    assert np.abs(decoded(tiff(values), fixed) - grey()).max() <= 1
    assert (decoded(tiff(grey()), fixed) == grey()).all()
    assert np.abs(decoded(tiff(values), Levels(4095, 0)) - (255 - grey().astype(np.int16))).max() <= 1


@pytest.mark.parametrize(
    ("text", "levels"),
    [("8", Levels(0, 255)), ("12", Levels(0, 4095)), ("-1000:3000", Levels(-1000, 3000)), ("1:0.5", Levels(1, 0.5))],
)
def test_levels_can_be_written(text: str, levels: Levels):
    """A number of bits, or black and white; the text form of levels is read back exactly."""
    assert Levels.parse(text) == levels
    assert Levels.parse(str(levels)) == levels


@pytest.mark.parametrize("text", ["", "7", "33", "a:b", "1:1", "nan:1", "0:inf", "12bit", "1:2:3"])
def test_levels_that_make_no_sense_are_rejected(text: str):
    """Too few or too many bits, no numbers, or a black that is white."""
    with pytest.raises(ValueError, match=r".*"):
        Levels.parse(text)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1), st.sampled_from([np.uint16, np.uint32]))
def test_unsigned_levels_cover_all_values(values: list[int], dtype: type):
    """Black is 0, and white the largest value of a number of bits, less than 16 times the image's largest value."""
    samples = np.array([value % (np.iinfo(dtype).max + 1) for value in values], dtype)
    levels = find_levels(samples, Declared())
    assert levels.black == 0
    assert samples.max() <= levels.white <= max(255, int(samples.max()) * 16)
    assert (int(levels.white) & (int(levels.white) + 1)) == 0


@given(st.lists(st.floats(-1e20, 1e20), min_size=1))
def test_float_levels_cover_all_values(values: list[float]):
    """Black and white enclose every value."""
    levels = find_levels(np.array(values), Declared())
    assert levels.black <= min(values)
    assert max(values) <= levels.white


def test_a_large_deep_image_is_reduced_in_strips():
    """An image of more than 40 megapixels is reduced while it is converted, with the levels of the whole."""
    values = np.zeros((6500, 6500), np.uint16)
    values[-1, -1], values[:, :3000] = 4000, 2000
    image = opened(tiff(values), min_side=500)
    assert image.size == (6500, 6500)
    assert image.pixels.size == (500, 500)
    assert image.pixels.getpixel((5, 5)) == (125, 125, 125)


def test_deep_grey_with_a_transparent_value():
    """The transparent value of a 16-bit grey PNG becomes white."""
    values = np.array([[1000, 4095], [2000, 0]], np.uint16)
    content = png_16(values, chunk(b"tRNS", (1000).to_bytes(2, "big")))
    assert decoded(content).tolist() == [[255, 255], [125, 0]]
    assert Image.open(io.BytesIO(content)).mode == "I;16"
