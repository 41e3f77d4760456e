"""Searching 100,000 pictures: the scan against the memory-read limit, and the command as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.alternation import in_turns, measure
from benchmarks.galleries import imagined, make_gallery, unit_vectors
from benchmarks.machine import reader
from benchmarks.photographs import Place
from benchmarks.processes import lookalike, peak_memory
from benchmarks.report import Line, Target, skipped
from lookalike.encoders.encoder import load_encoder
from lookalike.search.index import ExactIndex, Vectors
from lookalike.search.ranking import order
from lookalike.search.similarity import cosines

_PICTURES = 100_000
_DIMENSION = 512
_K = 10
_SECONDS = 1.2
_MEGABYTES = 500


def run(place: Place) -> Iterator[Line]:
    """The scan, the command, its memory."""
    yield _scan(place)
    yield from _command(place)


def _scan(place: Place) -> Line:
    file = place.folder / "matrix.f32"
    unit_vectors(np.random.default_rng(0), _PICTURES, _DIMENSION).tofile(file)
    matrix = np.memmap(file, np.float32, "r", shape=(_PICTURES, _DIMENSION))
    index = ExactIndex(Vectors(np.arange(_PICTURES), np.arange(_PICTURES), matrix))
    query = np.array(matrix[4711])

    def search() -> None:
        ids, vectors = index.candidates(query, _K)
        ids[order(cosines(query, vectors))[:_K]]

    ours, limit = in_turns(measure(search), measure(reader(matrix)), rounds=15 if place.quick else 41)
    gigabytes = matrix.nbytes / 1e9
    what = f"exact top-{_K} of {_PICTURES:,} x {_DIMENSION}: {ours.wall * 1e3:.1f} ms"
    against = f"memory-read limit {gigabytes / limit.wall:.1f} GB/s"
    return Line(what, f"{gigabytes / ours.wall:.1f} GB/s", against, limit.wall / ours.wall, Target(0.6))


def _command(place: Place) -> Iterator[Line]:
    folder = place.folder / "hundred-thousand"
    file = make_gallery(folder, place.folder, load_encoder().spec, imagined(_PICTURES))
    arguments = ("search", str(place.small(1)[0]), "--gallery", str(folder), "--json")
    rounds = 5 if place.quick else 11
    whole, bare = in_turns(lookalike(*arguments), lookalike("--version"), rounds=rounds)
    what = f"lookalike search, {_PICTURES:,} pictures, whole process"
    against = f"limit {_SECONDS} s (--version takes {bare.wall:.2f} s)"
    yield Line(what, f"{whole.wall:.2f} s", against, whole.wall / _SECONDS, Target(1, most=True))
    yield Line("its processor time", f"{whole.cpu:.2f} s", f"--version: {bare.cpu:.2f} s", whole.cpu / bare.cpu)
    yield _memory(arguments, file)


def _memory(arguments: tuple[str, ...], file: Path) -> Line:
    what = "its peak memory beyond the mapped vector file"
    peak = peak_memory(*arguments, beyond=file)
    if peak is None:
        return skipped(what, "only Linux tells")
    return Line(what, f"{peak:.0f} MB", f"limit {_MEGABYTES} MB", peak / _MEGABYTES, Target(1, most=True))
