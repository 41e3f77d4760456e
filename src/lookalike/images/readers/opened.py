"""An opened image whose pixels have not been decoded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error
from lookalike.images.pixels.levels import Levels
from lookalike.images.pixels.samples import Samples, to_pillow


@dataclass(frozen=True, slots=True)
class Decoding:
    """How pixels are decoded: the shorter side may be reduced to ``min_side`` pixels; ``levels`` replace the file's."""

    min_side: int | None = None
    levels: Levels | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """What EXIF says of how a photograph was taken: local time such as "2023-05-31 14:05:59", and the camera."""

    taken: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An image whose header has been read.

    ``size`` is (width, height) as stored, or upright if the reader turns the image itself; ``orientation`` is the EXIF
    orientation that is still to be applied; ``turned`` tells whether the file has one at all. ``decode`` returns the
    pixels in any 8-bit Pillow mode, or in I, F or I;16. ``deep`` tells whether samples have more than 8 bits.
    """

    size: tuple[int, int]
    decode: Callable[[Decoding], Image.Image]
    orientation: int = 1
    turned: bool = False
    deep: bool = False
    shot: Shot = Shot()


def opened_samples(
    size: tuple[int, int], read: Callable[[], Samples], orientation: int = 1, shot: Shot = Shot()
) -> Opened:
    """An image that is decoded to samples by ``read``."""
    return Opened(size, partial(_decode, read), orientation, orientation != 1, deep=True, shot=shot)


def _decode(read: Callable[[], Samples], decoding: Decoding) -> Image.Image:
    return to_pillow(read(), decoding.levels)


def unsupported_error(what: str) -> ImageError:
    """The error for an image that is sound but that no decoder here reads; ``what`` is such as "12-bit LAB TIFF"."""
    return image_error(SkipKind.UNSUPPORTED, f"unsupported ({what}); convert it to PNG or JPEG")
