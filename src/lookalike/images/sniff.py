"""Detect an image's format from its first bytes."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO, Final

from PIL import (
    AvifImagePlugin,  # noqa: F401  each of these imports registers one format with Pillow
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
# The HEIF brands that libheif decodes: HEVC images, HEVC sequences, and the generic mif1 and msf1.
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def content_format(file: BinaryIO) -> str | None:
    """The format of an open file, one of ``FORMATS``, detected from its first bytes; None if there is no match."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head[4:8] == b"ftyp":
        return _iso_format(head)
    for name in FORMATS:
        _, accept = Image.OPEN.get(name, (None, None))
        if accept is not None and accept(head) is True:
            return name
    return None


def _iso_format(head: bytes) -> str | None:
    """AVIF or HEIF, detected from the compatible brands of an ISO media file; None if neither.

    The major brand is not enough: it is often mif1, which both formats use.
    """
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    _register_heif()
    return "HEIF" if brands & _HEIF_BRANDS else None


@cache
def _register_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
