"""The pictures that are measured with: real photographs, unscaled, alone and in mosaics.

They come from the folder that ``$LOOKALIKE_DATA`` names, or from scikit-image, which carries a dozen. No 12-megapixel
photographs are at hand that may be passed on, so those are mosaics of unscaled pieces of smaller ones: an enlarged
photograph would have no fine detail and flatter a decoder that leaves it out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from lookalike.errors import PictureError
from lookalike.images.decode import open_picture
from lookalike.images.walk import find_pictures

_Make = Callable[[np.random.Generator], Image.Image]

MOSAIC_SIZE: Final = (4000, 3000)
_TILE: Final = (400, 300)
_SMALL: Final = (500, 375)
_MOST_SOURCES: Final = 300
_QUALITIES: Final = (75, 85, 92, 95)
_SUBSAMPLINGS: Final = ("4:2:0", "4:2:2", "4:4:4")
_PHOTOGRAPHS_OF_SCIKIT_IMAGE: Final = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where benchmarks may write; ``quick`` asks for fewer pictures and rounds."""

    folder: Path
    quick: bool

    def mosaics(self, count: int) -> list[Path]:
        """``count`` different mosaics of 12 megapixels, as JPEGs of several qualities and subsamplings."""
        return _kept(self.folder / "mosaics", count, _mosaic)

    def small(self, count: int) -> list[Path]:
        """``count`` different JPEGs of 500 x 375 pixels, pieces of photographs."""
        return _kept(self.folder / "small", count, _piece)

    def copies(self, name: str, originals: Sequence[Path], count: int) -> Path:
        """A folder of ``count`` copies; bytes after the picture's end make every file's content another."""
        folder = self.folder / name
        folder.mkdir()
        for number in range(count):
            content = originals[number % len(originals)].read_bytes()
            (folder / f"{number:05}.jpg").write_bytes(content + b"%08d" % number)
        return folder


def source() -> str:
    """Where the photographs come from, in words."""
    return os.environ.get("LOOKALIKE_DATA") or "scikit-image"


@cache
def _sources() -> list[Image.Image]:
    """Photographs large enough for a tile."""
    opened = (image for path in _source_files() if (image := _opened(path)) is not None)
    return [image for image in opened if image.width >= _TILE[0] and image.height >= _TILE[1]]


def _source_files() -> list[Path]:
    chosen = os.environ.get("LOOKALIKE_DATA")
    if chosen:
        found, _ = find_pictures(Path(chosen))
        step = max(1, len(found) // _MOST_SOURCES)
        return [Path(chosen, file.path) for file in found[::step]]
    import skimage

    return [Path(skimage.__file__).parent / "data" / name for name in _PHOTOGRAPHS_OF_SCIKIT_IMAGE]


def _opened(path: Path) -> Image.Image | None:
    try:
        return open_picture(path).pixels
    except PictureError:
        return None


def _kept(folder: Path, count: int, make: _Make) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            quality = _QUALITIES[number % len(_QUALITIES)]
            subsampling = _SUBSAMPLINGS[number % len(_SUBSAMPLINGS)]
            make(np.random.default_rng(number)).save(path, "JPEG", quality=quality, subsampling=subsampling)
    return paths


def _mosaic(rng: np.random.Generator) -> Image.Image:
    mosaic = Image.new("RGB", MOSAIC_SIZE)
    for corner in _corners():
        mosaic.paste(_cut(rng, _TILE), corner)
    return mosaic


def _corners() -> Iterator[tuple[int, int]]:
    for top in range(0, MOSAIC_SIZE[1], _TILE[1]):
        for left in range(0, MOSAIC_SIZE[0], _TILE[0]):
            yield left, top


def _piece(rng: np.random.Generator) -> Image.Image:
    return _cut(rng, _SMALL)


def _cut(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A piece of a photograph drawn at random, where it was drawn at random, mirrored every other time."""
    enough = [image for image in _sources() if image.width >= size[0] and image.height >= size[1]]
    image = enough[rng.integers(len(enough))]
    left, top = rng.integers(image.width - size[0] + 1), rng.integers(image.height - size[1] + 1)
    piece = image.crop((left, top, left + size[0], top + size[1]))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.integers(2) else piece
