"""Decode images: upright, in RGB, limited in size."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from PIL import Image

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error, open_file, with_path
from lookalike.images.formats import FORMATS
from lookalike.images.rgb import reduced_rgb, to_rgb
from lookalike.images.sniff import content_format

DEFAULT_PIXEL_CAP: Final = 200_000_000
"""By default, images with more pixels than this are skipped."""

# Images above this many pixels are decoded one at a time, so that several threads together don't exhaust the memory.
_LARGE = 40_000_000
_large_image_lock = threading.Lock()

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
"""The transposition that makes each EXIF orientation upright."""
_SIDEWAYS = (5, 6, 7, 8)
"""The orientations that swap width and height."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image.

    ``pixels`` is upright and RGB. ``size`` is the upright size (width, height) of the full image; ``pixels`` may be
    smaller, because a JPEG can be decoded at a fraction of its size.
    """

    pixels: Image.Image
    size: tuple[int, int]


def open_image(
    source: str | os.PathLike[str] | BinaryIO, *, min_side: int | None = None, pixel_cap: int = DEFAULT_PIXEL_CAP
) -> DecodedImage:
    """Decode the first frame of an image, upright (EXIF orientation) and as RGB (alpha over white).

    ``source`` is a path or a file open for reading. With ``min_side``, a JPEG may be decoded at 1/2, 1/4 or 1/8 of
    its size as long as its shorter side keeps that many pixels. The format is detected from the content, not from the
    name. Raises :class:`ImageError`; an image above ``pixel_cap`` pixels is rejected before it is decoded.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            with open_file(source) as file:
                return open_image(file, min_side=min_side, pixel_cap=pixel_cap)
        except ImageError as error:
            raise with_path(error, source) from error
    try:
        return _decode(source, min_side, pixel_cap)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders raise almost anything (struct.error, SyntaxError, zlib.error) on damage
        raise _damage_error(error) from error


@dataclass(frozen=True, slots=True)
class Extent:
    """An image's upright ``size`` (width, height), and whether its EXIF orientation ``turned`` it."""

    size: tuple[int, int]
    turned: bool


def image_extent(source: str | os.PathLike[str]) -> Extent:
    """Read an image's size from its header; raises :class:`ImageError`, but doesn't notice damaged pixels."""
    try:
        with open_file(source) as file:
            return _read_extent(file)
    except ImageError as error:
        raise with_path(error, source) from error
    except Exception as error:  # as in open_image
        raise with_path(_damage_error(error), source) from error


def from_pillow(image: Image.Image) -> DecodedImage:
    """Convert a Pillow image: upright by its EXIF tag, and RGB. The image itself is not changed.

    Raises :class:`ImageError` if it has no pixels or its file is damaged.
    """
    if 0 in image.size:
        raise image_error(SkipKind.NOT_AN_IMAGE, f"not an image ({image.width} x {image.height} pixels)")
    try:
        upright = _upright(to_rgb(image), _orientation(image))
    except (MemoryError, ImageError):
        raise
    except Exception as error:  # as in open_image: Pillow may read the file only now
        raise _damage_error(error) from error
    return DecodedImage(upright, upright.size)


def _decode(file: BinaryIO, min_side: int | None, pixel_cap: int) -> DecodedImage:
    name = content_format(file)
    if name is None:
        raise _not_an_image_error(file)
    # The factory is called directly because the pixel limit of Image.open is global to the process.
    factory: Callable[[BinaryIO, str], Any] = Image.OPEN[name][0]
    image = factory(file, "")
    width, height = image.size
    if width * height > pixel_cap:
        raise image_error(
            SkipKind.TOO_LARGE,
            f"{width} x {height} pixels ({width * height / 1e6:.0f} megapixels) is above the limit of "
            f"{pixel_cap / 1e6:g} megapixels",
        )
    if min_side is not None:
        short = min(width, height)
        image.draft(None, (-(-width * min_side // short), -(-height * min_side // short)))
    drafted = image.size != (width, height)
    large = image.width * image.height > _LARGE
    with _large_image_lock if large else contextlib.nullcontext():
        image.load()
        factor = min(image.size) // min_side if large and min_side is not None else 1
        pixels = to_rgb(image) if factor < 2 else reduced_rgb(image, factor)  # noqa: PLR2004  nothing to reduce
    # Read after loading, because some decoders (TIFF) rotate images themselves and then report orientation 1.
    orientation, size = _orientation(image), (width, height) if drafted else image.size
    return DecodedImage(_upright(pixels, orientation), size[::-1] if orientation in _SIDEWAYS else size)


def _read_extent(file: BinaryIO) -> Extent:
    name = content_format(file)
    if name is None:
        raise _not_an_image_error(file)
    image = Image.OPEN[name][0](file, "")
    orientation = _orientation(image)
    width, height = image.size
    # Pillow already reports the upright size of a TIFF.
    sideways = orientation in _SIDEWAYS and name != "TIFF"
    return Extent((height, width) if sideways else (width, height), orientation in _UPRIGHT)


def _damage_error(error: Exception) -> ImageError:
    if isinstance(error, Image.DecompressionBombError):  # Pillow's own limit, for sizes known only while decoding
        return image_error(SkipKind.TOO_LARGE, "one of its frames has too many pixels")
    return image_error(SkipKind.DAMAGED, f"truncated or damaged ({str(error) or type(error).__name__})")


def _not_an_image_error(file: BinaryIO) -> ImageError:
    head = file.read(512)
    if not head:
        return image_error(SkipKind.EMPTY, "empty file")
    text = all(byte >= 32 or byte in b"\t\n\f\r" for byte in head)  # noqa: PLR2004  32 is the space, the first printable
    what = "text file" if text else f"unknown format; supported: {', '.join(FORMATS)}"
    return image_error(SkipKind.NOT_AN_IMAGE, f"not an image ({what})")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or EXIF is unreadable."""
    with contextlib.suppress(Exception):
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    # Not ImageOps.exif_transpose: it also rewrites the remaining EXIF, and fails if that is damaged.
    method = _UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
