"""Occlusion: something covers the centre of the image or, as a control, the same share of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import cos, pi, sin, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption, Effect
from lookalike.evaluation.corruptions.fields import clouds, quantile, smoothstep
from lookalike.evaluation.corruptions.pixels import Pixels, blend, image_from_levels, scale, to_levels
from lookalike.evaluation.corruptions.standard import STANDARD_SIDE
from lookalike.evaluation.corruptions.textures import TILE, Texture, ballast, plants, snow

_SHARES: Final = (0.04, 0.1, 0.18, 0.3, 0.45)
"""The covered share of the image, by severity."""


def _box_effect(*, elsewhere: bool) -> Effect:
    """Four boxes of the same size, each of one colour: together over the centre, or one in every corner."""

    def cover(case: Case) -> Image.Image:
        width, height = case.image.size
        proportion = float(np.exp(case.rng.uniform(-0.2, 0.2)))
        colours = case.rng.integers(0, 256, (4, 3)).tolist()
        across, down = (
            round(length * sqrt(case["share"] / 4) * stretch)
            for length, stretch in ((width, proportion), (height, 1 / proportion))
        )
        covered = case.image.copy()
        for number, colour in enumerate(colours):
            right, below = number % 2, number // 2
            if elsewhere:
                left, top = right * (width - across), below * (height - down)
            else:
                left, top = width // 2 - across * (1 - right), height // 2 - down * (1 - below)
            covered.paste(tuple(colour), (left, top, left + across, top + down))
        return covered

    return cover


def _texture_effect(texture: Callable[[], Texture], *, elsewhere: bool, hard: bool) -> Effect:
    """A patch of a texture that grows from the centre outwards, or from the edges inwards (more from one side).

    ``hard`` textures end at the outline of a stone or leaf and cast a shadow; others fade out.
    """

    def cover(case: Case) -> Image.Image:
        colours, offsets = _crop_texture(texture(), case)
        order = _coverage_order(case, elsewhere=elsewhere)
        if hard:
            # A stone or leaf is drawn as a whole, as soon as its anchor is covered.
            order = _sample_at_anchors(order, offsets)
        edge = quantile(order, case["share"])
        if hard:
            mask = gaussian_blur(Image.fromarray(np.uint8(255) * (order < edge)), 0.0015 * case.side)
            alpha, shadow = to_levels(mask), np.float32(0.6)
        else:
            alpha, shadow = 1 - smoothstep(order, edge - 0.012, edge + 0.012), np.float32(0.15)
            mask = image_from_levels(alpha)
        shade = _offset_shadow(to_levels(gaussian_blur(mask, 0.012 * case.side)), case.side)
        under = scale(case.levels(), 1 - shadow * shade)
        return image_from_levels(blend(under, colours, alpha))

    return cover


def _offset_shadow(shadow: Pixels, side: int) -> Pixels:
    """Move a shadow down and slightly to the right, because the light in all textures comes from the top left."""
    down, right = max(1, round(0.01 * side)), max(1, round(0.005 * side))
    return np.pad(shadow, ((down, 0), (right, 0)), mode="edge")[: shadow.shape[0], : shadow.shape[1]]


def _crop_texture(texture: Texture, case: Case) -> tuple[Pixels, NDArray[np.int32]]:
    """A random piece of a texture at the size of the image: colours, and offsets to the anchors in pixels."""
    ratio = case.side / STANDARD_SIDE
    rows, columns = (
        np.mod((np.arange(length) / ratio).astype(np.intp) + start, TILE)
        for length, start in zip(case.shape, case.rng.integers(0, TILE, 2).tolist(), strict=True)
    )
    brightness = np.float32(case.rng.uniform(0.85, 1.1))
    colours = np.take(np.take(texture.colours, rows, axis=0), columns, axis=1) * brightness
    offsets = np.take(np.take(texture.to_anchor, rows, axis=1), columns, axis=2)
    return colours, offsets if ratio == 1 else np.round(offsets * ratio).astype(np.int32)


def _coverage_order(case: Case, *, elsewhere: bool) -> Pixels:
    """The order in which pixels are covered, smallest value first; uneven, so that patches have no smooth outline."""
    rows, columns = case.shape
    down = ((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / rows - np.float32(0.5))[:, np.newaxis]
    right = ((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / columns - np.float32(0.5))[np.newaxis, :]
    uneven = np.float32(0.03) * clouds(case.rng, case.shape, case.side * 0.16, octaves=3)
    turn = case.rng.uniform(0, 2 * pi)
    distance = np.sqrt(np.square(down) + np.square(right))
    if not elsewhere:
        return np.asarray(distance + uneven)
    return np.asarray(uneven - distance + np.float32(0.22 * cos(turn)) * right + np.float32(0.22 * sin(turn)) * down)


def _sample_at_anchors(field: Pixels, offsets: NDArray[np.int32]) -> Pixels:
    """A field's values at the anchor of each pixel, clamped to the image."""
    rows, columns = field.shape
    down = np.clip(np.arange(rows, dtype=np.int32)[:, np.newaxis] + offsets[0], 0, rows - 1)
    right = np.clip(np.arange(columns, dtype=np.int32)[np.newaxis, :] + offsets[1], 0, columns - 1)
    return np.asarray(np.take(field, down * columns + right))


def _with_control(name: str, occluder: str, make: Callable[..., Effect]) -> tuple[Corruption, Corruption]:
    """An occlusion of the centre, and its control."""
    centre, elsewhere = f"{name}_centre", f"{name}_elsewhere"
    values = {"share": _SHARES}
    return (
        Corruption(
            centre,
            "occlusion",
            f"{occluder.capitalize()} over the centre; share of the image.",
            values,
            make(elsewhere=False),
        ),
        Corruption(
            elsewhere,
            "occlusion",
            f"Control of {centre}: {occluder} around the centre; share of the image.",
            values,
            make(elsewhere=True),
            control_of=centre,
        ),
    )


OCCLUSION: Final = (
    *_with_control("boxes", "four plain boxes", _box_effect),
    *_with_control("ballast", "crushed stone", partial(_texture_effect, ballast, hard=True)),
    *_with_control("plants", "grass and weeds", partial(_texture_effect, plants, hard=True)),
    *_with_control("snow_patch", "snow on the ground", partial(_texture_effect, snow, hard=False)),
)
