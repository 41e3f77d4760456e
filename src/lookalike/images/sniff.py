"""Tell a picture's format from its first bytes."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO, Final

from PIL import (
    AvifImagePlugin,  # noqa: F401  each of these imports teaches Pillow one format
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from lookalike.images.formats import FORMATS

_HEAD_BYTES: Final = 128
# Those of the HEIF brands that libheif decodes: HEVC, single or in sequences, and the common one, mif1.
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def content_format(file: BinaryIO) -> str | None:
    """The format that the first bytes of an open file promise, one of ``FORMATS``; None if none."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for name in FORMATS:
        _, accept = Image.OPEN.get(name, (None, None))
        if accept is not None and accept(head) is True:
            return name
    return None


def _of_brands(head: bytes) -> str | None:
    """AVIF or HEIF, by the brands that a file of the ISO family says it is compatible with; None if neither.

    The major brand alone often is the one that both have in common (mif1).
    """
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    _learn_heif()
    return "HEIF" if brands & _HEIF_BRANDS else None


@cache
def _learn_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
