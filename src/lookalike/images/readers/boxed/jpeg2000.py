"""Read JPEG 2000 (ISO/IEC 15444-1 and 15444-2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from lookalike.images.pixels.levels import Declared
from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.boxed.boxes import read_boxes
from lookalike.images.readers.opened import Opened, opened_samples, unsupported_error

_START: Final = b"\xff\x4f\xff\x51"
"""The markers that begin a codestream: SOC and SIZ."""
_HEAD_BYTES: Final = 1 << 20
_MOST_BANDS: Final = 4
_8_BITS: Final = 8
_16_BITS: Final = 16

_BY_NUMBER: Final = 1
"""The method of a ``colr`` box that names its colour space by a number; the others hold an ICC profile."""
_SPACES: Final = {12: "CMYK", 14: "CIELab", 16: "sRGB", 17: "grey", 18: "sYCC", 19: "CIEJab", 24: "e-sYCC"}
"""Colour spaces by the number that a ``colr`` box gives them."""
_CMYK: Final = "CMYK"
_SYCC: Final = "sYCC"
_READ: Final = frozenset({"sRGB", "grey", "RGB", "GRAY", _CMYK, _SYCC})
"""The colour spaces that can be read, by their names above and those in ICC profiles."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What a file says of itself: ``size`` is (width, height); ``bits`` is None if its values come from a palette."""

    size: tuple[int, int]
    bands: int
    bits: int | None
    subsampled: bool
    space: str | None


def open_jpeg2000(file: BinaryIO) -> Opened:
    """Open a JPEG 2000 file or codestream.

    imagecodecs applies palettes, converts sYCC to RGB and brings the bands into order, which Pillow doesn't always.
    """
    header = _read_header(file)
    if header.space is not None and header.space not in _READ:
        raise unsupported_error(f"JPEG 2000 in the colour space {header.space}")
    if header.bands > _MOST_BANDS:
        raise unsupported_error(f"JPEG 2000 with {header.bands} bands")
    if header.subsampled and header.space != _SYCC:
        raise unsupported_error("JPEG 2000 with subsampled bands")
    return opened_samples(header.size, partial(_read, file, header))


def _read_header(file: BinaryIO) -> _Header:
    """The marker SIZ (15444-1, A.5.1), and in the box ``jp2h`` the colour space and whether there is a palette."""
    head = file.read(_HEAD_BYTES)
    start = head.index(_START)
    right, bottom, left, top = struct.unpack_from(">4I", head, start + 8)
    (bands,) = struct.unpack_from(">H", head, start + 40)
    depths, *steps = (head[start + 42 + part : start + 42 + 3 * bands : 3] for part in range(3))
    if right <= left or bottom <= top or not depths:
        raise ValueError("a size of zero")
    header = next((content for kind, content in read_boxes(head[:start]) if kind == b"jp2h"), b"")
    boxes = list(read_boxes(header))
    spaces = [_space(content) for kind, content in boxes if kind == b"colr"]
    return _Header(
        (right - left, bottom - top),
        bands,
        None if any(kind == b"pclr" for kind, _ in boxes) else _bits(depths),
        any(step > 1 for step in b"".join(steps)),
        next(filter(None, spaces), None),
    )


def _space(colr: bytes) -> str | None:
    """The colour space that a ``colr`` box names; None if it is empty."""
    if colr[:1] == bytes([_BY_NUMBER]):
        number = int.from_bytes(colr[3:7], "big")
        return _SPACES.get(number, f"number {number}")
    return colr[19:23].decode("latin-1").strip() or None  # at byte 16 of an ICC profile


def _bits(depths: bytes) -> int | None:
    """The largest number of bits; None if it only tells the size of a sample."""
    bits = max((depth & 0x7F) + 1 for depth in depths)
    return None if bits in (_8_BITS, _16_BITS) else bits


def _read(file: BinaryIO, header: _Header) -> Samples:
    import imagecodecs

    file.seek(0)
    values = imagecodecs.jpeg2k_decode(file.read())
    declared = Declared(bits=header.bits)
    return Samples(values, 4, declared=declared) if header.space == _CMYK else Samples.of(values, declared)
