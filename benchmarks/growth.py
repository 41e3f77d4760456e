"""The cost of a new image in galleries of increasing size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.alternation import measure
from benchmarks.galleries import make_gallery
from benchmarks.images import Workspace
from benchmarks.report import Line, Target
from benchmarks.second_run import empty_files
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.stores import FOLDER_NAME
from lookalike.images.walk import find_images

_SIZES = (1_000, 10_000, 100_000)
_FEW, _MANY = 32, 256
_MAX_RATIO = 1.1


def run(workspace: Workspace) -> Iterator[Line]:
    """The difference between an update that adds many images and one that adds few, compared with the smallest gallery.

    The fixed cost of an update, mainly listing the folder, cancels out; it is printed as "nothing new".
    """
    encoder = load_encoder()
    baseline = 0.0
    for size in _SIZES[:2] if workspace.quick else _SIZES:
        seconds, idle = _cost(workspace, encoder, size)
        baseline = baseline or seconds
        what = f"a new image in a gallery of {size:,}"
        against = f"{baseline * 1e3:.1f} ms; nothing new: {idle:.2f} s"
        target = Target(_MAX_RATIO, most=True) if size > _SIZES[0] else None
        yield Line(what, f"{seconds * 1e3:.1f} ms", against, seconds / baseline, target)


def _cost(workspace: Workspace, encoder: Encoder, size: int) -> tuple[float, float]:
    """CPU seconds per new image, and of an update that finds none."""
    folder = workspace.folder / f"grown-{size}"
    empty_files(folder, size)
    make_gallery(folder / FOLDER_NAME, folder, encoder.spec, find_images(folder).files)
    with Gallery.open(folder, encoder=encoder, writing=True) as gallery:
        gallery.update()
        idle = measure(gallery.update)().cpu
        few, many = (_cost_of_adding(gallery, workspace, folder, number) for number in (_FEW, _MANY))
        return (many - few) / (_MANY - _FEW), idle


def _cost_of_adding(gallery: Gallery, workspace: Workspace, folder: Path, number: int) -> float:
    """CPU seconds of an update that finds ``number`` new images."""
    for path in workspace.small(number):
        content = path.read_bytes() + f"{folder.name}, {number}".encode()
        (folder / f"{number} new, {path.name}").write_bytes(content)
    return measure(gallery.update)().cpu
