"""Read JPEG XL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final

from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.boxed.boxes import read_box
from lookalike.images.readers.opened import Opened, opened_samples

_CODESTREAM: Final = b"\xff\x0a"
_CODESTREAM_BOXES: Final = {b"jxlc": 0, b"jxlp": 4}
"""The boxes that hold the codestream, with the bytes before it in the box."""
_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width by height for each code of the header."""
_LENGTHS: Final = (9, 13, 18, 30)
"""The number of bits of a side for each of the four size classes."""


def open_jpegxl(file: BinaryIO) -> Opened:
    """Open a JPEG XL file or codestream. The decoder turns it upright by itself."""
    width, height = _size(_codestream_head(file))
    return opened_samples((width, height), partial(_read, file))


def _codestream_head(file: BinaryIO) -> bytes:
    """The first bytes of the codestream, at least those with the size."""
    head = file.read(32)
    if head.startswith(_CODESTREAM):
        return head
    found = read_box(file, _CODESTREAM_BOXES, 32 + max(_CODESTREAM_BOXES.values()))
    if found is None:
        raise ValueError("no codestream")
    kind, content = found
    return content[_CODESTREAM_BOXES[kind] :]


def _size(codestream: bytes) -> tuple[int, int]:
    """The width and height in a codestream's SizeHeader (ISO/IEC 18181-1, D.2)."""
    if not codestream.startswith(_CODESTREAM):
        raise ValueError("no codestream")
    bits = _bits(codestream[len(_CODESTREAM) :])
    small = _take(bits, 1)
    height = _side(bits, small=bool(small))
    ratio = _take(bits, 3)
    if ratio:
        numerator, denominator = _RATIOS[ratio]
        return height * numerator // denominator, height
    return _side(bits, small=bool(small)), height


def _side(bits: Iterator[int], *, small: bool) -> int:
    if small:
        return 8 * (_take(bits, 5) + 1)
    return _take(bits, _LENGTHS[_take(bits, 2)]) + 1


def _bits(data: bytes) -> Iterator[int]:
    return (byte >> position & 1 for byte in data for position in range(8))


def _take(bits: Iterator[int], count: int) -> int:
    """The next ``count`` bits, the lowest first."""
    return sum(next(bits) << position for position in range(count))


def _read(file: BinaryIO) -> Samples:
    import imagecodecs

    file.seek(0)
    return Samples.of(imagecodecs.jpegxl_decode(file.read(), index=0))
