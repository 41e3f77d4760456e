"""Index photos, search them by image, and write a page of the results.

Run by ``make demo``. The photos come with scikit-image. The gallery contains altered copies of them (cropped, turned,
mirrored, darkened, brightened, blurred), not the queries themselves. ``--photos`` uses a folder of your own instead.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

HERE = Path(__file__).resolve().parent
PAGE = HERE / "results.html"

PHOTOS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png",
    "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
QUERIES = ("chelsea.png", "coffee.png", "rocket.jpg")


def main() -> int:
    """Prepare the photos, run the commands, and print the path of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of your own photos")
    photos = parser.parse_args().photos
    if photos is None:
        folder, queries = HERE / "photos" / "gallery", write_photos(HERE / "photos")
        gallery = folder / ".lookalike"
    else:
        folder, queries = photos, choose_queries(photos)
        # Outside the user's folder, so that nothing is written there.
        gallery = HERE / "galleries" / hashlib.sha256(os.fsencode(photos.resolve())).hexdigest()[:16]
    run("index", folder, "--gallery", gallery)
    run("search", *queries, "--gallery", gallery, "-k", "8", "--html", PAGE)
    print(f"\nPage of results: {PAGE}")
    program = Path(sys.executable).with_name("lookalike")
    command = shlex.join([os.path.relpath(program), "serve", "--gallery", os.path.relpath(gallery), "--open"])
    print(f"To look at the images in your browser, and drop in others: {command}")
    return 0


def write_photos(folder: Path) -> list[Path]:
    """Write the altered copies and the queries, the same files on every run; returns the queries."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("demo: scikit-image, which contains the photos, is not installed; run: make demo")
    source = Path(spec.submodule_search_locations[0]) / "data"
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    for name in PHOTOS:
        with Image.open(source / name) as file:
            photo = file.convert("RGB")
        for description, alter in ALTERATIONS.items():
            target = folder / "gallery" / f"{Path(name).stem} {description}.jpg"
            if not target.exists():
                alter(photo).save(target, quality=88)
    return [Path(shutil.copy(source / name, folder / name)) for name in QUERIES]


def _crop(share: float, left: float, top: float) -> Callable[[Image.Image], Image.Image]:
    def crop(image: Image.Image) -> Image.Image:
        width, height = image.width * share, image.height * share
        x, y = (image.width - width) * left, (image.height - height) * top
        return image.crop((round(x), round(y), round(x + width), round(y + height)))

    return crop


def _rotate(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Rotate, and crop away the empty corners."""

    def turn(image: Image.Image) -> Image.Image:
        return _crop(0.7, 0.5, 0.5)(image.rotate(degrees, Image.Resampling.BICUBIC))

    return turn


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "left half": _crop(0.62, 0.0, 0.4),
    "right half": _crop(0.62, 1.0, 0.6),
    "turned": _rotate(17),
    "mirrored, small": lambda image: ImageOps.mirror(image).resize((image.width // 3, image.height // 3)),
    "at dusk": lambda image: ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(0.38)).enhance(0.6),
    "overexposed": lambda image: ImageEnhance.Brightness(image).enhance(1.7),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(image.height / 90)),
    "grey": lambda image: image.convert("L"),
}


def choose_queries(folder: Path) -> list[Path]:
    """Three images of a folder, sampled with a fixed seed."""
    from lookalike.images.walk import find_images

    found = find_images(folder).files
    if not found:
        sys.exit(f"demo: no images in {folder}")
    chosen = random.Random(0).sample(found, min(3, len(found)))  # noqa: S311  not for security
    return [folder / file.path for file in chosen]


def run(*arguments: str | Path) -> None:
    """Print a command and run it as a user would; exits if it fails."""
    command = [os.path.relpath(argument) if isinstance(argument, Path) else argument for argument in arguments]
    print("\n$ " + shlex.join(["lookalike", *command]), flush=True)
    done = subprocess.run([sys.executable, "-m", "lookalike.cli.main", *command], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
