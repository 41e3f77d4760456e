"""Things on the lens: water drops, dirt and grease. They are too near to be in focus."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.convolution import gaussian_blur
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import clouds, quantile, resize_field, smoothstep, unit_grid
from lookalike.evaluation.corruptions.pixels import Pixels, blend, image_from_levels, image_from_light, to_light

_MAX_DROPS = 72
_DROP_FIELD_OF_VIEW = 0.9
_MUD: Final = np.array([0.062, 0.046, 0.031], np.float32)
_DUST_SPECKS = 160


def _water_drops(case: Case) -> Image.Image:
    """Each drop acts as a small lens: it shows much of the scene upside down, with a dark rim and a glint."""
    levels = case.levels()
    # A pixel is read as one 32-bit number, because these reads take most of the time.
    scene = np.asarray(gaussian_blur(case.image, 0.006 * case.side).convert("RGBA")).view(np.uint32)[..., 0]
    rows, columns = case.shape
    draws = case.rng.random((_MAX_DROPS, 6))
    for x, y, size, flat, lean, wobble in draws[: round(case["share"] * _MAX_DROPS)].tolist():
        radius = (0.014 + 0.08 * size**3) * case.side
        row, column, reach = int(y * rows), int(x * columns), int(radius * 1.2) + 2
        window = np.s_[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        down = (np.arange(rows, dtype=np.float32)[window[0], np.newaxis] - np.float32(row)) / np.float32(radius)
        right = (np.arange(columns, dtype=np.float32)[np.newaxis, window[1]] - np.float32(column)) / np.float32(radius)
        refracted = _refract(scene, (down, right), (y, x))
        part = levels[window]
        part += _drop_mask(down, right, flat, lean, wobble)[..., np.newaxis] * (
            _shade_drop(refracted, down, right) - part
        )
    return image_from_levels(levels)


def _drop_mask(down: Pixels, right: Pixels, flat: float, lean: float, wobble: float) -> Pixels:
    """The shape of a drop, 0..1: round, with a lean, a wider foot and an uneven outline."""
    aside = (right + np.float32(0.5 * (lean - 0.5)) * down) * (np.float32(1.05) - np.float32(0.18) * down)
    aside *= np.float32(1 + 0.25 * flat)
    across, along = np.square(aside), np.square(down)
    # Real and imaginary part of (aside + i down) cubed: three bumps around the outline, rotated by wobble.
    bumps = np.float32(cos(2 * pi * wobble)) * aside * (across - 3 * along)
    bumps += np.float32(sin(2 * pi * wobble)) * down * (3 * across - along)
    return 1 - smoothstep(np.sqrt(across + along) + np.float32(0.06) * bumps, 0.86, 1.04)


def _refract(scene: NDArray[np.uint32], drop: tuple[Pixels, Pixels], position: tuple[float, float]) -> Pixels:
    """The scene (RGBA packed in 32 bits) seen upside down through a drop at ``position`` (down and right, 0..1)."""
    bulge = np.float32(_DROP_FIELD_OF_VIEW / 2 * min(scene.shape)) * (
        1 + np.float32(0.35) * (np.square(drop[0]) + np.square(drop[1]))
    )
    row, column = (
        _reflect((np.float32(length * (0.3 + 0.4 * centre)) - offset * bulge).astype(np.int32), length)
        for offset, length, centre in zip(drop, scene.shape, position, strict=True)
    )
    refracted = np.take(scene, row * scene.shape[1] + column)
    return np.asarray(refracted.view(np.uint8).reshape(*refracted.shape, 4)[..., :3] * np.float32(1 / 255))


def _reflect(indices: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    """Reflect indices beyond the edges into 0..length - 1."""
    folded = np.mod(indices, 2 * length)
    return np.asarray(np.minimum(folded, 2 * length - 1 - folded))


def _shade_drop(refracted: Pixels, down: Pixels, right: Pixels) -> Pixels:
    """Darken a drop towards its rim, most at the top, and add a glint of the sky."""
    rim = smoothstep(np.sqrt(np.square(down) + np.square(right)), 0.55, 1.05) * (
        np.float32(0.5) - np.float32(0.3) * down
    )
    glint = np.exp(np.square(down + np.float32(0.45)) * -40) * np.exp(np.square(right + np.float32(0.3)) * -40)
    glow = smoothstep(down, 0.1, 0.9) * np.float32(0.10)
    return np.asarray(refracted * (1 - rim)[..., np.newaxis] + (glow + np.float32(0.65) * glint)[..., np.newaxis])


def _dirt(case: Case) -> Image.Image:
    """Mud splashes and dust specks, out of focus; where they are thick, they block all light."""
    # Half the resolution is enough, because everything is out of focus.
    half = (-(-case.shape[0] // 2), -(-case.shape[1] // 2))
    unit = min(half)
    splashes = clouds(case.rng, half, unit * 0.2, octaves=3)
    texture = clouds(case.rng, half, unit * 0.05, octaves=2)
    edge = quantile(splashes, 1 - case["share"])
    mud = np.float32(0.97) * smoothstep(splashes, edge - 0.16, edge + 0.16)
    specks = case.rng.random((_DUST_SPECKS, 4))
    down, right = unit_grid(half)
    for x, y, size, dense in specks[: round(case["share"] * 2 * _DUST_SPECKS)].tolist():
        radius = 0.004 + 0.016 * size**4
        _add_speck(mud, (down - down[0, 0], right - right[0, 0]), (y, x), radius, 0.25 + 0.5 * dense)
    uneven = 1 + np.float32(0.3) * resize_field(texture, case.shape)
    colour = np.stack([uneven * part for part in _MUD], axis=-1)
    return image_from_light(blend(case.light(), colour, resize_field(mud, case.shape)))


def _add_speck(
    mud: Pixels, grid: tuple[Pixels, Pixels], position: tuple[float, float], radius: float, opacity: float
) -> None:
    """Add a soft speck to the opacity ``mud``; ``position`` is down and right, 0..1, lengths are in shorter sides."""
    (rows, columns), unit = mud.shape, min(mud.shape)
    reach = int(radius * 1.3 * unit) + 2
    row, column = int(position[0] * rows), int(position[1] * columns)
    window = np.s_[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    down, right = grid[0][window[0]] - np.float32(row / unit), grid[1][:, window[1]] - np.float32(column / unit)
    speck = np.float32(opacity) * (1 - smoothstep(np.hypot(down, right), radius * 0.6, radius * 1.2))
    mud[window] = 1 - (1 - mud[window]) * (1 - speck)


def _grease(case: Case) -> Image.Image:
    """A film of grease: it blurs, veils dark parts with light from bright ones, and shows wipe marks."""
    smears = smoothstep(clouds(case.rng, case.shape, case.side * 0.5, octaves=3), -1.9, 0.4)
    marks = _wipe_marks(case)
    film = np.float32(case["film"]) * smears * (np.float32(0.85) + np.float32(0.15) * marks)
    near = to_light(gaussian_blur(case.image, 0.014 * case.side))
    veil = to_light(gaussian_blur(case.image, 0.12 * case.side))
    spread = np.float32(0.42) * near + np.float32(0.5) * veil + np.float32(0.05)
    spread += np.float32(0.025) * marks[..., np.newaxis]
    return image_from_light(blend(case.light(), spread, np.clip(film, 0, 1)))


def _wipe_marks(case: Case) -> Pixels:
    """The traces of a cloth, -1..1: arcs around a point beside the image, as made by a wiping arm."""
    away, turn = case.rng.uniform(1.0, 1.6), case.rng.uniform(0, 2 * pi)
    ridges = case.rng.standard_normal(400).clip(-1.5, 1.5) / 1.5
    down, right = unit_grid(case.shape)
    distance = np.sqrt(np.square(right - np.float32(away * cos(turn))) + np.square(down - np.float32(away * sin(turn))))
    # A ridge every 0.02 shorter sides, interpolated; images longer than 7 shorter sides repeat them.
    fine = np.interp(np.arange(400 * 16) / 16, np.arange(400), ridges).astype(np.float32)
    return np.asarray(fine[np.mod((distance * np.float32(16 / 0.02)).astype(np.intp), len(fine))])


LENS: Final = (
    Corruption(
        "water_drops",
        "lens",
        "Water drops on the lens; count of drops as a share of 72.",
        {"share": (0.07, 0.18, 0.36, 0.62, 1.0)},
        _water_drops,
    ),
    Corruption(
        "dirt",
        "lens",
        "Mud and dust on the lens; share of the image covered by mud.",
        {"share": (0.03, 0.08, 0.16, 0.28, 0.45)},
        _dirt,
    ),
    Corruption(
        "grease",
        "lens",
        "Wiped film of grease on the lens; share of light scattered where it is thickest (film).",
        {"film": (0.2, 0.4, 0.6, 0.8, 1.0)},
        _grease,
    ),
)
