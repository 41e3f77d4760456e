"""Background: the object stays, its background is replaced or blurred."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageOps

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import quantile, resize_field, smoothstep
from lookalike.evaluation.corruptions.pixels import Pixels, blend, image_from_levels, to_levels

_ELLIPSE_AXIS: Final = 0.62
"""Semi-axes of the ellipse that stands in for a missing mask, in half sides of the image; it covers 30 % of it."""

_FEATHER: Final = 0.1
"""Width of the ellipse's soft edge, in half sides of the image."""

_DISTANCE_SIDE: Final = 96
"""The longer side in pixels, at most, of the reduced mask on which distances are measured."""


def _replace_background(case: Case, other: Image.Image) -> Image.Image:
    """Replace the image's background by that of ``other``, starting with the part furthest from the object."""
    share = _outside_mask(case) if case.context.mask is not None else _outside_ellipse(case)
    return image_from_levels(blend(case.levels(), to_levels(other), share))


def _outside_ellipse(case: Case) -> Pixels:
    """The share of each pixel to replace, 0..1: none inside an ellipse with a soft edge at the centre of the image."""
    rows, columns = case.shape
    down = np.abs((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / rows * 2 - 1)[:, np.newaxis]
    right = np.abs((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / columns * 2 - 1)[np.newaxis, :]
    distance = np.sqrt(np.square(down) + np.square(right))
    edge = max(_distance_limit(distance, distance > _ELLIPSE_AXIS, case["replaced"]), _ELLIPSE_AXIS)
    return smoothstep(distance, edge - _FEATHER / 2, edge + _FEATHER / 2)


def _outside_mask(case: Case) -> Pixels:
    """The share of each pixel to replace, 0..1: none inside the mask, whose outline is followed closely."""
    object_ = _object_mask(case)
    size = case.image.size
    shrink = max(1.0, max(size) / _DISTANCE_SIDE)
    small = object_.resize((max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))), Image.Resampling.BOX)
    distance = resize_field(_distance_transform(np.asarray(small) > 127), case.shape)  # noqa: PLR2004  half of 255
    edge = _distance_limit(distance, np.asarray(object_) == 0, case["replaced"])
    outside = 1 - to_levels(gaussian_blur(object_, 0.002 * case.side))
    return np.asarray(outside * smoothstep(distance, edge - 1, edge + 1)) if edge > 1 else outside


def object_pixels(mask: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """The pixels of the object in a mask, bool (rows, columns): those brighter than half of its brightest pixel.

    This works for objects marked by 255 or 1, and with JPEG artefacts at the edges. An all-black mask has no object.
    """
    levels = np.asarray(mask.convert("RGB")).max(axis=2)
    return np.asarray(levels > levels.max() / 2)


def _object_mask(case: Case) -> Image.Image:
    """The mask at the image's size: 255 where the object is, 0 elsewhere."""
    if case.context.mask is None or not (object_ := object_pixels(case.context.mask)).any():
        raise ValueError("the mask marks no object: every pixel is black")
    return Image.fromarray(np.uint8(255) * object_).resize(case.image.size, Image.Resampling.NEAREST)


def _distance_transform(inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Pixels:
    """Each pixel's distance from the nearest ``inside`` pixel, in pixels: along rows first, then along columns."""
    rows, columns = inside.shape
    far = np.float32(rows + columns)
    right, down = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    steps = np.where(inside[:, np.newaxis, :], np.abs(right[:, np.newaxis] - right[np.newaxis, :]), far).min(axis=2)
    squares = np.square(steps)[np.newaxis, :, :] + np.square(down[:, np.newaxis] - down[np.newaxis, :])[..., np.newaxis]
    return np.asarray(np.sqrt(squares.min(axis=1)))


def _distance_limit(distance: Pixels, outside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], share: float) -> float:
    """The distance that ``share`` of the ``outside`` pixels lie beyond; 0 if the share is 1 or nothing is outside."""
    distances = distance[outside]
    return quantile(distances, 1 - share) if share < 1 and distances.size else 0.0


def _fitted_donor(case: Case) -> Image.Image:
    """The donor, cropped to the image's proportions and resized to its size."""
    if case.context.donor is None:
        raise ValueError("no donor in the context")
    return ImageOps.fit(case.context.donor.convert("RGB"), case.image.size, Image.Resampling.BICUBIC)


def _swap_background(case: Case) -> Image.Image:
    return _replace_background(case, _fitted_donor(case))


def _blur_background(case: Case) -> Image.Image:
    return _replace_background(case, gaussian_blur(case.image, 0.06 * case.side))


_REPLACED: Final = {"replaced": (0.2, 0.4, 0.6, 0.8, 1.0)}

BACKGROUND: Final = (
    Corruption(
        "background_other_class",
        "background",
        "Background (outside the mask, or a central ellipse) replaced by that of another class and group; share "
        "replaced, outermost part first.",
        _REPLACED,
        _swap_background,
        monotonic=False,
        donor="other_class",
    ),
    Corruption(
        "background_same_class",
        "background",
        "Control of background_other_class: the same with a background of its own class; share replaced.",
        _REPLACED,
        _swap_background,
        monotonic=False,
        donor="same_class",
        control_of="background_other_class",
    ),
    Corruption(
        "background_blur",
        "background",
        "Control of background_other_class: the same with its own background, blurred; share replaced.",
        _REPLACED,
        _blur_background,
        monotonic=False,
        control_of="background_other_class",
    ),
)
