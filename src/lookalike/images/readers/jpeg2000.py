"""Read JPEG 2000."""

from __future__ import annotations

from functools import partial
from typing import BinaryIO, Final

from lookalike.images.pixels.levels import Declared
from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.opened import Opened, opened_samples
from lookalike.images.readers.pillow import open_with_pillow, pillow_image

_START: Final = b"\xff\x4f\xff\x51"
"""The markers that begin a codestream: SOC and SIZ."""
_HEAD_BYTES: Final = 1 << 20
_8_BITS: Final = 8
_16_BITS: Final = 16


def open_jpeg2000(file: BinaryIO) -> Opened:
    """Open a JPEG 2000 file or codestream."""
    precisions, signed = _components(file)
    file.seek(0)
    if max(precisions, default=0) <= _8_BITS and not signed:
        return open_with_pillow(file, "JPEG2000")
    header = pillow_image(file, "JPEG2000")
    bits = max(precisions)
    return opened_samples(header.size, partial(_read, file, bits if bits != _16_BITS else None))


def _components(file: BinaryIO) -> tuple[list[int], bool]:
    """The bits of each component, and whether any is signed, by the marker SIZ (ISO/IEC 15444-1, A.5.1)."""
    head = file.read(_HEAD_BYTES)
    start = head.find(_START)
    if start < 0:
        return [], False
    count = int.from_bytes(head[start + 40 : start + 42], "big")
    depths = head[start + 42 : start + 42 + 3 * count : 3]
    return [(depth & 0x7F) + 1 for depth in depths], any(depth & 0x80 for depth in depths)


def _read(file: BinaryIO, bits: int | None) -> Samples:
    import imagecodecs

    file.seek(0)
    return Samples.of(imagecodecs.jpeg2k_decode(file.read()), Declared(bits=bits))
