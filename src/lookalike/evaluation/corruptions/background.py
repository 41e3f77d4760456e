"""Background: the object stays, its surround is another picture's."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageOps

from lookalike.evaluation.corruptions.convolution import softened
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import cut, smooth_step, stretched
from lookalike.evaluation.corruptions.pixels import Pixels, levels_of, mixed, picture_of_levels

_ELLIPSE: Final = 0.62
"""Half the ellipse's axes in half the picture's sides, where there is no mask: it covers 30 % of the picture."""

_FEATHER: Final = 0.1
"""How far an edge is feathered under an ellipse, in half the picture's sides."""

_COARSE: Final = 96
"""Distances from a mask are measured on a picture whose longer side is no more than so many pixels."""


def _lent(case: Case, surround: Image.Image) -> Image.Image:
    """The picture, its surround given way to another's: the part furthest from the object first."""
    own, other = case.levels(), levels_of(surround)
    share = _around_mask(case) if case.context.mask is not None else _around_ellipse(case)
    return picture_of_levels(mixed(own, other, share))


def _around_ellipse(case: Case) -> Pixels:
    """How much of each pixel is the surround's, 0..1: none inside a feathered ellipse in the middle of the picture."""
    rows, columns = case.shape
    down = np.abs((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / rows * 2 - 1)[:, np.newaxis]
    right = np.abs((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / columns * 2 - 1)[np.newaxis, :]
    distance = np.sqrt(np.square(down) + np.square(right))
    edge = max(_furthest(distance, distance > _ELLIPSE, case["replaced"]), _ELLIPSE)
    return smooth_step(distance, edge - _FEATHER / 2, edge + _FEATHER / 2)


def _around_mask(case: Case) -> Pixels:
    """The same, outside of what the mask marks, whose own edge is followed closely."""
    object_ = _object(case)
    size = case.image.size
    shrink = max(1.0, max(size) / _COARSE)
    small = object_.resize((max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))), Image.Resampling.BOX)
    away = stretched(_distances(np.asarray(small) > 127), case.shape)  # noqa: PLR2004  more than half
    edge = _furthest(away, np.asarray(object_) == 0, case["replaced"])
    outside = 1 - levels_of(softened(object_, 0.002 * case.side))
    return np.asarray(outside * smooth_step(away, edge - 1, edge + 1)) if edge > 1 else outside


def marked(mask: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where a mask marks the object, bool (rows, columns): what is brighter than half its brightest pixel.

    So it doesn't matter whether the object is 255 or 1, nor what JPEG did to the edges. A mask that is black all over
    marks nothing.
    """
    levels = np.asarray(mask.convert("RGB")).max(axis=2)
    return np.asarray(levels > levels.max() / 2)


def _object(case: Case) -> Image.Image:
    """The mask at the picture's size: 255 where the object is, 0 elsewhere."""
    if case.context.mask is None or not (object_ := marked(case.context.mask)).any():
        raise ValueError("the mask marks no object: every pixel of it is 0")
    return Image.fromarray(np.uint8(255) * object_).resize(case.image.size, Image.Resampling.NEAREST)


def _distances(marked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Pixels:
    """Each pixel's distance from the nearest marked one, in pixels: along the rows first, then down the columns."""
    rows, columns = marked.shape
    far = np.float32(rows + columns)
    right, down = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    steps = np.where(marked[:, np.newaxis, :], np.abs(right[:, np.newaxis] - right[np.newaxis, :]), far).min(axis=2)
    squares = np.square(steps)[np.newaxis, :, :] + np.square(down[:, np.newaxis] - down[np.newaxis, :])[..., np.newaxis]
    return np.asarray(np.sqrt(squares.min(axis=1)))


def _furthest(distance: Pixels, outside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], share: float) -> float:
    """The distance beyond which lies so much of what is outside; 0 where all of it is asked for, or there is none."""
    around = distance[outside]
    return cut(around, 1 - share) if share < 1 and around.size else 0.0


def _donor(case: Case) -> Image.Image:
    """The donor, cropped to the picture's proportions and brought to its size."""
    if case.context.donor is None:
        raise ValueError("no donor in the context")
    return ImageOps.fit(case.context.donor.convert("RGB"), case.image.size, Image.Resampling.BICUBIC)


def _swapped(case: Case) -> Image.Image:
    return _lent(case, _donor(case))


def _blurred(case: Case) -> Image.Image:
    return _lent(case, softened(case.image, 0.06 * case.side))


_TABLE: Final = {"replaced": (0.2, 0.4, 0.6, 0.8, 1.0)}
_WHERE: Final = "outside the mask, or an ellipse where there is none, the outermost first; the share replaced."

BACKGROUND: Final = (
    Corruption(
        "background_other_class",
        "background",
        f"A picture of another class and group as surround {_WHERE}",
        _TABLE,
        _swapped,
        rises=False,
        donor="other_class",
    ),
    Corruption(
        "background_same_class",
        "background",
        f"A picture of the same class as surround (a control of background_other_class) {_WHERE}",
        _TABLE,
        _swapped,
        rises=False,
        donor="same_class",
        control_of="background_other_class",
    ),
    Corruption(
        "background_blur",
        "background",
        f"Its own surround, blurred (a control of background_other_class) {_WHERE}",
        _TABLE,
        _blurred,
        rises=False,
        control_of="background_other_class",
    ),
)
