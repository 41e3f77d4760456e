"""Read which codecs and sizes the images of a HEIF or AVIF file have (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from lookalike.images.readers.boxed.boxes import read_box, read_boxes

_LARGEST_META: Final = 16 << 20
_DERIVED: Final = frozenset({b"grid", b"iovl", b"iden", b"tmap"})
"""Items made of other items."""


@dataclass(frozen=True, slots=True)
class MediaItems:
    """The ``codecs`` that a file's primary image is made of, as four letters each, and the largest (width, height)."""

    codecs: frozenset[str]
    size: tuple[int, int]


def read_items(file: BinaryIO) -> MediaItems:
    """The images that the file's ``meta`` box describes; empty if there is none, or it is damaged.

    The file is left at its start.
    """
    codecs: frozenset[str] = frozenset()
    sizes = [(0, 0)]
    with contextlib.suppress(struct.error, IndexError, KeyError):
        _, meta = read_box(file, (b"meta",), _LARGEST_META) or (b"", b"")
        boxes = dict(read_boxes(meta[4:]))
        sizes += _sizes(boxes)
        codecs = _codecs(boxes)
    file.seek(0)
    return MediaItems(codecs, max(sizes, key=lambda size: size[0] * size[1]))


def _sizes(boxes: dict[bytes, bytes]) -> list[tuple[int, int]]:
    properties = dict(read_boxes(boxes.get(b"iprp", b""))).get(b"ipco", b"")
    return [struct.unpack_from(">II", content, 4) for kind, content in read_boxes(properties) if kind == b"ispe"]


def _codecs(boxes: dict[bytes, bytes]) -> frozenset[str]:
    kinds, sources = _item_kinds(boxes[b"iinf"]), _sources(boxes.get(b"iref", b""))
    waiting, seen = [_number(boxes[b"pitm"], 4, wide=boxes[b"pitm"][0] > 0)], set()
    while waiting:
        item = waiting.pop()
        if item not in seen:
            seen.add(item)
            waiting += sources.get(item, []) if kinds.get(item) in _DERIVED else []
    found = {kinds[item] for item in seen if item in kinds} - _DERIVED
    return frozenset(kind.decode("latin-1") for kind in found)


def _item_kinds(iinf: bytes) -> dict[int, bytes]:
    """The four letters of each item's type, by its id."""
    kinds = {}
    for kind, content in read_boxes(iinf[8 if iinf[0] else 6 :]):
        wide = content[0] > 2  # noqa: PLR2004  since this version, an item's id has 4 bytes
        if kind == b"infe" and content[0] > 1:
            start = 10 if wide else 8
            kinds[_number(content, 4, wide=wide)] = content[start : start + 4]
    return kinds


def _sources(iref: bytes) -> dict[int, list[int]]:
    """The items of which each derived item is made, by its id."""
    sources = {}
    wide = iref[:1] > b"\0"
    step = 4 if wide else 2
    for kind, content in read_boxes(iref[4:]):
        if kind == b"dimg":
            count = _number(content, step, wide=False)
            sources[_number(content, 0, wide=wide)] = [
                _number(content, step + 2 + index * step, wide=wide) for index in range(count)
            ]
    return sources


def _number(data: bytes, start: int, *, wide: bool) -> int:
    (value,) = struct.unpack_from(">I" if wide else ">H", data, start)
    return int(value)
