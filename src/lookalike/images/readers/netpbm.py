"""Read Netpbm images: PBM, PGM, PPM, PAM and PFM."""

from __future__ import annotations

from functools import partial
from typing import Any, BinaryIO, Final

import numpy as np

from lookalike.errors import ImageError
from lookalike.images.files import SkipKind, image_error
from lookalike.images.pixels.levels import Declared, Levels
from lookalike.images.pixels.samples import Samples
from lookalike.images.readers.opened import Opened, opened_samples

_BITMAPS: Final = ("P1", "P4")
"""The kinds in which 1 is black."""
_CONTAINER_LEVELS: Final = (255, 65535)
"""Largest values that only tell the size of a sample."""


def open_netpbm(file: BinaryIO) -> Opened:
    """Open a Netpbm file; of several images in one file, the first."""
    from netpbmfile import NetpbmFile

    try:
        image = NetpbmFile(file)
    except ValueError as error:
        raise _damage_error("its header can't be read") from error
    file.seek(0)
    return opened_samples((image.width, image.height), partial(_read, file))


def _read(file: BinaryIO) -> Samples:
    from netpbmfile import NetpbmFile

    image = NetpbmFile(file)
    try:
        values: Any = image.asarray()
    except ValueError as error:
        raise _damage_error("its pixels are incomplete") from error
    values = values[0] if image.frames > 1 else values
    values = np.asarray(values).reshape(image.height, image.width, -1)
    if values.dtype == np.bool_:
        return Samples(values.astype(np.uint8) * np.uint8(255), 1, inverted=image.magicnumber in _BITMAPS)
    levels = None if image.scale or image.maxval in _CONTAINER_LEVELS else Levels(0, image.maxval)
    return Samples.of(values, Declared(levels=levels))


def _damage_error(problem: str) -> ImageError:
    return image_error(SkipKind.DAMAGED, f"damaged ({problem})")
