"""Views: what of a picture an encoder is shown.

``centre`` is the centre square, as encoders were trained; ``whole`` the whole frame on a ground of the training data's
mean colour, for panoramas; ``multi`` the whole frame, its mirror image and four overlapping tiles of 60 % of each side,
whose embeddings are averaged: a better one at six times the work.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lookalike.encoders.preprocess import RESAMPLE, least_side, prepare
from lookalike.encoders.spec import Preprocessing, View
from lookalike.images.decode import Picture

_TILE: Final = 0.6

VIEWS: Final[dict[View, int]] = {"centre": 1, "whole": 1, "multi": 6}
"""How many images each view gives the network for one picture."""


def prepare_views(picture: Picture, preprocessing: Preprocessing, view: View) -> NDArray[np.uint8]:
    """The network's input for one picture: uint8 (v, S, S, 3), ``v`` as in ``VIEWS``."""
    if view == "centre":
        return prepare(picture, preprocessing)[np.newaxis]
    if view == "whole":
        return _letter_boxed(picture.pixels, preprocessing)[np.newaxis]
    whole = _squeezed(picture.pixels, preprocessing)
    tiles = (_squeezed(tile, preprocessing) for tile in _tiles(picture.pixels))
    return np.stack([np.asarray(whole), np.asarray(ImageOps.mirror(whole)), *map(np.asarray, tiles)])


def least_side_of(preprocessing: Preprocessing, view: View) -> int:
    """How many pixels the shorter side of a decoded picture needs for ``view``."""
    side = least_side(preprocessing)
    return side if view != "multi" else round(side / _TILE)


def _letter_boxed(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    side = preprocessing.crop
    longest = max(image.size)
    size = tuple(max(1, round(length * side / longest)) for length in image.size)
    ground = Image.new("RGB", (side, side), tuple(round(level) for level in preprocessing.mean))
    resized = image.resize((size[0], size[1]), RESAMPLE[preprocessing.resample])
    ground.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(ground)


def _squeezed(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """All of ``image`` in a square. On railway photographs this did better here than letter-boxing."""
    return image.resize((preprocessing.crop, preprocessing.crop), RESAMPLE[preprocessing.resample])


def _tiles(image: Image.Image) -> list[Image.Image]:
    width, height = (max(1, round(length * _TILE)) for length in image.size)
    places = [(x, y) for y in (0, image.height - height) for x in (0, image.width - width)]
    return [image.crop((x, y, x + width, y + height)) for x, y in places]
