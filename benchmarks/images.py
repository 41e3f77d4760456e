"""The images used for measuring: crops of photos, and mosaics of such crops.

The photos are those in ``$LOOKALIKE_DATA``, or about a dozen in scikit-image. There are no 12-megapixel photos that may
be redistributed, so large images are mosaics of unscaled crops. Enlarged photos would lack fine detail, which
would favour decoding at a reduced size.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from lookalike.errors import ImageError
from lookalike.images.decode import open_image
from lookalike.images.walk import find_images

_Make = Callable[[np.random.Generator], Image.Image]

MOSAIC_SIZE: Final = (4000, 3000)
_TILE: Final = (400, 300)
_SMALL: Final = (500, 375)
_MAX_SOURCES: Final = 300
_QUALITIES: Final = (75, 85, 92, 95)
_SUBSAMPLINGS: Final = ("4:2:0", "4:2:2", "4:4:4")
_SCIKIT_IMAGE_FILES: Final = (
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
class Workspace:
    """The folder for files of benchmarks; with ``quick`` they use fewer images and rounds."""

    folder: Path
    quick: bool

    def mosaics(self, count: int) -> list[Path]:
        """``count`` different mosaics of 12 megapixels, as JPEGs of several qualities and subsamplings."""
        return _create_missing(self.folder / "mosaics", count, _mosaic)

    def small(self, count: int) -> list[Path]:
        """``count`` different JPEGs of 500 x 375 pixels, crops of photos."""
        return _create_missing(self.folder / "small", count, _small_image)

    def copies(self, name: str, originals: Sequence[Path], count: int) -> Path:
        """A folder of ``count`` copies; bytes after the end of the image make the content of each file unique."""
        folder = self.folder / name
        folder.mkdir()
        for number in range(count):
            content = originals[number % len(originals)].read_bytes()
            (folder / f"{number:05}.jpg").write_bytes(content + b"%08d" % number)
        return folder


def source() -> str:
    """The source of the photos: a folder, or scikit-image."""
    return os.environ.get("LOOKALIKE_DATA") or "scikit-image"


@cache
def _sources() -> list[Image.Image]:
    """The photos that are large enough for a tile."""
    images = (image for path in _source_files() if (image := _open(path)) is not None)
    return [image for image in images if image.width >= _TILE[0] and image.height >= _TILE[1]]


def _source_files() -> list[Path]:
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder:
        found = find_images(Path(folder)).files
        step = max(1, len(found) // _MAX_SOURCES)
        return [Path(folder, file.path) for file in found[::step]]
    spec = importlib.util.find_spec("skimage")  # only its photos are installed, not what its code needs
    if spec is None or spec.origin is None:
        sys.exit("bench: scikit-image, which contains the photos, is not installed; run: make bench")
    return [Path(spec.origin).parent / "data" / name for name in _SCIKIT_IMAGE_FILES]


def _open(path: Path) -> Image.Image | None:
    try:
        return open_image(path).pixels
    except ImageError:
        return None


def _create_missing(folder: Path, count: int, make: _Make) -> list[Path]:
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
        mosaic.paste(_random_crop(rng, _TILE), corner)
    return mosaic


def _corners() -> Iterator[tuple[int, int]]:
    for top in range(0, MOSAIC_SIZE[1], _TILE[1]):
        for left in range(0, MOSAIC_SIZE[0], _TILE[0]):
            yield left, top


def _small_image(rng: np.random.Generator) -> Image.Image:
    return _random_crop(rng, _SMALL)


def _random_crop(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A random crop of a random photo, mirrored with probability 0.5."""
    candidates = [image for image in _sources() if image.width >= size[0] and image.height >= size[1]]
    image = candidates[rng.integers(len(candidates))]
    left, top = rng.integers(image.width - size[0] + 1), rng.integers(image.height - size[1] + 1)
    crop = image.crop((left, top, left + size[0], top + size[1]))
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.integers(2) else crop
