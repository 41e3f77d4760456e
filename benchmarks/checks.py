"""What the checksums of a gallery cost: in searches, and in a check of everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.alternation import alternate, measure
from benchmarks.galleries import fake_files, make_gallery, unit_vectors
from benchmarks.images import Workspace
from benchmarks.machine import reader
from benchmarks.report import Line
from lookalike.encoders.encoder import load_encoder
from lookalike.gallery.local.care.check import check_files
from lookalike.gallery.local.scan import Scan
from lookalike.gallery.stores import open_store

_IMAGES = 100_000
_K = 10


def run(workspace: Workspace) -> Iterator[Line]:
    """The first search of an open gallery, later ones, and the command check."""
    folder = workspace.folder / "checked"
    file = make_gallery(folder, workspace.folder, load_encoder().spec, fake_files(_IMAGES))
    rounds = 7 if workspace.quick else 21
    yield _searches(folder, rounds, "open a gallery and search it once", searches=1)
    yield _searches(folder, rounds, "and search it 20 times", searches=20)
    yield _check(folder, file, 3 if workspace.quick else 7)


def _searches(folder: Path, rounds: int, what: str, *, searches: int) -> Line:
    query = unit_vectors(np.random.default_rng(1), 1, load_encoder().spec.dimension)[0]

    def search() -> None:
        with closing(open_store(folder)) as store:
            for _ in range(searches):
                store.search(query, _K)

    def search_unchecked() -> None:
        with patch.object(Scan, "_check", lambda *_: None):
            search()

    checked, unchecked = alternate(measure(search), measure(search_unchecked), rounds=rounds)
    against = f"without checksums {unchecked.wall * 1e3:.0f} ms"
    return Line(f"{what}: {_IMAGES:,} images", f"{checked.wall * 1e3:.0f} ms", against, unchecked.wall / checked.wall)


def _check(folder: Path, file: Path, rounds: int) -> Line:
    vectors = np.load(file, mmap_mode="r")
    checked, limit = alternate(measure(lambda: check_files(folder)), measure(reader(vectors)), rounds=rounds)
    what = f"lookalike check, {_IMAGES:,} images, {vectors.nbytes / 1e6:.0f} MB of vectors"
    against = f"reading the vectors {limit.wall:.2f} s"
    return Line(what, f"{checked.wall:.2f} s", against, checked.wall / limit.wall)
