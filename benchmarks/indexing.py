"""Indexing: against decoding in full one picture after another, and against what the processors need at the least."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.alternation import in_turns, measure
from benchmarks.machine import cores
from benchmarks.photographs import Place
from benchmarks.report import Line, Target
from lookalike.embedding import embed_files
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.gallery.gallery import Gallery
from lookalike.images.decode import open_picture
from lookalike.images.files import sha256
from lookalike.images.walk import find_pictures

_SERIAL_SAMPLE = 8
_LARGE = "indexing 12-megapixel mosaics"
_SMALL = "indexing small JPEGs"


def run(place: Place) -> Iterator[Line]:
    """Large pictures, then small ones."""
    encoder = load_encoder()
    rounds = 2 if place.quick else 5
    yield from _large(encoder, place, rounds)
    yield from _small(encoder, place, rounds)


def _large(encoder: Encoder, place: Place, rounds: int) -> Iterator[Line]:
    originals = place.mosaics(16 if place.quick else 48)
    folder = place.copies("large", originals, len(originals))
    index = indexing(encoder, folder, place.folder / "large-gallery")
    sample = originals[:_SERIAL_SAMPLE]
    ours, theirs = in_turns(measure(index), measure(lambda: _serially(encoder, sample)), rounds=rounds)
    ours, theirs = ours.per(len(originals)), theirs.per(len(sample))
    against = f"full decode, serial: {1 / theirs.wall:.1f}/s"
    yield Line(_LARGE, f"{1 / ours.wall:.1f} pictures/s", against, theirs.wall / ours.wall, Target(4))
    against = f"full decode, serial: {theirs.cpu * 1e3:.0f} ms"
    yield Line(f"{_LARGE}: processor time", f"{ours.cpu * 1e3:.0f} ms/picture", against, theirs.cpu / ours.cpu)


def _small(encoder: Encoder, place: Place, rounds: int) -> Iterator[Line]:
    originals = place.small(64 if place.quick else 256)
    folder = place.copies("small-copies", originals, len(originals))
    index = indexing(encoder, folder, place.folder / "small-gallery")
    paths = [folder / file.path for file in find_pictures(folder)[0]]
    prepared = [encoder.prepare(open_picture(path, least_side=encoder.least_side)) for path in paths]
    size = encoder.batch
    batches = [prepared[start : start + size] for start in range(0, len(prepared), size)]
    whole, reading, encoding = in_turns(
        measure(index),
        measure(lambda: [_read(encoder, path) for path in paths]),
        measure(lambda: [encoder.embed_prepared(batch) for batch in batches]),
        rounds=rounds,
    )
    whole, reading, encoding = (spent.per(len(paths)) for spent in (whole, reading, encoding))
    least = reading.cpu + encoding.cpu
    against = f"floor of {cores()} cores: {cores() / least:.1f}/s"
    yield Line(_SMALL, f"{1 / whole.wall:.1f} pictures/s", against, least / cores() / whole.wall, Target(0.9))
    against = f"read {reading.cpu * 1e3:.1f} + encode {encoding.cpu * 1e3:.1f} ms"
    yield Line(f"{_SMALL}: processor time", f"{whole.cpu * 1e3:.1f} ms/picture", against, least / whole.cpu)


def indexing(encoder: Encoder, folder: Path, gallery: Path) -> Callable[[], None]:
    """Index ``folder`` into a new gallery, from listing the folder to the last commit."""

    def index() -> None:
        shutil.rmtree(gallery, ignore_errors=True)
        with Gallery.create(folder, gallery, encoder=encoder) as made:
            made.update()

    return index


def embedding(encoder: Encoder, folder: Path) -> Callable[[], None]:
    """Embed the pictures of ``folder`` and keep nothing."""
    found, _ = find_pictures(folder)

    def embed() -> None:
        for _ in embed_files(encoder, folder, found):
            pass

    return embed


def _serially(encoder: Encoder, paths: Sequence[Path]) -> None:
    """The plain way: decode all of a picture, prepare it, encode it, go on to the next."""
    for path in paths:
        encoder.embed_prepared([encoder.prepare(open_picture(path))])


def _read(encoder: Encoder, path: Path) -> None:
    with path.open("rb") as file:
        sha256(file)
        encoder.prepare(open_picture(file, least_side=encoder.least_side))
