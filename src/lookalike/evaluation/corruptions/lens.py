"""What sticks to the lens: water, dirt, grease. All of it is far too near to be in focus."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.corruptions.convolution import softened
from lookalike.evaluation.corruptions.corruption import Case, Corruption
from lookalike.evaluation.corruptions.fields import clouds, cut, smooth_step, stretched, unit_grid
from lookalike.evaluation.corruptions.pixels import Pixels, light_of, mixed, picture_of_levels, picture_of_light

_MOST_DROPS = 72
_SEEN_THROUGH_A_DROP = 0.9
_MUD: Final = np.array([0.062, 0.046, 0.031], np.float32)
_DUST_SPECKS = 160


def _drops(case: Case) -> Image.Image:
    """Each drop is a small lens: it shows much of the scene, upside down, with a dark rim and a glint."""
    levels = case.levels()
    # Four bytes a pixel are fetched at once, which is what most of the time goes into.
    scene = np.asarray(softened(case.image, 0.006 * case.side).convert("RGBA")).view(np.uint32)[..., 0]
    rows, columns = case.shape
    drawn = case.rng.random((_MOST_DROPS, 6))
    for x, y, size, flat, lean, wobble in drawn[: round(case["share"] * _MOST_DROPS)].tolist():
        radius = (0.014 + 0.08 * size**3) * case.side
        row, column, reach = int(y * rows), int(x * columns), int(radius * 1.2) + 2
        here = np.s_[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        down = (np.arange(rows, dtype=np.float32)[here[0], np.newaxis] - np.float32(row)) / np.float32(radius)
        right = (np.arange(columns, dtype=np.float32)[np.newaxis, here[1]] - np.float32(column)) / np.float32(radius)
        seen = _through_a_drop(scene, (down, right), (y, x))
        part = levels[here]
        part += _drop_mask(down, right, flat, lean, wobble)[..., np.newaxis] * (_shaded(seen, down, right) - part)
    return picture_of_levels(levels)


def _drop_mask(down: Pixels, right: Pixels, flat: float, lean: float, wobble: float) -> Pixels:
    """Where a drop is, 0..1: round but for a lean, heavier at its foot, with an uneven outline."""
    aside = (right + np.float32(0.5 * (lean - 0.5)) * down) * (np.float32(1.05) - np.float32(0.18) * down)
    aside *= np.float32(1 + 0.25 * flat)
    across, along = np.square(aside), np.square(down)
    # The real and the imaginary part of (aside + i down) cubed: three bumps round the outline, turned by wobble.
    bumps = np.float32(cos(2 * pi * wobble)) * aside * (across - 3 * along)
    bumps += np.float32(sin(2 * pi * wobble)) * down * (3 * across - along)
    return 1 - smooth_step(np.sqrt(across + along) + np.float32(0.06) * bumps, 0.86, 1.04)


def _through_a_drop(scene: NDArray[np.uint32], drop: tuple[Pixels, Pixels], place: tuple[float, float]) -> Pixels:
    """The scene, RGBA packed in 32 bits, as a drop at ``place`` (down and right, 0..1) shows it: upside down."""
    bulge = np.float32(_SEEN_THROUGH_A_DROP / 2 * min(scene.shape)) * (
        1 + np.float32(0.35) * (np.square(drop[0]) + np.square(drop[1]))
    )
    row, column = (
        _reflected((np.float32(length * (0.3 + 0.4 * where)) - offset * bulge).astype(np.int32), length)
        for offset, length, where in zip(drop, scene.shape, place, strict=True)
    )
    seen = np.take(scene, row * scene.shape[1] + column)
    return np.asarray(seen.view(np.uint8).reshape(*seen.shape, 4)[..., :3] * np.float32(1 / 255))


def _reflected(places: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    """Places beyond an edge, thrown back into 0..length - 1."""
    around = np.mod(places, 2 * length)
    return np.asarray(np.minimum(around, 2 * length - 1 - around))


def _shaded(seen: Pixels, down: Pixels, right: Pixels) -> Pixels:
    """Darker towards the rim, most at the top, and a glint of the sky."""
    rim = smooth_step(np.sqrt(np.square(down) + np.square(right)), 0.55, 1.05) * (
        np.float32(0.5) - np.float32(0.3) * down
    )
    glint = np.exp(np.square(down + np.float32(0.45)) * -40) * np.exp(np.square(right + np.float32(0.3)) * -40)
    glow = smooth_step(down, 0.1, 0.9) * np.float32(0.10)
    return np.asarray(seen * (1 - rim)[..., np.newaxis] + (glow + np.float32(0.65) * glint)[..., np.newaxis])


def _dirt(case: Case) -> Image.Image:
    """Splashes of mud, out of focus, and specks of dust; where they are thick no light comes through."""
    # All of it is out of focus, so half the resolution shows it as well.
    half = (-(-case.shape[0] // 2), -(-case.shape[1] // 2))
    unit = min(half)
    splashes = clouds(case.rng, half, unit * 0.2, octaves=3)
    texture = clouds(case.rng, half, unit * 0.05, octaves=2)
    edge = cut(splashes, 1 - case["share"])
    mud = np.float32(0.97) * smooth_step(splashes, edge - 0.16, edge + 0.16)
    specks = case.rng.random((_DUST_SPECKS, 4))
    down, right = unit_grid(half)
    for x, y, size, dense in specks[: round(case["share"] * 2 * _DUST_SPECKS)].tolist():
        radius = 0.004 + 0.016 * size**4
        _add_speck(mud, (down - down[0, 0], right - right[0, 0]), (y, x), radius, 0.25 + 0.5 * dense)
    uneven = 1 + np.float32(0.3) * stretched(texture, case.shape)
    colour = np.stack([uneven * part for part in _MUD], axis=-1)
    return picture_of_light(mixed(case.light(), colour, stretched(mud, case.shape)))


def _add_speck(
    mud: Pixels, grid: tuple[Pixels, Pixels], place: tuple[float, float], radius: float, dense: float
) -> None:
    """Darken ``mud`` by a soft speck; ``place`` is down and right, 0..1, lengths are shorter sides."""
    (rows, columns), unit = mud.shape, min(mud.shape)
    reach = int(radius * 1.3 * unit) + 2
    row, column = int(place[0] * rows), int(place[1] * columns)
    here = np.s_[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    down, right = grid[0][here[0]] - np.float32(row / unit), grid[1][:, here[1]] - np.float32(column / unit)
    speck = np.float32(dense) * (1 - smooth_step(np.hypot(down, right), radius * 0.6, radius * 1.2))
    mud[here] = 1 - (1 - mud[here]) * (1 - speck)


def _grease(case: Case) -> Image.Image:
    """A film of grease: it blurs, veils what is dark with the light of what is bright, and shows how it was wiped."""
    smears = smooth_step(clouds(case.rng, case.shape, case.side * 0.5, octaves=3), -1.9, 0.4)
    strokes = _strokes(case)
    film = np.float32(case["film"]) * smears * (np.float32(0.85) + np.float32(0.15) * strokes)
    near = light_of(softened(case.image, 0.014 * case.side))
    veil = light_of(softened(case.image, 0.12 * case.side))
    spread = np.float32(0.42) * near + np.float32(0.5) * veil + np.float32(0.05)
    spread += np.float32(0.025) * strokes[..., np.newaxis]
    return picture_of_light(mixed(case.light(), spread, np.clip(film, 0, 1)))


def _strokes(case: Case) -> Pixels:
    """The cloth's traces, -1..1: arcs about a point beside the picture, as the arm moves that wipes."""
    away, turn = case.rng.uniform(1.0, 1.6), case.rng.uniform(0, 2 * pi)
    ridges = case.rng.standard_normal(400).clip(-1.5, 1.5) / 1.5
    down, right = unit_grid(case.shape)
    distance = np.sqrt(np.square(right - np.float32(away * cos(turn))) + np.square(down - np.float32(away * sin(turn))))
    # One ridge to 0.02 shorter sides, smoothed between; a picture more than 7 sides long has them again.
    fine = np.interp(np.arange(400 * 16) / 16, np.arange(400), ridges).astype(np.float32)
    return np.asarray(fine[np.mod((distance * np.float32(16 / 0.02)).astype(np.intp), len(fine))])


LENS: Final = (
    Corruption(
        "water_drops",
        "lens",
        "Drops of water on the lens, each of which shows the scene upside down; the share of 72 drops.",
        {"share": (0.07, 0.18, 0.36, 0.62, 1.0)},
        _drops,
    ),
    Corruption(
        "dirt",
        "lens",
        "Mud and dust on the lens; the share of the picture that mud covers.",
        {"share": (0.03, 0.08, 0.16, 0.28, 0.45)},
        _dirt,
    ),
    Corruption(
        "grease",
        "lens",
        "A greasy film on the lens, wiped; the share of light that it scatters where it is thickest.",
        {"film": (0.2, 0.4, 0.6, 0.8, 1.0)},
        _grease,
    ),
)
