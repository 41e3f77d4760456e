"""Read images with Pillow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final

from PIL import (
    AvifImagePlugin,  # noqa: F401  each of these imports registers one format with Pillow
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    IcoImagePlugin,  # noqa: F401
    Image,
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TgaImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from lookalike.images.readers.animation import telling_frame
from lookalike.images.readers.opened import Decoding, Opened, unsupported_error

_ORIENTATION_TAG: Final = 0x0112
_OPTIONAL_ALPHA: Final = ("BMP", "DIB", "TGA", "ICO")
"""Formats whose programs often leave the alpha channel at 0 everywhere."""


_ANIMATED: Final = ("GIF", "PNG", "WEBP", "AVIF")
"""Formats that may hold an animation."""


def pillow_image(file: BinaryIO, name: str) -> Image.Image:
    """Open ``file`` as the format ``name`` with Pillow; reads the header only."""
    # The factory is called directly because the pixel limit of Image.open is global to the process.
    factory: Callable[[BinaryIO, str], Any] = Image.OPEN[name][0]
    image: Image.Image = factory(file, "")
    return image


def open_bmp(file: BinaryIO) -> Opened:
    """Open a BMP, with or without its first header."""
    start = file.read(2)
    file.seek(0)
    if start.isalpha() and start != b"BM":
        raise unsupported_error("OS/2 icon or array of bitmaps")
    return open_with_pillow(file, "BMP" if start == b"BM" else "DIB")


def open_with_pillow(file: BinaryIO, name: str) -> Opened:
    """Open an image that Pillow decodes with the right levels."""
    return opened_with_pillow(pillow_image(file, name), name)


def opened_with_pillow(image: Image.Image, name: str) -> Opened:
    """An image of the format ``name`` whose header Pillow has read."""
    orientation = exif_orientation(image)
    # Pillow turns a TIFF itself, and reports its upright size.
    applied = name == "TIFF"
    return Opened(image.size, partial(_decode, image, name), 1 if applied else orientation, orientation != 1)


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or EXIF is unreadable."""
    with contextlib.suppress(Exception):  # Pillow raises almost anything on damaged EXIF
        orientation = int(image.getexif().get(_ORIENTATION_TAG, 1))
        return orientation if 1 <= orientation <= 8 else 1  # noqa: PLR2004  the orientations of EXIF
    return 1


def _decode(image: Image.Image, name: str, decoding: Decoding) -> Image.Image:
    width, height = image.size
    side = decoding.min_side
    if side is not None:
        short = min(width, height)
        image.draft(None, (-(-width * side // short), -(-height * side // short)))
    image.load()
    if name in _ANIMATED:
        image = telling_frame(image)
    if name in _OPTIONAL_ALPHA and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image
