"""Searching 100,000 images: the scan compared with the memory-read limit, and the whole command."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternation import Timing, alternate, measure
from benchmarks.galleries import fake_files, make_gallery, unit_vectors
from benchmarks.images import Workspace
from benchmarks.machine import reader
from benchmarks.processes import lookalike, peak_memory
from benchmarks.report import Line, Target, skipped
from lookalike.encoders.encoder import load_encoder
from lookalike.gallery.records import Changes, EntryChange, Match
from lookalike.gallery.stores import open_store
from lookalike.search.index import ExactIndex, Vectors, nearest

_IMAGES = 100_000
_DIMENSION = 512
_K = 10
_THREADS = 8
_SECONDS = 1.2
_MEGABYTES = 500


def run(workspace: Workspace) -> Iterator[Line]:
    """The scan, the command and its memory."""
    yield _scan(workspace)
    yield from _command(workspace)


def _scan(workspace: Workspace) -> Line:
    file = workspace.folder / "matrix.f32"
    unit_vectors(np.random.default_rng(0), _IMAGES, _DIMENSION).tofile(file)
    matrix = np.memmap(file, np.float32, "r", shape=(_IMAGES, _DIMENSION))
    index = ExactIndex(Vectors(np.arange(_IMAGES), np.arange(_IMAGES), matrix))
    query, nobody = np.array(matrix[4711]), np.empty(0, np.intp)

    def search() -> None:
        nearest(index, query[np.newaxis], _K, None, [nobody])

    ours, limit = alternate(measure(search), measure(reader(matrix)), rounds=15 if workspace.quick else 41)
    gigabytes = matrix.nbytes / 1e9
    what = f"exact top-{_K} of {_IMAGES:,} x {_DIMENSION}: {ours.wall * 1e3:.1f} ms"
    against = f"memory-read limit {gigabytes / limit.wall:.1f} GB/s"
    return Line(what, f"{gigabytes / ours.wall:.1f} GB/s", against, limit.wall / ours.wall, Target(0.6))


def _command(workspace: Workspace) -> Iterator[Line]:
    folder = workspace.folder / "hundred-thousand"
    file = make_gallery(folder, workspace.folder, load_encoder().spec, fake_files(_IMAGES))
    arguments = ("search", str(workspace.small(1)[0]), "--gallery", str(folder), "--json")
    rounds = 5 if workspace.quick else 11
    whole, bare = alternate(lookalike(*arguments), lookalike("--version"), rounds=rounds)
    what = f"lookalike search, {_IMAGES:,} images, whole process"
    against = f"limit {_SECONDS} s (--version takes {bare.wall:.2f} s)"
    yield Line(what, f"{whole.wall:.2f} s", against, whole.wall / _SECONDS, Target(1, most=True))
    yield _threads(folder, 5 if workspace.quick else 11)
    yield _after_commit(folder, 5 if workspace.quick else 11)
    yield Line("its CPU time", f"{whole.cpu:.2f} s", f"--version: {bare.cpu:.2f} s", whole.cpu / bare.cpu)
    yield _memory(arguments, file)


def _threads(folder: Path, rounds: int) -> Line:
    """Eight threads that search one open gallery, against one thread that does the same searches in turn."""
    with closing(open_store(folder)) as store, ThreadPoolExecutor(_THREADS) as pool:
        queries = unit_vectors(np.random.default_rng(1), 4 * _THREADS, store.stamp.dimension)

        def search(query: NDArray[np.float32]) -> list[Match]:
            return store.search(query, _K)

        together, alone = alternate(
            measure(lambda: list(pool.map(search, queries))), measure(lambda: list(map(search, queries))), rounds=rounds
        )
    what = f"searches by {_THREADS} threads at once"
    ours, theirs = (f"{len(queries) / spent.wall:.0f}/s" for spent in (together, alone))
    return Line(what, ours, f"one thread {theirs}", alone.wall / together.wall, Target(0.9))


def _after_commit(folder: Path, rounds: int) -> Line:
    """The first search after a commit of one entry, against one that nothing was committed before."""
    with closing(open_store(folder, writing=True)) as store:
        query = unit_vectors(np.random.default_rng(2), 1, store.stamp.dimension)[0]
        entry = next(store.iter_entries())
        change = EntryChange(entry.path, entry.stat, entry.digest)
        search, commit = measure(lambda: store.search(query, _K)), measure(lambda: store.commit(Changes([change])))

        def search_after_commit() -> Timing:
            commit()
            return search()

        after, before = alternate(search_after_commit, search, rounds=rounds)
    what = "first search after a commit"
    return Line(what, f"{after.wall * 1e3:.1f} ms", f"later ones {before.wall * 1e3:.1f} ms", after.wall / before.wall)


def _memory(arguments: tuple[str, ...], file: Path) -> Line:
    what = "its peak memory without the mapped vector file"
    peak = peak_memory(*arguments, beyond=file)
    if peak is None:
        return skipped(what, "needs Linux")
    return Line(what, f"{peak:.0f} MB", f"limit {_MEGABYTES} MB", peak / _MEGABYTES, Target(1, most=True))
