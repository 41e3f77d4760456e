"""Indexing unchanged images again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.alternation import alternate, measure
from benchmarks.galleries import make_gallery
from benchmarks.images import Workspace
from benchmarks.processes import lookalike
from benchmarks.report import Line, Target
from lookalike.encoders.encoder import load_encoder
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.stores import FOLDER_NAME
from lookalike.images.walk import find_images

_IMAGES = 1000
_SECONDS = 0.5
_MANY = 100_000
_SECONDS_BEYOND_WALK = 1.0


def run(workspace: Workspace) -> Iterator[Line]:
    """The command on a thousand images, and an update of a hundred thousand."""
    yield _command(workspace)
    yield _many(workspace)


def _command(workspace: Workspace) -> Line:
    """A thousand images beside one: what is left is the work, without the start of the process."""
    originals = workspace.small(64)
    many, one = workspace.copies("thousand", originals, _IMAGES), workspace.copies("one", originals, 1)
    measures = [lookalike("index", str(folder)) for folder in (many, one)]  # the first round makes the galleries
    second, start = alternate(*measures, rounds=5 if workspace.quick else 11)
    work = second.wall - start.wall
    what = f"second index of {_IMAGES:,} unchanged images"
    against = f"limit {_SECONDS} s beyond the start of {start.wall:.2f} s"
    return Line(what, f"{work:.3f} s", against, work / _SECONDS, Target(1, most=True))


def _many(workspace: Workspace) -> Line:
    """An update of unchanged files, less listing the folder."""
    folder = workspace.folder / "hundred thousand files"
    empty_files(folder, _MANY)
    make_gallery(folder / FOLDER_NAME, folder, load_encoder().spec, find_images(folder).files)
    with Gallery.open(folder, writing=True) as gallery:
        measures = measure(gallery.update), measure(lambda: find_images(folder, leave_out=gallery.path))
        update, walk = alternate(*measures, rounds=3 if workspace.quick else 7)
    work = update.wall - walk.wall
    what = f"update of {_MANY:,} unchanged files"
    against = f"limit {_SECONDS_BEYOND_WALK} s beyond the walk of {walk.wall:.2f} s"
    return Line(what, f"{work:.2f} s", against, work / _SECONDS_BEYOND_WALK, Target(1, most=True))


def empty_files(folder: Path, count: int) -> None:
    """Files that stand for images known already: an update looks at their names, sizes and times alone."""
    for number in range(count):
        path = folder / f"run {number // 1000:03}" / f"{number:06}.jpg"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
