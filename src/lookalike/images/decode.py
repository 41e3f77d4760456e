"""Open pictures: upright, in RGB, within a pixel cap."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from PIL import Image

from lookalike.errors import PictureError
from lookalike.images.files import SkipKind, named, open_file, refusal
from lookalike.images.formats import FORMATS
from lookalike.images.rgb import reduced_rgb, to_rgb
from lookalike.images.sniff import content_format

DEFAULT_PIXEL_CAP: Final = 200_000_000
"""Pictures of more pixels than this are skipped unless the user says otherwise."""

# Above this many pixels a picture is decoded alone, so that several threads can't hold several giants at once.
_LARGE = 40_000_000
_one_giant = threading.Lock()

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
        pixels = to_rgb(image) if factor < 2 else reduced_rgb(image, factor)  # noqa: PLR2004  nothing to reduce
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
