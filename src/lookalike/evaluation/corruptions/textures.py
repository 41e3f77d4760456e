"""Procedural textures for occlusions: ballast, plants and snow, painted once per process.

A texture is a seamless tile. Besides its colours, it holds the position of the stone or leaf that each pixel belongs
to, so that a patch ends at the outlines of stones and leaves instead of cutting through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lookalike.evaluation.corruptions.pixels import Pixels

TILE: Final = 640
"""Side of a tile in pixels, at a scale where the shorter side of the image is 512 pixels."""

_OVERSAMPLING = 2
"""Shapes are painted at this multiple of the size and then reduced, for soft edges."""

Points = NDArray[np.float64]
"""Corners of a polygon, float64 (n, 2): right and down."""


@dataclass(frozen=True, slots=True)
class Texture:
    """A tile of colours, float32 (640, 640, 3) in 0..1, and the offset of each pixel to the anchor of its shape.

    ``to_anchor`` is int32 (2, 640, 640): pixels down and right, 0 where a pixel belongs to no shape.
    """

    colours: Pixels
    to_anchor: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A stone or a leaf: coloured polygons, painted in order, and an anchor (right, down)."""

    anchor: tuple[float, float]
    faces: Sequence[tuple[Points, NDArray[np.float64]]]


def _paint_tile(shapes: Sequence[_Shape], ground: tuple[int, int, int]) -> tuple[Pixels, NDArray[np.int32]]:
    """Paint shapes in order, wrapping around the edges: colours in 0..1, and offsets to the anchors."""
    size = TILE * _OVERSAMPLING
    canvas, numbers = Image.new("RGB", (size, size), ground), Image.new("I", (size, size), -1)
    paint, number = ImageDraw.Draw(canvas), ImageDraw.Draw(numbers)
    for index, shape in enumerate(shapes):
        outline = np.concatenate([points for points, _ in shape.faces])
        for shift in _wrap_shifts(outline, size):
            for points, colour in shape.faces:
                corners = (points + shift).ravel().tolist()
                paint.polygon(corners, tuple(np.clip(colour, 0, 255).astype(int).tolist()))
                number.polygon(corners, index)
    owners = np.asarray(numbers)[::_OVERSAMPLING, ::_OVERSAMPLING]
    anchors = np.array([shape.anchor for shape in shapes])[:, ::-1] / _OVERSAMPLING
    pixels = np.indices((TILE, TILE))
    offsets = np.round(np.moveaxis(anchors[owners], -1, 0) - pixels).astype(np.int32)
    offsets = (offsets + TILE // 2) % TILE - TILE // 2
    offsets = np.where(owners < 0, 0, offsets).astype(np.int32)
    return np.asarray(canvas.reduce(_OVERSAMPLING), np.float32) / np.float32(255), offsets


def _wrap_shifts(outline: Points, size: int) -> list[tuple[int, int]]:
    """The shifts at which a shape is painted, so that parts beyond one edge appear at the opposite edge."""
    moves = []
    for low, high in zip(outline.min(axis=0), outline.max(axis=0), strict=True):
        moves.append([0] + [size] * bool(low < 0) + [-size] * bool(high >= size))
    return [(right, down) for right in moves[0] for down in moves[1]]


def _grain(rng: np.random.Generator, roughness: float) -> Pixels:
    """Seamless noise of unit variance, with amplitude proportional to 1 / frequency ** ``roughness``."""
    down, right = np.fft.fftfreq(TILE)[:, np.newaxis], np.fft.rfftfreq(TILE)[np.newaxis, :]
    frequency = np.maximum(np.hypot(down, right), 1 / TILE)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / frequency**roughness
    noise = np.fft.irfft2(spectrum, (TILE, TILE))
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _stone(rng: np.random.Generator) -> _Shape:
    """An angular stone: a dark gap around it, shaded sides, and a top."""
    anchor = rng.uniform(0, TILE * _OVERSAMPLING, 2)
    radius = _OVERSAMPLING * 25 * float(np.exp(rng.normal(0, 0.3)))
    corners = int(rng.integers(5, 9))
    angles = (np.arange(corners) + rng.uniform(-0.32, 0.32, corners)) * (2 * pi / corners)
    unit = np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.62, 1.0)], axis=1)
    unit *= rng.uniform(0.82, 1.12, (corners, 1))
    turn = rng.uniform(0, 2 * pi)
    outer = _rotate(unit, turn) * radius
    top = outer * rng.uniform(0.5, 0.75) + rng.uniform(-0.16, 0.16, 2) * radius
    base = rng.uniform(128, 196) * np.array([1.0, 0.985, 0.955]) + rng.normal(0, 2, 3)
    if rng.random() < 0.14:  # noqa: PLR2004  some are rusty
        base *= np.array([1.0, 0.89, 0.78])
    faces = [(anchor + outer * 1.1 + np.array([0.0, 0.09 * radius]), np.array([38.0, 35.0, 31.0]))]
    for first in range(corners):
        second = (first + 1) % corners
        normal = outer[first] + outer[second]
        # The light comes from the top left.
        light = 0.76 - 0.28 * float(normal[0] * 0.45 + normal[1] * 0.9) / float(np.hypot(*normal))
        faces.append((anchor + np.stack([outer[first], outer[second], top[second], top[first]]), base * light))
    faces.append((anchor + top, base * rng.uniform(0.92, 1.08)))
    return _Shape((float(anchor[0]), float(anchor[1])), faces)


def _rotate(points: Points, turn: float) -> Points:
    right, down = points[:, 0], points[:, 1]
    return np.stack([right * cos(turn) - down * sin(turn), right * sin(turn) + down * cos(turn)], axis=1)


def _leaf(rng: np.random.Generator, shade: float) -> _Shape:
    """A blade of grass or a broad leaf, with one half lighter than the other; ``shade`` darkens those further down."""
    anchor = rng.uniform(0, TILE * _OVERSAMPLING, 2)
    grass = rng.random() < 0.6  # noqa: PLR2004  more grass than herbs
    length = _OVERSAMPLING * (rng.uniform(45, 105) if grass else rng.uniform(22, 50))
    width = _OVERSAMPLING * rng.uniform(1.6, 3.4) if grass else length * rng.uniform(0.17, 0.3)
    turn = rng.normal(-pi / 2, 0.5) if grass else rng.uniform(0, 2 * pi)
    along = np.linspace(0, 1, 9)
    bend = rng.normal(0, 0.28) * along**2 * length
    # Grass is widest at its root, a leaf just before its middle.
    half_width = width * (1 - along) ** 0.7 if grass else width * np.sin(pi * along**0.75)
    rib = np.stack([along * length, bend], axis=1)
    across = np.stack([np.zeros_like(along), half_width], axis=1)
    green = np.array([rng.uniform(80, 128), rng.uniform(116, 154), rng.uniform(46, 74)])
    if rng.random() < 0.12:  # noqa: PLR2004  some have dried
        green = np.array([168.0, 146.0, 88.0])
    lit, dim = green * shade * rng.uniform(0.95, 1.2), green * shade * rng.uniform(0.62, 0.85)
    halves = [(np.concatenate([rib + sign * across, rib[::-1]]), tone) for sign, tone in ((1, lit), (-1, dim))]
    return _Shape((float(anchor[0]), float(anchor[1])), [(anchor + _rotate(half, turn), tone) for half, tone in halves])


@cache
def ballast() -> Texture:
    """Crushed stone."""
    rng = np.random.Generator(np.random.PCG64(1))
    colours, offsets = _paint_tile([_stone(rng) for _ in range(950)], (34, 31, 28))
    uneven = 1 + np.float32(0.1) * _grain(rng, 0.35) + np.float32(0.07) * _grain(rng, 1.0)
    return Texture(np.clip(colours * uneven[..., np.newaxis], 0, 1), offsets)


@cache
def plants() -> Texture:
    """Grass and weeds."""
    rng = np.random.Generator(np.random.PCG64(2))
    count = 2600
    colours, offsets = _paint_tile([_leaf(rng, 0.35 + 0.65 * number / count) for number in range(count)], (16, 24, 10))
    uneven = 1 + np.float32(0.06) * _grain(rng, 0.5)
    return Texture(np.clip(colours * uneven[..., np.newaxis], 0, 1), offsets)


@cache
def snow() -> Texture:
    """Snow on the ground: soft hollows with a blue tint from the sky, and fine grain with some sparkles."""
    rng = np.random.Generator(np.random.PCG64(3))
    relief = _grain(rng, 1.7)
    lit = np.roll(relief, 3, axis=0) - np.roll(relief, -3, axis=0) + np.roll(relief, 3, axis=1) - np.roll(relief, -3, 1)
    shade = np.clip(np.float32(0.92) + np.float32(0.15) * lit + np.float32(0.018) * _grain(rng, 0.0), 0.55, 1)
    sparkle = (_grain(rng, 0.2) > 3.4)[..., np.newaxis]  # noqa: PLR2004  in standard deviations: 1 pixel in 3,000
    blue = np.array([0.93, 0.965, 1.0], np.float32)
    colours = np.where(
        sparkle, np.float32(1), shade[..., np.newaxis] * (blue + (1 - blue) * shade[..., np.newaxis] ** 2)
    )
    return Texture(colours.astype(np.float32), np.zeros((2, TILE, TILE), np.int32))
