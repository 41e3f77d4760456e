"""Files with wrong bytes: a gallery's, which a check must find, and images, which must never stop the rest."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from drawing import draw
from fakes import FakeEncoder
from lookalike.embedding.files import EmbeddedFile, embed_files
from lookalike.embedding.limits import FileLimits
from lookalike.gallery.care import check
from lookalike.images.files import FileStat, FoundFile
from lookalike.text import printable
from torture.operations import BrokenPromiseError, Case

_HEIC: Final = Path(__file__).parents[1] / "data" / "turned.heic"
_SIZE: Final = (96, 64)
_FLIPS: Final = 500
_MUTATIONS: Final = 1000


def bit_flips(folder: Path, seed: int, trials: int | None) -> str:
    """Flip one bit of a gallery's files: a check finds it, or the gallery holds and answers what it did."""
    case = Case(folder)
    case.reset("backup")
    before = case.state()
    files = sorted(path for path in case.gallery.iterdir() if path.suffix in {".npy", ".rows", ".sqlite3", ".json"})
    rng, found, total = random.Random(seed), 0, trials or _FLIPS * len(files)
    for number in range(total):
        file = files[number % len(files)]
        case.reset("backup")
        content = bytearray(file.read_bytes())
        place, bit = rng.randrange(len(content)), rng.randrange(8)
        content[place] ^= 1 << bit
        file.write_bytes(content)
        if check(case.gallery)[1]:
            found += 1
        elif case.state() != before:
            raise BrokenPromiseError(f"bit {bit} of byte {place} of {file.name} was not found")
    return f"{total} bit flips in {len(files)} files: {found} found, {total - found} without consequence"


def mutated_images(folder: Path, seed: int, trials: int | None) -> str:
    """Read images of every format with wrong, missing and repeated bytes: each is used, or skipped with a reason."""
    originals, rng = _originals(), random.Random(seed)
    total, used, kinds = trials or _MUTATIONS * len(originals), 0, {}
    files = []
    for number in range(total):
        extension, content = originals[number % len(originals)]
        path = folder / f"{number}{extension}"
        path.write_bytes(_mutated(content, rng))
        files.append(FoundFile(path.name, FileStat.of(path.stat())))
    for batch in embed_files(FakeEncoder(), folder, files, limits=FileLimits(seconds=5)):
        for outcome in batch:
            if isinstance(outcome, EmbeddedFile):
                used += 1
                continue
            kinds[str(outcome.kind)] = kinds.get(str(outcome.kind), 0) + 1
            if not outcome.reason or printable(outcome.reason) != outcome.reason:
                raise BrokenPromiseError(f"{outcome.path}: skipped for the reason {outcome.reason!r}")
    if used + sum(kinds.values()) != total:
        raise BrokenPromiseError(f"{used} images used, and skipped: {kinds}; but there were {total}")
    listed = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return f"{total} mutated images of {len(originals)} kinds: {used} used; skipped: {listed}"


def _originals() -> list[tuple[str, bytes]]:
    """Images of every format that is read: extension and content."""
    image, pixels = draw(1, _SIZE), np.asarray(draw(1, _SIZE))
    frames = [draw(number, _SIZE) for number in range(3)]
    return [
        (".jpg", _saved(image, "JPEG", quality=90)),
        (".jpeg", _saved(image, "JPEG", progressive=True)),
        (".jls", imagecodecs.jpegls_encode(pixels)),
        (".png", _saved(image, "PNG")),
        (".apng", _saved(frames[0], "PNG", save_all=True, append_images=frames[1:])),
        (".webp", _saved(image, "WEBP")),
        (".gif", _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])),
        (".bmp", _saved(image, "BMP")),
        (".tif", _saved(image, "TIFF", compression="tiff_lzw")),
        (".tiff", _tiff(pixels.astype(np.uint16) * 257, tile=(32, 32), compression="zlib")),
        (".avif", _saved(image, "AVIF")),
        (".heic", _HEIC.read_bytes()),
        (".jp2", _saved(image, "JPEG2000")),
        (".jxl", imagecodecs.jpegxl_encode(pixels)),
        (".ppm", _saved(image, "PPM")),
        (".ico", _saved(image, "ICO")),
        (".tga", _saved(image, "TGA")),
    ]


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _tiff(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Change ``content`` one to four times, mostly near its beginning, where the structure is."""
    mutated = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if mutated:
            rng.choice(_CHANGES)(mutated, _place(len(mutated), rng), rng)
    return bytes(mutated)


def _place(size: int, rng: random.Random) -> int:
    return min(int(size * rng.random() ** rng.choice((1, 4))), size - 1)


def _overwrite(content: bytearray, place: int, rng: random.Random) -> None:
    content[place] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _overwrite_number(content: bytearray, place: int, rng: random.Random) -> None:
    number = rng.choice((0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF))
    content[place : place + 4] = number.to_bytes(4, rng.choice(("big", "little")))


def _flip(content: bytearray, place: int, rng: random.Random) -> None:
    content[place] ^= 1 << rng.randrange(8)


def _cut(content: bytearray, place: int, rng: random.Random) -> None:
    del content[place:]


def _remove(content: bytearray, place: int, rng: random.Random) -> None:
    del content[place : place + rng.randint(1, 64)]


def _repeat(content: bytearray, place: int, rng: random.Random) -> None:
    content[place:place] = content[place : place + rng.randint(1, 256)] * rng.randint(1, 8)


def _blank(content: bytearray, place: int, rng: random.Random) -> None:
    size = min(rng.randint(1, 512), len(content) - place)
    content[place : place + size] = bytes(size)


_CHANGES: Final[tuple[Callable[[bytearray, int, random.Random], None], ...]] = (
    *(_overwrite, _overwrite_number, _flip, _cut, _remove, _repeat, _blank),
)
