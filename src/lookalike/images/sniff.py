"""Detect an image's format from its first bytes."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error
from lookalike.images.formats import FORMATS, RAW_EXTENSIONS

_HEAD_BYTES: Final = 256
JPEG_PADDING: Final = b"\0\t\n\r \xef\xbb\xbf"
"""Bytes that a broken transfer puts before a JPEG: NUL, white space and the byte order mark."""
LONGEST_PADDING: Final = 64
"""The largest number of such bytes."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"MM*\0", "TIFF"),  # written by some programs, and read by Pillow
    (b"II\0*", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEGXL"),
    (b"\xff\x0a", "JPEGXL"),
    (b"\0\0\1\0", "ICO"),
    (b"IIRO", "RAW"),  # Olympus
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),  # Panasonic
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"FOVb", "RAW"),  # Sigma
    (b"\0MRM", "RAW"),  # Minolta
)
# HEIF's brands: HEVC images and sequences, other codecs, the generic mif1 and msf1, and mif3 with a minimized header.
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"unci", b"j2ki", b"jpeg", b"avci", b"vvic", b"evbi"}
    | {b"mif1", b"mif2", b"mif3", b"msf1", b"miaf"}
)
_DIB_HEADERS: Final = tuple(size.to_bytes(4, "little") for size in (40, 52, 56, 108, 124))
_DIB_DEPTHS: Final = tuple(depth.to_bytes(2, "little") for depth in (1, 4, 8, 16, 24, 32))
_OS2_KINDS: Final = (b"BM", b"CI", b"IC", b"CP", b"PT")
"""OS/2's bitmap, colour icon, icon, colour pointer and pointer."""
_OS2_HEADERS: Final = tuple(size.to_bytes(4, "little") for size in (12, 40, 64))
_TGA_IMAGE_TYPES: Final = (1, 2, 3, 9, 10, 11)
_TGA_DEPTHS: Final = (1, 8, 15, 16, 24, 32)


def content_format(file: BinaryIO, path: str | os.PathLike[str] = "") -> str | None:
    """The format of an open file, one of ``FORMATS`` or RAW, detected from its first bytes; None if there is no match.

    The extension of ``path`` is used only to tell a RAW file that begins like a TIFF. The file is left at its start.
    """
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head[4:8] == b"ftyp":
        return _iso_format(head)
    name = _by_signature(head)
    return "RAW" if name == "TIFF" and _is_raw(head, path) else name


def not_an_image_error(file: BinaryIO) -> ImageError:
    """The error for an open file that :func:`content_format` doesn't know; the file is left anywhere."""
    head = file.read(_HEAD_BYTES)
    if not head:
        return image_error(SkipKind.EMPTY, "empty file")
    text = all(byte >= 32 or byte in b"\t\n\f\r" for byte in head)  # noqa: PLR2004  32 is the space, the first printable
    what = "text file" if text else f"unknown format; supported: {', '.join(FORMATS)}"
    return image_error(SkipKind.NOT_AN_IMAGE, f"not an image ({what})")


def _by_signature(head: bytes) -> str | None:
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return next((name for matches, name in _HEADERS if matches(head)), None)


def _is_padded_jpeg(head: bytes) -> bool:
    return head[: LONGEST_PADDING + 3].lstrip(JPEG_PADDING).startswith(b"\xff\xd8\xff")


def _is_bare_bmp(head: bytes) -> bool:
    """Whether the first bytes are a BMP's second header, without the first one (a DIB, as from a clipboard)."""
    return head[:4] in _DIB_HEADERS and head[12:14] == b"\1\0" and head[14:16] in _DIB_DEPTHS


def _is_os2_bitmap(head: bytes) -> bool:
    """Whether the first bytes are those of an array of OS/2 bitmaps, or of an OS/2 icon, which begins like a BMP."""
    if head[:2] == b"BA":
        return head[14:16] in _OS2_KINDS
    return head[:2] in _OS2_KINDS and head[14:18] in _OS2_HEADERS


def _iso_format(head: bytes) -> str | None:
    """AVIF, HEIF or RAW, detected from the compatible brands of an ISO media file; None if none of them.

    The major brand is not enough: it is often mif1, which AVIF and HEIF use.
    """
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if b"crx " in brands:
        return "RAW"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _is_raw(head: bytes, path: str | os.PathLike[str]) -> bool:
    """Whether what begins like a TIFF is a RAW file: by Canon's signature, or by its extension."""
    extension = os.path.splitext(path)[1].lower()  # noqa: PTH122  a str of many, not one Path
    return head[8:10] == b"CR" or extension in RAW_EXTENSIONS


def _is_netpbm(head: bytes) -> bool:
    if head[:1] != b"P" or len(head) < 3:  # noqa: PLR2004  P, a kind, and a space
        return False
    return head[1:2] in b"1234567Ff" and head[2:3] in b" \t\r\n#"


def _is_tga(head: bytes) -> bool:
    """Whether the first bytes are a TGA header. It has no signature, so all of its fields must be possible."""
    if len(head) < 18:  # noqa: PLR2004  the size of the header
        return False
    colormap, image_type, depth, descriptor = head[1], head[2], head[16], head[17]
    paletted = image_type in (1, 9)
    return (
        colormap == paletted
        and image_type in _TGA_IMAGE_TYPES
        and depth in _TGA_DEPTHS
        and (head[7] in (15, 16, 24, 32) if paletted else head[3:8] == bytes(5))
        and head[12:14] != b"\0\0"
        and head[14:16] != b"\0\0"
        and descriptor & 0xC0 == 0
    )


_HEADERS: Final = (
    (_is_netpbm, "PPM"),
    (_is_padded_jpeg, "JPEG"),
    (_is_bare_bmp, "BMP"),
    (_is_os2_bitmap, "BMP"),
    (_is_tga, "TGA"),
)
"""The formats that have no signature."""
