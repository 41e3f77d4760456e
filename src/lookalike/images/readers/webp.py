"""Read WebP: its size from its header, because Pillow takes the memory for all pixels as soon as it opens one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, Final, NamedTuple

from PIL import Image

from lookalike.images.readers.opened import Decoding, Opened
from lookalike.images.readers.pillow import exif_orientation, exif_shot, open_with_pillow

_HEADER_BYTES: Final = 12
_LONGEST_EXIF: Final = 1 << 20
_VP8_START: Final = b"\x9d\x01\x2a"


class _Chunk(NamedTuple):
    """A chunk of a RIFF file: its ``name``, where its data begins, and how many bytes that has."""

    name: bytes
    start: int
    size: int


def open_webp(file: BinaryIO) -> Opened:
    """Open a WebP (RFC 9649). What its header doesn't tell, Pillow does."""
    chunks = list(_chunks(file))
    size = next((size for chunk in chunks if (size := _size(file, chunk)) is not None), None)
    exif = _exif(file, chunks)
    orientation = exif_orientation(exif)
    file.seek(0)
    if size is None:
        return open_with_pillow(file, "WEBP")
    return Opened(size, partial(_decode, file), orientation, orientation != 1, shot=exif_shot(exif))


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    position = _HEADER_BYTES
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004  a name and a size
            return
        size = int.from_bytes(head[4:], "little")
        yield _Chunk(head[:4], position + 8, size)
        position += 8 + size + size % 2


def _size(file: BinaryIO, chunk: _Chunk) -> tuple[int, int] | None:
    """The size (width, height) that a chunk states: of the canvas, or of the image if that is all there is."""
    file.seek(chunk.start)
    data = file.read(min(chunk.size, 10))
    if chunk.name == b"VP8X" and len(data) == 10:  # noqa: PLR2004  24-bit numbers, one less than the size
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if chunk.name == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:  # noqa: PLR2004  14 bits each, after a signature
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk.name == b"VP8 " and data[3:6] == _VP8_START and len(data) == 10:  # noqa: PLR2004
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return None


def _exif(file: BinaryIO, chunks: list[_Chunk]) -> Image.Image:
    """An image that has the EXIF of the file, if there is any."""
    image = Image.new("L", (1, 1))
    chunk = next((chunk for chunk in chunks if chunk.name == b"EXIF"), None)
    if chunk is not None:
        file.seek(chunk.start)
        image.info["exif"] = file.read(min(chunk.size, _LONGEST_EXIF))
    return image


def _decode(file: BinaryIO, decoding: Decoding) -> Image.Image:
    file.seek(0)
    return open_with_pillow(file, "WEBP").decode(decoding)
