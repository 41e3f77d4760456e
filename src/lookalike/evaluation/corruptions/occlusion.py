"""Occlusion: something lies over the middle of the picture, or, as its control, over as much of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.convolution import softened
from lookalike.evaluation.corruptions.corruption import Case, Corruption, Effect
from lookalike.evaluation.corruptions.fields import clouds, cut, smooth_step
from lookalike.evaluation.corruptions.pixels import Pixels, levels_of, mixed, picture_of_levels, scaled
from lookalike.evaluation.corruptions.standard import STANDARD_SIDE
from lookalike.evaluation.corruptions.textures import TILE, Texture, ballast, plants, snow

_SHARES: Final = (0.04, 0.1, 0.18, 0.3, 0.45)
"""Shares of the picture that are covered."""


def _boxes(*, elsewhere: bool) -> Effect:
    """Four even boxes of one size: side by side over the middle, or one in every corner."""

    def cover(case: Case) -> Image.Image:
        width, height = case.image.size
        proportion = float(np.exp(case.rng.uniform(-0.2, 0.2)))
        colours = case.rng.integers(0, 256, (4, 3)).tolist()
        across, down = (
            round(length * sqrt(case["share"] / 4) * stretch)
            for length, stretch in ((width, proportion), (height, 1 / proportion))
        )
        covered = case.image.copy()
        for place, colour in enumerate(colours):
            right, below = place % 2, place // 2
            if elsewhere:
                left, top = right * (width - across), below * (height - down)
            else:
                left, top = width // 2 - across * (1 - right), height // 2 - down * (1 - below)
            covered.paste(tuple(colour), (left, top, left + across, top + down))
        return covered

    return cover


def _patch(texture: Callable[[], Texture], *, elsewhere: bool, hard: bool) -> Effect:
    """A patch of a texture: from the middle outwards, or from the edges inwards, further on one side than on others.

    ``hard`` things end with a stone or a leaf, and throw a shadow; others thin out.
    """

    def cover(case: Case) -> Image.Image:
        colours, way = _cut_from(texture(), case)
        order = _order(case, elsewhere=elsewhere)
        if hard:
            # All of a stone is covered as soon as its middle is.
            order = _at(order, way)
        edge = cut(order, case["share"])
        if hard:
            mask = softened(Image.fromarray(np.uint8(255) * (order < edge)), 0.0015 * case.side)
            alpha, shadow = levels_of(mask), np.float32(0.6)
        else:
            alpha, shadow = 1 - smooth_step(order, edge - 0.012, edge + 0.012), np.float32(0.15)
            mask = picture_of_levels(alpha)
        dark = _thrown(levels_of(softened(mask, 0.012 * case.side)), case.side)
        under = scaled(case.levels(), 1 - shadow * dark)
        return picture_of_levels(mixed(under, colours, alpha))

    return cover


def _thrown(shadow: Pixels, side: int) -> Pixels:
    """A shadow where it falls: down and a little to the right, as the light comes from the top left in all textures."""
    down, right = max(1, round(0.01 * side)), max(1, round(0.005 * side))
    return np.pad(shadow, ((down, 0), (right, 0)), mode="edge")[: shadow.shape[0], : shadow.shape[1]]


def _cut_from(texture: Texture, case: Case) -> tuple[Pixels, NDArray[np.int32]]:
    """A piece of a tile as large as the picture, from a place of its own: colours, and ways to the roots, in pixels."""
    scale = case.side / STANDARD_SIDE
    rows, columns = (
        np.mod((np.arange(length) / scale).astype(np.intp) + start, TILE)
        for length, start in zip(case.shape, case.rng.integers(0, TILE, 2).tolist(), strict=True)
    )
    brightness = np.float32(case.rng.uniform(0.85, 1.1))
    colours = np.take(np.take(texture.colours, rows, axis=0), columns, axis=1) * brightness
    way = np.take(np.take(texture.to_root, rows, axis=1), columns, axis=2)
    return colours, way if scale == 1 else np.round(way * scale).astype(np.int32)


def _order(case: Case, *, elsewhere: bool) -> Pixels:
    """In which order pixels are covered, least first; where the middle is covered first, uneven round it."""
    rows, columns = case.shape
    down = ((np.arange(rows, dtype=np.float32) + np.float32(0.5)) / rows - np.float32(0.5))[:, np.newaxis]
    right = ((np.arange(columns, dtype=np.float32) + np.float32(0.5)) / columns - np.float32(0.5))[np.newaxis, :]
    uneven = np.float32(0.03) * clouds(case.rng, case.shape, case.side * 0.16, octaves=3)
    turn = case.rng.uniform(0, 2 * pi)
    distance = np.sqrt(np.square(down) + np.square(right))
    if not elsewhere:
        return np.asarray(distance + uneven)
    return np.asarray(uneven - distance + np.float32(0.22 * cos(turn)) * right + np.float32(0.22 * sin(turn)) * down)


def _at(field: Pixels, way: NDArray[np.int32]) -> Pixels:
    """A field where each pixel's root lies; beyond the edges it stays what it is there."""
    rows, columns = field.shape
    down = np.clip(np.arange(rows, dtype=np.int32)[:, np.newaxis] + way[0], 0, rows - 1)
    right = np.clip(np.arange(columns, dtype=np.int32)[np.newaxis, :] + way[1], 0, columns - 1)
    return np.asarray(np.take(field, down * columns + right))


def _both(name: str, what: str, make: Callable[[bool], Effect]) -> tuple[Corruption, Corruption]:
    """A corruption over the middle, and its control."""
    centre, around = f"{name}_centre", f"{name}_elsewhere"
    table = {"share": _SHARES}
    return (
        Corruption(centre, "occlusion", f"{what} over the middle; share of the picture.", table, make(False)),  # noqa: FBT003
        Corruption(
            around,
            "occlusion",
            f"{what} over as much of the picture but not its middle: the control of {centre}; share of the picture.",
            table,
            make(True),  # noqa: FBT003
            control_of=centre,
        ),
    )


OCCLUSION: Final = (
    *_both("boxes", "Four boxes, each of one colour,", lambda away: _boxes(elsewhere=away)),
    *_both("ballast", "Crushed stone", lambda away: _patch(ballast, elsewhere=away, hard=True)),
    *_both("plants", "Grass and weeds", lambda away: _patch(plants, elsewhere=away, hard=True)),
    *_both("snow_patch", "Lying snow", lambda away: _patch(snow, elsewhere=away, hard=False)),
)
