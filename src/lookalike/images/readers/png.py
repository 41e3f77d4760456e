"""Read PNG: 16-bit samples, and pixels behind chunks that Pillow refuses."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final

from PIL import Image

from lookalike.images.pixels.levels import Declared
from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.opened import Decoding, Opened, opened_samples
from lookalike.images.readers.pillow import exif_orientation, exif_shot, open_with_pillow, pillow_image

_SIGNATURE_BYTES: Final = 8
_STILL_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PIXEL_CHUNKS: Final = _STILL_CHUNKS | {b"acTL", b"fcTL", b"fdAT"}
_USEFUL_CHUNKS: Final = frozenset({b"tRNS", b"iCCP", b"eXIf", b"sBIT"})
"""Chunks that are kept if they are sound. All others say nothing about the pixels' colours or orientation."""
_LARGEST_USEFUL_CHUNK: Final = 16 << 20
_16_BITS: Final = 16
_BIT_DEPTH: Final = 8
"""The place of the bit depth in the header."""


def open_png(file: BinaryIO) -> Opened:
    """Open a PNG. Chunks other than those of the pixels never make it fail."""
    try:
        header = pillow_image(file, "PNG")
    except Exception:  # noqa: BLE001  Pillow raises ValueError and SyntaxError, for chunks of any kind
        file = without_metadata(file)
        header = pillow_image(file, "PNG")
    file.seek(_SIGNATURE_BYTES)
    _, _, fields = next(_chunks(file))
    _check_pixels(file)
    if fields[_BIT_DEPTH] != _16_BITS:
        file.seek(0)
        opened = open_with_pillow(file, "PNG")
        return replace(opened, decode=partial(_decode, opened, file))
    read = partial(_read_16_bits, file, header.info.get("icc_profile"))
    return opened_samples(header.size, read, exif_orientation(header), exif_shot(header))


def _decode(opened: Opened, file: BinaryIO, decoding: Decoding) -> Image.Image:
    """Decode with Pillow, without the animation if that is broken."""
    try:
        return opened.decode(decoding)
    except Exception:
        still = without_metadata(file, _STILL_CHUNKS)
        if not any(kind == b"acTL" for kind in _kinds(file)):
            raise
        return open_with_pillow(still, "PNG").decode(decoding)


def _kinds(file: BinaryIO) -> Iterator[bytes]:
    file.seek(_SIGNATURE_BYTES)
    return (kind for kind, _, _ in _chunks(file))


def _check_pixels(file: BinaryIO) -> None:
    """Raise ``ValueError`` if the checksum of a chunk with pixels is wrong; Pillow doesn't look at these."""
    for kind, _, body in _chunks(file):
        if kind == b"IDAT" and zlib.crc32(kind + body[:-4]) != int.from_bytes(body[-4:], "big"):
            raise ValueError("wrong checksum of pixels")


def without_metadata(file: BinaryIO, pixel_chunks: frozenset[bytes] = _PIXEL_CHUNKS) -> BinaryIO:
    """A PNG with the chunks of the pixels, and the useful ones that are sound."""
    file.seek(0)
    kept = [file.read(_SIGNATURE_BYTES)]
    for kind, head, body in _chunks(file):
        if kind in pixel_chunks or (kind in _USEFUL_CHUNKS and _is_sound(kind, body)):
            kept += [head, body]
    return io.BytesIO(b"".join(kept))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The kind, the head (length and kind) and the body (data and checksum) of each chunk that matters."""
    while len(head := file.read(8)) == 8:  # noqa: PLR2004  the length and the kind
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind in _PIXEL_CHUNKS or (kind in _USEFUL_CHUNKS and length <= _LARGEST_USEFUL_CHUNK):
            yield kind, head, file.read(length + 4)
        else:
            file.seek(length + 4, io.SEEK_CUR)
        if kind == b"IEND":
            return


def _is_sound(kind: bytes, body: bytes) -> bool:
    data, checksum = body[:-4], body[-4:]
    if zlib.crc32(kind + data) != int.from_bytes(checksum, "big"):
        return False
    return kind != b"iCCP" or _inflates(data.partition(b"\0")[2][1:])


def _inflates(data: bytes) -> bool:
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(data, _LARGEST_USEFUL_CHUNK)
    except zlib.error:
        return False
    return inflater.eof


def _read_16_bits(file: BinaryIO, profile: bytes | None) -> Samples:
    import imagecodecs

    # Pillow keeps the higher byte of each sample, so that most of the levels are lost where not all bits are used.
    content = without_metadata(file).read()
    samples = Samples.of(imagecodecs.png_decode(content), profile=profile)
    return replace(samples, declared=Declared(bits=_significant_bits(content, samples.colours)))


def _significant_bits(content: bytes, colours: int) -> int | None:
    """The significant bits of the colours by the chunk sBIT; None if there is none."""
    file = io.BytesIO(content)
    file.seek(_SIGNATURE_BYTES)
    for kind, _, body in _chunks(file):
        if kind == b"sBIT":
            bits = max(body[:colours], default=0)
            return bits if 0 < bits < _16_BITS else None
    return None
