"""Open pictures: upright, in RGB, within a pixel cap."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, Final

import numpy as np
from PIL import (
    AvifImagePlugin,  # noqa: F401  each of these imports teaches Pillow one format
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageCms,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from lookalike.errors import PictureError
from lookalike.picture_files import FORMATS, SkipKind, named, open_file, refusal

DEFAULT_PIXEL_CAP: Final = 200_000_000
"""Pictures of more pixels than this are skipped unless the user says otherwise."""

# Above this many pixels a picture is decoded alone, so that several threads can't hold several giants at once.
_LARGE = 40_000_000
_one_giant = threading.Lock()
# So many pixels of a giant are converted at a time.
_STRIP_PIXELS: Final = 4_000_000

_HEAD_BYTES: Final = 128
# Those of the HEIF brands that libheif decodes: HEVC, single or in sequences, and the common one, mif1.
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each EXIF orientation but the first asks for."""
_SIDEWAYS = (5, 6, 7, 8)
"""Those in which width and height change places."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture.

    ``pixels`` is upright and RGB; it may be smaller than the picture itself, whose upright size is ``size``
    (width, height), where a JPEG was decoded at a fraction of its size.
    """

    pixels: Image.Image
    size: tuple[int, int]


def open_picture(
    source: str | os.PathLike[str] | BinaryIO, *, least_side: int | None = None, pixel_cap: int = DEFAULT_PIXEL_CAP
) -> Picture:
    """Decode a picture upright (EXIF orientation), as RGB (alpha over white), first frame only.

    ``source`` is a path or a file open for reading. With ``least_side``, a JPEG may be decoded at 1/2, 1/4 or 1/8 of
    its size as long as its shorter side keeps that many pixels. The format is told from the content, not the name.
    Raises :class:`PictureError`; a picture above ``pixel_cap`` pixels is refused before it is decoded.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            with open_file(source) as file:
                return open_picture(file, least_side=least_side, pixel_cap=pixel_cap)
        except PictureError as error:
            raise named(error, source) from error
    try:
        return _decode(source, least_side, pixel_cap)
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything (struct.error, SyntaxError, zlib.error) on damage
        raise _damaged(error) from error


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a picture is: its upright ``size`` (width, height); ``turned`` where EXIF asks for another way up."""

    size: tuple[int, int]
    turned: bool


def picture_extent(source: str | os.PathLike[str]) -> Extent:
    """How large a picture file is, from its head alone; raises :class:`PictureError`, but not for a damaged body."""
    try:
        with open_file(source) as file:
            return _extent(file)
    except PictureError as error:
        raise named(error, source) from error
    except Exception as error:  # as in open_picture
        raise named(_damaged(error), source) from error


def as_picture(image: Image.Image) -> Picture:
    """Make a picture of an image that is already in memory: upright by its own EXIF tag, RGB.

    Raises :class:`PictureError` where it has no pixels, or its file turns out to be damaged.
    """
    if 0 in image.size:
        raise refusal(SkipKind.NOT_A_PICTURE, f"not a picture: it is {image.width} x {image.height} pixels")
    try:
        upright = _upright(to_rgb(image), _orientation(image))
    except (MemoryError, PictureError):
        raise
    except Exception as error:  # as in open_picture: the image may be read from its file only now
        raise _damaged(error) from error
    return Picture(upright, upright.size)


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


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit RGB: alpha over white, 16 bits scaled, CMYK through its own colour profile if any."""
    return _as_rgb(image, _levels(image))


def _as_rgb(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    """The same of a picture, or of a part of one whose wide grey ``levels`` are known."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image, levels).convert("RGB")
    if image.mode in ("CMYK", "LAB"):
        return _through_profile(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _reduced_rgb(image: Image.Image, factor: int) -> Image.Image:
    """A giant as RGB, shrunk by a whole ``factor``, strip by strip: copies of all of it would take gigabytes."""
    levels, top = _levels(image), 0
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for strip in _strips(image, factor):
        part = _as_rgb(strip, levels).reduce(factor)
        small.paste(part, (0, top))
        top += part.height
    return small


def _decode(file: BinaryIO, least_side: int | None, pixel_cap: int) -> Picture:
    name = content_format(file)
    if name is None:
        raise _no_picture(file)
    # The factory is called directly because Image.open has a pixel limit of its own, one for the whole process.
    factory: Callable[[BinaryIO, str], Any] = Image.OPEN[name][0]
    image = factory(file, "")
    width, height = image.size
    if width * height > pixel_cap:
        raise refusal(
            SkipKind.TOO_LARGE,
            f"{width} x {height} pixels are {width * height / 1e6:.0f} megapixels; the limit is {pixel_cap / 1e6:g}",
        )
    if least_side is not None:
        short = min(width, height)
        image.draft(None, (-(-width * least_side // short), -(-height * least_side // short)))
    drafted = image.size != (width, height)
    giant = image.width * image.height > _LARGE
    with _one_giant if giant else contextlib.nullcontext():
        image.load()
        factor = min(image.size) // least_side if giant and least_side is not None else 1
        pixels = to_rgb(image) if factor < 2 else _reduced_rgb(image, factor)  # noqa: PLR2004  nothing to reduce
    # Asked after loading, since some decoders (TIFF) turn pictures themselves, and then report orientation 1.
    turned, size = _orientation(image), (width, height) if drafted else image.size
    return Picture(_upright(pixels, turned), size[::-1] if turned in _SIDEWAYS else size)


def _extent(file: BinaryIO) -> Extent:
    name = content_format(file)
    if name is None:
        raise _no_picture(file)
    image = Image.OPEN[name][0](file, "")
    orientation = _orientation(image)
    width, height = image.size
    # Pillow tells a TIFF's size upright already.
    sideways = orientation in _SIDEWAYS and name != "TIFF"
    return Extent((height, width) if sideways else (width, height), orientation in _UPRIGHT)


def _damaged(error: Exception) -> PictureError:
    if isinstance(error, Image.DecompressionBombError):  # Pillow's own limit, for what it learns while it decodes
        return refusal(SkipKind.TOO_LARGE, "too many pixels in one of its frames")
    return refusal(SkipKind.DAMAGED, f"truncated or damaged ({str(error) or type(error).__name__})")


def _no_picture(file: BinaryIO) -> PictureError:
    head = file.read(512)
    if not head:
        return refusal(SkipKind.EMPTY, "empty: it has no bytes at all")
    text = all(byte >= 32 or byte in b"\t\n\f\r" for byte in head)  # noqa: PLR2004  32 is the space, the first printable
    what = "it is a text" if text else "its content is none of " + ", ".join(FORMATS)
    return refusal(SkipKind.NOT_A_PICTURE, f"not a picture: {what}")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none, or EXIF is too damaged to be read."""
    with contextlib.suppress(Exception):
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    # ImageOps.exif_transpose also writes the remaining EXIF anew, and fails where that is damaged.
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)


def _levels(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white in wide grey: the range of 16 bits, else 0 to 1, else the extremes."""
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if not image.mode.startswith(("I", "F")):
        return 0.0, 255.0
    low, high = np.inf, -np.inf
    for strip in _strips(image):
        levels = np.asarray(strip)
        numbers = levels[np.isfinite(levels)]
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
    if image.mode == "I" and low >= 0 and high <= 65535:  # noqa: PLR2004  the range of 16 bits
        return 0.0, 65535.0
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low <= high else (0.0, 0.0)


def _strips(image: Image.Image, step: int = 1) -> Iterator[Image.Image]:
    """``image`` in strips of its whole width, from the top, each but the last of a multiple of ``step`` rows."""
    rows = step * max(1, _STRIP_PIXELS // (image.width * step))
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _eight_bits(image: Image.Image, levels: tuple[float, float]) -> Image.Image:
    """Wide grey levels as 8 bits, from black to white."""
    low, high = levels
    wide = np.asarray(image).astype(np.float32)
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = np.nan_to_num(wide, nan=low, posinf=high, neginf=low) * scale + (0.5 - low * scale)
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _through_profile(image: Image.Image) -> Image.Image:
    """CMYK or LAB to sRGB, by the embedded colour profile where there is a usable one."""
    srgb = ImageCms.createProfile("sRGB")
    try:
        source: Any = (
            ImageCms.createProfile("LAB")
            if image.mode == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        )
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (KeyError, ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return converted if converted is not None else image.convert("RGB")


@cache
def _learn_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener()
