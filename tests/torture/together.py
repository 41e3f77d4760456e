"""A reader and two writers at once, one of them killed again and again; and thousands of cycles of one program."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from drawing import draw, drawn
from fakes import FakeEncoder
from lookalike import Gallery
from lookalike.errors import GalleryLockedError, ImageError
from lookalike.gallery.care import check
from torture.operations import BrokenPromiseError, call, load, sha256_of

_IMAGES: Final = 24
_ROUNDS: Final = 300
_WRITING_SECONDS: Final = 0.1
_CYCLES: Final = 2000
_WARM_UP: Final = 0.25
"""The share of the cycles after which memory, handles and disk must not grow any more."""
_ALLOWED_BYTES: Final = 8 << 20
_ALLOWED_DISK_BYTES: Final = 200_000
"""Unused rows are given back at 256 of them; how many there are at the start and the end is chance."""


def reader_and_writers(folder: Path, seed: int, trials: int | None) -> str:
    """While two processes update a gallery and are killed, a reader always gets whole answers."""
    photos, gallery = folder / "photos", folder / "gallery"
    for number in range(_IMAGES):
        drawn(photos / f"{number}.png", number)
    result = call("index", str(photos), "--gallery", str(gallery))
    assert result.code == 0, result
    rng, rounds, kills = random.Random(seed), trials or _ROUNDS, 0
    reader = _start(lambda: _read_until_told(photos, gallery))
    try:
        for number in range(rounds):
            _change(photos, number)
            writers = [_start(lambda: _write(gallery)) for _ in range(2)]
            time.sleep(rng.random() * _WRITING_SECONDS)
            os.kill(rng.choice(writers), signal.SIGKILL)
            for writer in writers:
                code = _ended(writer)
                kills += code == -signal.SIGKILL
                if code not in (0, -signal.SIGKILL):
                    raise BrokenPromiseError(f"a writer ended with {code}")
    finally:
        os.kill(reader, signal.SIGTERM)
        code = _ended(reader)
    if code != 0:
        raise BrokenPromiseError(f"the reader ended with {code}")
    result = call("index", "--gallery", str(gallery))
    if result.code != 0 or check(gallery, deep=True)[1]:
        raise BrokenPromiseError(f"the last update: {result}, {check(gallery, deep=True)[1]}")
    return f"{rounds} rounds of a reader and two writers with {kills} kills: every answer whole"


def cycles(folder: Path, seed: int, trials: int | None) -> str:
    """Add, change, remove and search, again and again in one process: memory, handles and disk don't grow."""
    photos, total = folder / "photos", trials or _CYCLES
    for number in range(_IMAGES):
        drawn(photos / f"{number}.png", number)
    sizes = []
    with Gallery.create(photos, folder / "gallery", encoder=FakeEncoder()) as gallery:
        gallery.update()
        for number in range(total):
            _change(photos, number)
            gallery.update()
            hits = gallery.search(draw(number), 5).hits
            if len(gallery) != _IMAGES or len(hits) != 5:
                raise BrokenPromiseError(f"cycle {number}: {len(gallery)} images, {len(hits)} hits")
            sizes.append(_sizes(folder / "gallery"))
    values = np.array(sizes, np.float64)
    start = values[int(len(values) * _WARM_UP)]
    growth = values[-1] - start
    figures = (
        f"{total} cycles; from cycle {int(total * _WARM_UP)} on: memory {growth[0] / 1e6:+.1f} MB, "
        f"open files {growth[1]:+.0f}, disk {growth[2] / 1e6:+.2f} MB (now {values[-1][2] / 1e6:.2f} MB)"
    )
    if growth[0] > _ALLOWED_BYTES or growth[1] > 0 or growth[2] > _ALLOWED_DISK_BYTES:
        raise BrokenPromiseError(figures)
    return figures


def _change(photos: Path, number: int) -> None:
    """Replace an image, rename another and change a third; their number stays."""
    images = sorted(photos.iterdir())
    images[number % len(images)].unlink()
    drawn(photos / f"new{number}.png", 1000 + number)
    images = sorted(photos.iterdir())
    images[number * 7 % len(images)].replace(photos / f"moved{number}.png")
    drawn(images[(number * 7 + 1) % len(images)], 100_000 + number)


def _sizes(gallery: Path) -> tuple[int, int, int]:
    """Memory in bytes, open files, and the bytes of the gallery without SQLite's log, which soon has its full size."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    disk = sum(path.stat().st_size for path in gallery.iterdir() if not path.name.endswith("-wal"))
    return pages * resource.getpagesize(), sum(1 for _ in Path("/proc/self/fd").iterdir()), disk


def _write(gallery: Path) -> int:
    with suppress(GalleryLockedError), Gallery.open(gallery, load=load, writing=True) as opened:
        opened.update()
    return 0


def _read_until_told(photos: Path, gallery: Path) -> int:
    """Search until a signal comes; every image that is found has the embedding of its content."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    encoder, right = FakeEncoder(), {}
    with Gallery.open(gallery, encoder=encoder) as opened:
        while not told:
            for image in photos.iterdir():
                with suppress(ImageError):  # it was replaced at this moment
                    right.setdefault(sha256_of(image), encoder.embed([image])[0])
            for image, vector in opened.iter_embeddings():
                if image.digest in right and not np.array_equal(vector, right[image.digest]):
                    return 1
            if len(opened.search(draw(5), 5).hits) != 5:
                return 2
    return 0


def _start(work: Callable[[], int]) -> int:
    """Do ``work`` in a child process, whose exit code is what it returns; returns the process id."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return child


def _ended(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
