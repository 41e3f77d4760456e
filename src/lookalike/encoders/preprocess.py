"""Conversion of an upright RGB image to the network's input, exactly as in the encoder's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.spec import Preprocessing
from lookalike.images.decode import DecodedImage
from lookalike.images.pixels.colour import to_srgb

RESAMPLE: Final = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# A JPEG is decoded at a fraction of its size only while its shorter side stays at least four times the resized side.
# On mosaics of sharp images of 12 megapixels, embeddings then have a cosine of 0.9996 with those of a full decode. At
# twice the resized side, which is 20 % faster, it was 0.9974 (docs/measurements.md).
_DRAFT_MARGIN = 4

# In training, images were resized first and cropped after. For very elongated images, whose resized pixels would exceed
# the crop by more than this factor, only the part inside the crop is resized; the results differ by rounding only.
_MAX_EXCESS = 16


@dataclass(frozen=True, slots=True)
class _Geometry:
    """In pixels: the size of the resized image, and the position of the crop in it."""

    width: int
    height: int
    left: int
    top: int


def min_side(preprocessing: Preprocessing) -> int:
    """The number of pixels that the shorter side of a decoded image needs so that resizing keeps its accuracy."""
    return preprocessing.resize * _DRAFT_MARGIN


def prepare(image: DecodedImage, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Resize and crop an image; returns uint8 (crop, crop, 3), RGB.

    The sizes match torchvision's ``Resize`` and ``CenterCrop``: the longer side is truncated, not rounded, and the crop
    starts at Python's ``round`` of half the excess. For an image decoded at its full size, the result equals Pillow's
    ``resize`` and ``crop`` bit for bit.
    """
    side = preprocessing.crop
    resample = RESAMPLE[preprocessing.resample]
    geometry = _geometry(image.size, preprocessing)
    is_full_size = image.pixels.size == image.size
    if is_full_size and geometry.width * geometry.height <= _MAX_EXCESS * side * side:
        resized = image.pixels.resize((geometry.width, geometry.height), resample)
        pixels = resized.crop((geometry.left, geometry.top, geometry.left + side, geometry.top + side))
    else:
        x_scale, y_scale = image.pixels.width / geometry.width, image.pixels.height / geometry.height
        left, top = geometry.left * x_scale, geometry.top * y_scale
        box = (left, top, left + side * x_scale, top + side * y_scale)
        pixels = image.pixels.resize((side, side), resample, box=box)
    # Colours are converted last, because to convert those of every pixel would take longer than to decode them.
    return np.asarray(to_srgb(pixels))


def prepare_reference(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Prepare an image as the published code of CLIP does; for verification only.

    That code resizes and crops in the mode of the file and converts the result to RGB: alpha is dropped instead of
    composited over white, palette images are resized by nearest neighbour, and EXIF orientation is ignored.
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
