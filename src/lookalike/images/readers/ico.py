"""Read icons, which hold PNG files and bitmaps in several sizes."""

from __future__ import annotations

import struct
from functools import partial
from typing import BinaryIO, Final

from PIL import Image
from PIL.IcoImagePlugin import IcoFile

from lookalike.images.readers.opened import Decoding, Opened
from lookalike.images.readers.pillow import open_with_pillow

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES: Final = 24


def open_ico(file: BinaryIO) -> Opened:
    """Open an icon: the largest of its images.

    Its size is read from that image itself, because the list of images may have another one, and Pillow decodes it to
    tell.
    """
    largest = IcoFile(file).entry[0]
    file.seek(largest.offset)
    header = file.read(_HEADER_BYTES)
    if header.startswith(_PNG):
        size = struct.unpack(">II", header[16:24])
    else:
        width, height = struct.unpack("<ii", header[4:12])
        size = (width, abs(height) // 2)  # a mask follows the pixels
    return Opened(size, partial(_decode, file))


def _decode(file: BinaryIO, decoding: Decoding) -> Image.Image:
    file.seek(0)
    return open_with_pillow(file, "ICO").decode(decoding)
