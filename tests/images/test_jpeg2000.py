"""JPEG 2000: every sound file looks like its plain twin, or is unsupported by name."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lookalike import ImageError
from lookalike.images.files import SkipKind
from odd_files import box, opened, photo, rgb


def codestream(values: NDArray[np.uint8], *, colour_transform: bool = True) -> bytes:
    """Values (height, width, bands), lossless."""
    return bytes(imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", mct=colour_transform))


def in_tiles(values: NDArray[np.uint8]) -> bytes:
    """Values (height, width) or (height, width, 3), lossless, in tiles of 64 x 64 pixels."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG2000", no_jp2=True, tile_size=(64, 64))
    return file.getvalue()


def jp2(stream: bytes, colour: int | bytes, *boxes: bytes, bands: int = 3) -> bytes:
    """A JP2 file of a codestream in the colour space of this number or ICC profile, with more boxes in its header."""
    colr = b"\1\0\0" + struct.pack(">I", colour) if isinstance(colour, int) else b"\2\0\0" + colour
    height, width = rgb().shape[:2]
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, bands, 7, 7, 0, 0))
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 ", bytes(4), b"jp2 ")
        + box(b"jp2h", header, box(b"colr", colr), *boxes)
        + box(b"jp2c", stream)
    )


def palette_boxes(colours: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """The boxes of a palette (256, 3)."""
    pclr = box(b"pclr", struct.pack(">HB", len(colours), 3), b"\7\7\7", colours.tobytes())
    return pclr, box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, band) for band in range(3)))


def in_palette(*, tiles: bool) -> tuple[bytes, NDArray[np.uint8]]:
    """A file with a palette, and its twin."""
    image = photo().quantize(256)
    colours = np.asarray(image.getpalette(), np.uint8).reshape(-1, 3)
    content = jp2((in_tiles if tiles else codestream)(np.asarray(image)), 16, *palette_boxes(colours), bands=1)
    return content, colours[np.asarray(image)]


def in_other_order(colour: int, values: NDArray[np.uint8]) -> bytes:
    """The bands of ``values`` backwards, with the box that says so."""
    order = b"".join(struct.pack(">HHH", band, 0, 3 - band) for band in range(3))
    stream = codestream(values[..., ::-1], colour_transform=False)
    return jp2(stream, colour, box(b"cdef", struct.pack(">H", 3), order))


def sycc() -> NDArray[np.uint8]:
    """The photo in YCbCr."""
    return np.asarray(photo().convert("YCbCr"))


def cmyk() -> NDArray[np.uint8]:
    """The photo in CMYK."""
    return np.asarray(photo().convert("CMYK"))


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SOUND = {
    "plain": (codestream(rgb()), rgb()),
    "tiles": (jp2(in_tiles(rgb()), 16), rgb()),
    "sRGB profile": (jp2(codestream(rgb()), SRGB), rgb()),
    "empty profile": (jp2(codestream(rgb()), b"\0"), rgb()),
    "palette": in_palette(tiles=False),
    "palette in tiles": in_palette(tiles=True),
    "backwards": (in_other_order(16, rgb()), rgb()),
    "sYCC": (jp2(codestream(sycc(), colour_transform=False), 18), rgb()),
    "sYCC backwards": (in_other_order(18, sycc()), rgb()),
    "CMYK": (jp2(codestream(cmyk(), colour_transform=False), 12, bands=4), rgb()),
}


@pytest.mark.parametrize("name", SOUND)
def test_layouts_and_colours(name: str):
    """Palettes, orders of bands and colour spaces are applied."""
    content, twin = SOUND[name]
    difference = np.abs(np.asarray(opened(content).pixels).astype(np.int16) - twin)
    assert difference.mean() < 1
    assert difference.max() <= 3


def test_transparency_is_laid_over_white():
    """The fourth band of RGB is alpha."""
    values = np.dstack([rgb(), np.zeros_like(rgb()[..., 0])])
    values[100:, :, 3] = 255
    pixels = np.asarray(opened(jp2(codestream(values), 16, bands=4)).pixels)
    assert (pixels[:100] == 255).all()
    assert (pixels[100:] == rgb()[100:]).all()


def with_steps(stream: bytes, band: int, step: int) -> bytes:
    """The codestream with the horizontal step of a band changed in its header."""
    place = stream.find(b"\xff\x51") + 2 + 38 + 3 * band + 1
    return stream[:place] + bytes([step]) + stream[place + 1 :]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (jp2(codestream(rgb()), 14), "in the colour space CIELab"),
        (jp2(codestream(rgb()), 24), "in the colour space e-sYCC"),
        (jp2(codestream(rgb()), 99), "in the colour space number 99"),
        (jp2(codestream(rgb()), SRGB[:16] + b"Lab " + SRGB[20:]), "in the colour space Lab"),
        (codestream(np.dstack([rgb(), rgb()])), "with 6 bands"),
        (with_steps(codestream(rgb()), 1, 2), "with subsampled bands"),
    ],
)
def test_what_no_decoder_reads_is_unsupported(content: bytes, named: str):
    """It is told by name, and never shown in wrong colours."""
    with pytest.raises(ImageError, match=rf"unsupported \(JPEG 2000 {named}\)") as caught:
        opened(content)
    assert caught.value.kind == SkipKind.UNSUPPORTED


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", ["plain", "tiles", "palette"])
def test_truncation_is_damage(name: str, share: float):
    """However much is there."""
    content = SOUND[name][0]
    with pytest.raises(ImageError) as caught:
        opened(content[: int(len(content) * share)])
    assert caught.value.kind == SkipKind.DAMAGED


def test_an_image_without_pixels_is_damaged():
    """A size of zero or less can't be compared with the limit."""
    stream = bytearray(codestream(rgb()))
    place = stream.find(b"\xff\x51") + 6
    stream[place : place + 4] = bytes(4)
    with pytest.raises(ImageError, match="a size of zero"):
        opened(bytes(stream))
