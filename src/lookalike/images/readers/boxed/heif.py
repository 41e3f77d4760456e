"""Read HEIF and AVIF through Pillow."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO, Final

from lookalike.images.files import SkipKind, image_error
from lookalike.images.readers.boxed.iso_media import read_items
from lookalike.images.readers.opened import Opened, unsupported_error
from lookalike.images.readers.pillow import open_with_pillow

_CODECS: Final = {
    "unci": "uncompressed",
    "j2k1": "JPEG 2000",
    "jpeg": "JPEG",
    "avc1": "H.264",
    "vvc1": "H.266",
    "evc1": "EVC",
    "av01": "AV1 without AVIF's brand",
    "mski": "a mask",
}
_AVIF_SIDE: Final = 16384
"""libavif reads no image with more pixels than a square of this side."""


def open_heif(file: BinaryIO) -> Opened:
    """Open a HEIF image with libheif, which here decodes HEVC only."""
    brand = file.read(12)[8:]
    others = sorted(read_items(file).codecs - {"hvc1"})
    if others:
        raise unsupported_error(f"HEIF: {', '.join(_CODECS.get(codec, codec) for codec in others)}")
    if brand == b"mif3":
        raise unsupported_error("HEIF with a minimized header")
    _register()
    try:
        return open_with_pillow(file, "HEIF")
    except (RuntimeError, ValueError, SyntaxError) as error:
        if "nsupported" in str(error):
            raise unsupported_error(f"HEIF: {error}") from error
        raise


def open_avif(file: BinaryIO) -> Opened:
    """Open an AVIF image with libavif."""
    try:
        return open_with_pillow(file, "AVIF")
    except (ValueError, SyntaxError) as error:
        width, height = read_items(file).size
        if width * height > _AVIF_SIDE**2:
            raise image_error(
                SkipKind.TOO_LARGE, f"{width} x {height} pixels is above the limit of the AVIF decoder"
            ) from error
        raise


@cache
def _register() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
