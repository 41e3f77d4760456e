"""What a new picture costs in galleries that hold more and more pictures already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.alternation import measure
from benchmarks.galleries import make_gallery
from benchmarks.photographs import Place
from benchmarks.report import Line, Target
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.gallery.gallery import FOLDER_NAME, Gallery
from lookalike.images.walk import find_pictures

_SIZES = (1_000, 10_000, 100_000)
_FEW, _MANY = 32, 256
_LARGER = 1.1


def run(place: Place) -> Iterator[Line]:
    """An update that adds many pictures, less one that adds few, against the smallest size.

    What an update costs whatever it finds, listing the folder above all, is in both, and stands beside it.
    """
    encoder = load_encoder()
    smallest = 0.0
    for size in _SIZES[:2] if place.quick else _SIZES:
        spent, idle = _cost(place, encoder, size)
        smallest = smallest or spent
        what = f"a new picture in a gallery of {size:,}"
        against = f"{smallest * 1e3:.1f} ms; nothing new: {idle:.2f} s"
        target = Target(_LARGER, most=True) if size > _SIZES[0] else None
        yield Line(what, f"{spent * 1e3:.1f} ms", against, spent / smallest, target)


def _cost(place: Place, encoder: Encoder, size: int) -> tuple[float, float]:
    """Processor seconds for each further new picture, and those of an update that finds none."""
    folder = place.folder / f"grown-{size}"
    _empty_files(folder, size)
    make_gallery(folder / FOLDER_NAME, folder, encoder.spec, find_pictures(folder)[0])
    with Gallery.open(folder, encoder=encoder, writing=True) as opened:
        opened.update()
        idle = measure(opened.update)().cpu
        few, many = (_adding(opened, place, folder, number) for number in (_FEW, _MANY))
        return (many - few) / (_MANY - _FEW), idle


def _adding(opened: Gallery, place: Place, folder: Path, number: int) -> float:
    """Processor seconds of an update that finds so many new pictures."""
    for path in place.small(number):
        content = path.read_bytes() + f"{folder.name}, {number}".encode()
        (folder / f"{number} new, {path.name}").write_bytes(content)
    return measure(opened.update)().cpu


def _empty_files(folder: Path, count: int) -> None:
    """Files that stand for pictures known already: an update looks at their names, sizes and times alone."""
    for number in range(count):
        path = folder / f"run {number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
