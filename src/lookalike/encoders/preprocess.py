"""From an upright RGB picture to the network's input, exactly as the encoder was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.spec import Preprocessing
from lookalike.images.decode import Picture

RESAMPLE: Final = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# A JPEG is decoded at a fraction of its size only as far as its shorter side stays four times the resized one. On
# mosaics of sharp photographs, of 12 megapixels, embeddings keep a cosine of 0.9996 with those of a full decode then;
# at twice the resized side, which is a fifth faster, it was 0.9974 (docs/measurements.md).
_DRAFT_MARGIN = 4

# Resizing the whole picture and cropping after is what encoders were trained with; for pictures so long and narrow
# that most of the work would be thrown away, only the part that is kept is resized. They differ by rounding alone.
_WASTEFUL = 16


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Sizes in pixels: the whole picture resized, and where in that the crop begins."""

    width: int
    height: int
    left: int
    top: int


def least_side(preprocessing: Preprocessing) -> int:
    """How many pixels the shorter side of a decoded picture needs so that resizing it loses nothing to speak of."""
    return preprocessing.resize * _DRAFT_MARGIN


def prepare(picture: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Resize and crop; returns uint8 (crop, crop, 3), RGB.

    The sizes are those of torchvision's ``Resize`` and ``CenterCrop``: the longer side is truncated, not rounded, and
    the crop begins at Python's ``round`` of half the surplus. Where the picture was decoded at its full size, the
    result is what Pillow's ``resize`` and ``crop`` give, bit for bit.
    """
    side = preprocessing.crop
    resample = RESAMPLE[preprocessing.resample]
    geometry = _geometry(picture.size, preprocessing)
    whole = picture.pixels.size == picture.size
    if whole and geometry.width * geometry.height <= _WASTEFUL * side * side:
        resized = picture.pixels.resize((geometry.width, geometry.height), resample)
        pixels = resized.crop((geometry.left, geometry.top, geometry.left + side, geometry.top + side))
    else:
        across, down = picture.pixels.width / geometry.width, picture.pixels.height / geometry.height
        left, top = geometry.left * across, geometry.top * down
        box = (left, top, left + side * across, top + side * down)
        pixels = picture.pixels.resize((side, side), resample, box=box)
    return np.asarray(pixels)


def prepare_reference(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """As :func:`prepare`, but as the published code of CLIP does it; for verification only.

    That code resizes and crops in whatever mode the file has, and makes RGB of the result after, plainly: alpha is
    dropped rather than laid over white, palettes are resized by their nearest entry, and nothing is turned upright.
    """
    geometry, side = _geometry(image.size, preprocessing), preprocessing.crop
    resized = image.resize((geometry.width, geometry.height), RESAMPLE[preprocessing.resample])
    cropped = resized.crop((geometry.left, geometry.top, geometry.left + side, geometry.top + side))
    return np.asarray(cropped.convert("RGB"))


def _geometry(size: tuple[int, int], preprocessing: Preprocessing) -> _Geometry:
    short = min(size)
    width, height = (
        preprocessing.resize if length == short else int(preprocessing.resize * length / short) for length in size
    )
    side = preprocessing.crop
    return _Geometry(width, height, round((width - side) / 2), round((height - side) / 2))
