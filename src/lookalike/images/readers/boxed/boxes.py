"""The boxes of ISO media, JPEG 2000 and JPEG XL: a size, four letters, and the content (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO

_HEADER = struct.Struct(">I4s")
_LARGE = struct.Struct(">Q")


def read_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The type and the content of each box in ``data``. Raises ``struct.error`` if the last header is cut off."""
    start = 0
    while start + _HEADER.size <= len(data):
        size, kind = _HEADER.unpack_from(data, start)
        header = _HEADER.size
        if size == 1:
            (size,) = _LARGE.unpack_from(data, start + header)
            header += _LARGE.size
        if size and size < header:
            return
        end = start + size if size else len(data)
        yield kind, data[start + header : end]
        start = end


def read_box(file: BinaryIO, kinds: Collection[bytes], limit: int) -> tuple[bytes, bytes] | None:
    """The type and up to ``limit`` bytes of the first top-level box of one of these ``kinds``; None if there is none.

    Other boxes are passed over without reading them. Raises ``struct.error`` if a header is cut off.
    """
    file.seek(0)
    while len(head := file.read(_HEADER.size)) == _HEADER.size:
        size, kind = _HEADER.unpack(head)
        header = _HEADER.size
        if size == 1:
            (size,) = _LARGE.unpack(file.read(_LARGE.size))
            header += _LARGE.size
        if kind in kinds:
            return kind, file.read(min(size - header, limit) if size else limit)
        if size < header:  # 0: it reaches to the end
            break
        file.seek(size - header, 1)
    return None
