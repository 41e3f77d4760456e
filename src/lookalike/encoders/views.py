"""Views: the part of an image that is encoded.

``centre`` is the centre square, as in training. ``whole`` is the whole frame, padded to a square with the mean colour
of the training data, for panoramas. ``multi`` averages the embeddings of the whole frame, its mirror image and four
overlapping tiles of 60 % of each side: more accurate, at six times the cost.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lookalike.encoders.preprocess import RESAMPLE, min_side, prepare
from lookalike.encoders.spec import Preprocessing, View
from lookalike.images.decode import DecodedImage
from lookalike.images.pixels.colour import to_srgb
from lookalike.search.query import Region

_TILE: Final = 0.6

VIEWS: Final[dict[View, int]] = {"centre": 1, "whole": 1, "multi": 6}
"""The number of network inputs per image in each view."""


def prepare_views(image: DecodedImage, preprocessing: Preprocessing, view: View) -> NDArray[np.uint8]:
    """The network's input for one image: uint8 (v, S, S, 3), where v is the number in ``VIEWS``."""
    if view == "centre":
        return prepare(image, preprocessing)[np.newaxis]
    if view == "whole":
        return _letterbox(image.pixels, preprocessing)[np.newaxis]
    whole = _squeeze(image.pixels, preprocessing)
    tiles = (_squeeze(tile, preprocessing) for tile in _tiles(image.pixels))
    return np.stack([np.asarray(whole), np.asarray(ImageOps.mirror(whole)), *map(np.asarray, tiles)])


def view_min_side(preprocessing: Preprocessing, view: View) -> int:
    """The number of pixels that the shorter side of a decoded image needs for ``view``."""
    side = min_side(preprocessing)
    return side if view != "multi" else round(side / _TILE)


def crop(image: DecodedImage, region: Region) -> DecodedImage:
    """The ``region`` of ``image``, at least 1 x 1 pixels."""
    left, top, right, bottom = _box(image.size, region)
    pixels = image.pixels.crop(_box(image.pixels.size, region))
    return DecodedImage(pixels, (right - left, bottom - top))


def _box(size: tuple[int, int], region: Region) -> tuple[int, int, int, int]:
    """The region of an image of ``size`` (width, height) in whole pixels: left, top, right, bottom."""
    width, height = size
    left = min(round(region.left * width), width - 1)
    top = min(round(region.top * height), height - 1)
    right = max(round(region.right * width), left + 1)
    bottom = max(round(region.bottom * height), top + 1)
    return left, top, right, bottom


def _letterbox(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    side = preprocessing.crop
    longest = max(image.size)
    size = tuple(max(1, round(length * side / longest)) for length in image.size)
    canvas = Image.new("RGB", (side, side), tuple(round(level) for level in preprocessing.mean))
    resized = image.resize((size[0], size[1]), RESAMPLE[preprocessing.resample])
    canvas.paste(to_srgb(resized), ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(canvas)


def _squeeze(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Resize the whole image to a square. On railway images this was more accurate than letterboxing."""
    return to_srgb(image.resize((preprocessing.crop, preprocessing.crop), RESAMPLE[preprocessing.resample]))


def _tiles(image: Image.Image) -> list[Image.Image]:
    width, height = (max(1, round(length * _TILE)) for length in image.size)
    corners = [(x, y) for y in (0, image.height - height) for x in (0, image.width - width)]
    return [image.crop((x, y, x + width, y + height)) for x, y in corners]
