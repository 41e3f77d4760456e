"""The main job once through: index real photographs, search them by picture, write a page of the results.

Run by ``make demo``. The photographs come with scikit-image; the gallery holds crops, turned, mirrored, relit, blurred
and worn copies of them, so that a query has to be recognised, not merely found again. ``--photos`` takes a folder of
your own instead.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

HERE = Path(__file__).resolve().parent
PAGE = HERE / "results.html"

PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png",
    "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
QUERIES = ("chelsea.png", "coffee.png", "rocket.jpg")


def main() -> int:
    """Make the photographs ready, run the commands that a user would type, and say where the page is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of photographs of your own")
    photos = parser.parse_args().photos
    if photos is None:
        folder, queries = HERE / "photos" / "gallery", make_photographs(HERE / "photos")
        gallery = folder / ".lookalike"
    else:
        folder, queries = photos, choose_queries(photos)
        # Beside the demo, not in your folder: it only wants to look.
        gallery = HERE / "galleries" / hashlib.sha256(os.fsencode(photos.resolve())).hexdigest()[:16]
    run("index", folder, "--gallery", gallery)
    run("search", *queries, "--gallery", gallery, "-k", "8", "--html", PAGE)
    print(f"\nThe page of results: {PAGE}")
    return 0


def make_photographs(folder: Path) -> list[Path]:
    """Write the queries and the altered copies that make up the gallery; the same files on every run."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("demo: scikit-image, which carries the photographs, is not installed; run: make demo")
    source = Path(spec.submodule_search_locations[0]) / "data"
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        with Image.open(source / name) as opened:
            photograph = opened.convert("RGB")
        for what, alter in ALTERATIONS.items():
            target = folder / "gallery" / f"{Path(name).stem} {what}.jpg"
            if not target.exists():
                alter(photograph).save(target, quality=88)
    return [Path(shutil.copy(source / name, folder / name)) for name in QUERIES]


def _cropped(share: float, left: float, top: float) -> Callable[[Image.Image], Image.Image]:
    def crop(image: Image.Image) -> Image.Image:
        width, height = image.width * share, image.height * share
        x, y = (image.width - width) * left, (image.height - height) * top
        return image.crop((round(x), round(y), round(x + width), round(y + height)))

    return crop


def _turned(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Turn, and cut off the corners that this leaves empty."""

    def turn(image: Image.Image) -> Image.Image:
        return _cropped(0.7, 0.5, 0.5)(image.rotate(degrees, Image.Resampling.BICUBIC))

    return turn


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "left half": _cropped(0.62, 0.0, 0.4),
    "right half": _cropped(0.62, 1.0, 0.6),
    "turned": _turned(17),
    "mirrored, small": lambda image: ImageOps.mirror(image).resize((image.width // 3, image.height // 3)),
    "at dusk": lambda image: ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(0.38)).enhance(0.6),
    "overexposed": lambda image: ImageEnhance.Brightness(image).enhance(1.7),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(image.height / 90)),
    "grey": lambda image: image.convert("L"),
}


def choose_queries(folder: Path) -> list[Path]:
    """Three pictures of a folder, drawn with a fixed seed."""
    from lookalike.images.walk import find_pictures

    found, _ = find_pictures(folder)
    if not found:
        sys.exit(f"demo: no pictures in {folder}")
    chosen = random.Random(0).sample(found, min(3, len(found)))  # noqa: S311  no secret
    return [folder / file.path for file in chosen]


def run(*arguments: str | Path) -> None:
    """Run one command of Lookalike as a user would, showing it first; ends the demo where the command fails."""
    words = [os.path.relpath(argument) if isinstance(argument, Path) else argument for argument in arguments]
    print("\n$ lookalike " + " ".join(f"'{word}'" if " " in word else word for word in words), flush=True)
    done = subprocess.run([sys.executable, "-m", "lookalike.cli.main", *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
