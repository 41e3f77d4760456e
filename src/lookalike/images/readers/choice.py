"""Choose the reader of a format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Final

from lookalike.images.readers.boxed.heif import open_avif, open_heif
from lookalike.images.readers.boxed.jpeg2000 import open_jpeg2000
from lookalike.images.readers.boxed.jpegxl import open_jpegxl
from lookalike.images.readers.ico import open_ico
from lookalike.images.readers.jpeg import open_jpeg
from lookalike.images.readers.netpbm import open_netpbm
from lookalike.images.readers.opened import Opened
from lookalike.images.readers.pillow import open_bmp, open_with_pillow
from lookalike.images.readers.png import open_png
from lookalike.images.readers.raw import open_raw
from lookalike.images.readers.tiff import open_tiff
from lookalike.images.readers.webp import open_webp

_READERS: Final[dict[str, Callable[[BinaryIO], Opened]]] = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "BMP": open_bmp,
    "TIFF": open_tiff,
    "WEBP": open_webp,
    "ICO": open_ico,
    "HEIF": open_heif,
    "AVIF": open_avif,
    "JPEG2000": open_jpeg2000,
    "JPEGXL": open_jpegxl,
    "PPM": open_netpbm,
    "RAW": open_raw,
}


def open_content(file: BinaryIO, name: str) -> Opened:
    """Read the header of ``file``, an image of the format ``name``, which is one of ``FORMATS`` or RAW.

    Raises what the libraries raise on damage, or an :class:`~lookalike.errors.ImageError` of the kind *unsupported*.
    """
    return _READERS.get(name, partial(open_with_pillow, name=name))(file)
