"""Read JPEG: through Pillow, and with more than 8 bits or lossless through libraries made for them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import Image

from lookalike.images.pixels.levels import Declared
from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.opened import Decoding, Opened, opened_samples, unsupported_error
from lookalike.images.readers.pillow import open_with_pillow, opened_with_pillow, pillow_image
from lookalike.images.sniff import JPEG_PADDING, LONGEST_PADDING

_8_BITS: Final = 8
_16_BITS: Final = 16
_START_OF_IMAGE: Final = b"\xff\xd8"
_ADOBE: Final = 0xEE
"""The application segment (APP14) that says how colours are stored."""
START_OF_SCAN: Final = 0xDA
_ADOBE_BYTES: Final = 16
"""The least length of that segment with its marker."""
_MOST_SCANS: Final = 200
"""Encoders write about 10. Each one is decoded over the whole image, so a small file could keep a decoder for hours."""
_METADATA: Final = frozenset({*range(0xE0, 0xF0), 0xFE}) - {_ADOBE}
"""The other application segments (APP0 to APP15), and comments."""
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_LOSSLESS: Final = 0xC3
_JPEG_LS: Final = 0xF7
PROGRESSIVE: Final = frozenset({0xC2, 0xCA})


class Frame(NamedTuple):
    """The frame header of a JPEG (ISO/IEC 10918-1, B.2.2): its marker, the bits of a sample, and the size."""

    marker: int
    bits: int
    width: int
    height: int

    @property
    def is_progressive(self) -> bool:
        """Whether the image is stored in several scans of growing detail."""
        return self.marker in PROGRESSIVE


class Segment(NamedTuple):
    """A marker segment: its ``marker``, where it starts (at the marker) and where it ends."""

    marker: int
    start: int
    end: int


def open_jpeg(file: BinaryIO) -> Opened:
    """Open a JPEG. Bytes before it, and metadata that Pillow can't read, never make it fail."""
    file = without_padding(file)
    try:
        image = pillow_image(file, "JPEG")
    except Exception:
        file.seek(0)
        content = file.read()
        frame = read_frame(content)
        if frame is None:
            raise
        if frame.bits == _8_BITS and frame.marker not in (_LOSSLESS, _JPEG_LS):
            return open_with_pillow(io.BytesIO(without_metadata(content)), "JPEG")
        return opened_samples((frame.width, frame.height), partial(_read_deep, content, frame))
    opened = opened_with_pillow(image, "JPEG")
    if not image.info.get("progressive"):
        return opened
    return replace(opened, decode=partial(_decode_scans, file, opened.decode))


def _decode_scans(file: BinaryIO, decode: Callable[[Decoding], Image.Image], decoding: Decoding) -> Image.Image:
    """Decode a progressive JPEG, unless it has so many scans that it would take minutes."""
    file.seek(0)
    scans = file.read().count(bytes((0xFF, START_OF_SCAN)))  # which don't occur in the data of scans
    if scans > _MOST_SCANS:
        raise unsupported_error(f"JPEG with {scans:,} scans")
    return decode(decoding)


def without_padding(file: BinaryIO) -> BinaryIO:
    """The file from the start of the image; the file itself if nothing stands before it."""
    head = file.read(LONGEST_PADDING)
    start = len(head) - len(head.lstrip(JPEG_PADDING))
    file.seek(start)
    return io.BytesIO(file.read()) if start else file


def segments(content: bytes) -> Iterator[Segment]:
    """The marker segments of a JPEG up to its end or the first damage; the data of scans lie between them."""
    position = len(_START_OF_IMAGE)
    while (position := content.find(b"\xff", position)) >= 0 and position + 2 <= len(content):
        marker = content[position + 1]
        if marker == 0xFF:  # noqa: PLR2004  fill bytes before a marker
            position += 1
        elif marker == 0 or marker in _WITHOUT_LENGTH:  # 0: the byte FF within a scan
            if marker == 0xD9:  # noqa: PLR2004  the end of the image
                yield Segment(marker, position, position + 2)
                return
            position += 2
        else:
            end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
            yield Segment(marker, position, end)
            position = end


def read_frame(content: bytes) -> Frame | None:
    """The header of the first frame; None if there is none."""
    for segment in segments(content):
        if segment.marker in _FRAMES:
            data = content[segment.start + 4 : segment.start + 9]
            height, width = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
            return Frame(segment.marker, data[0], width, height) if len(data) == 5 else None  # noqa: PLR2004
    return None


def without_metadata(content: bytes) -> bytes:
    """The JPEG without application segments and comments, except the one that says how colours are stored."""
    kept, position = [], 0
    for segment in segments(content):
        if segment.marker == START_OF_SCAN:
            break
        if segment.marker in _METADATA or (segment.marker == _ADOBE and segment.end - segment.start < _ADOBE_BYTES):
            kept.append(content[position : segment.start])
            position = segment.end
    return b"".join([*kept, content[position:]])


def _read_deep(content: bytes, frame: Frame) -> Samples:
    import imagecodecs

    try:
        decode = imagecodecs.jpegls_decode if frame.marker == _JPEG_LS else imagecodecs.jpeg_decode
        values: Any = decode(content)
    except Exception as error:
        # No other decoder is here that could tell whether such a rare file is damaged.
        raise unsupported_error(f"{frame.bits}-bit {_name(frame)}: {error}") from error
    values = values.reshape(*values.shape[:2], -1)
    bits = frame.bits if frame.bits != _16_BITS else None
    return Samples(values, 3 if values.shape[2] >= 3 else 1, declared=Declared(bits=bits))  # noqa: PLR2004  RGB


def _name(frame: Frame) -> str:
    return {_LOSSLESS: "lossless JPEG", _JPEG_LS: "JPEG-LS"}.get(frame.marker, "JPEG")
