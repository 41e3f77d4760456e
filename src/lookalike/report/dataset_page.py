"""The page of a dataset: its classes and sizes, a contact sheet of each class, copies, and what was skipped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.experiments.inspect import DatasetInspection
from lookalike.evaluation.ranking.near_duplicates import NearDuplicatePair
from lookalike.report.document.pages import image_source, render

_SHEET_SIDE: Final = 400
_PAIR_SIDE: Final = 300
# A page of this many images is some ten megabytes; with more classes, each shows fewer.
_IMAGES: Final = 480
_LEAST: Final = 4
_PAIRS: Final = 8
_COPIES: Final = 12
_SKIPPED: Final = 200
# Panoramas and the like are cut at these proportions, width by height.
_NARROWEST: Final = 0.45
_WIDEST: Final = 3.2
_STRIP: Final = 6
# A strip is at least so many times as wide as high.
_LEAST_RATIO: Final = 5.5
# Sizes nearer to one another than a sixtieth of the axis share a dot; the axis goes a fifth beyond the sizes.
_CELLS: Final = 60
_ROOM: Final = 1.2


@dataclass(frozen=True, slots=True)
class Shown:
    """An image on the page: ``source`` is a data URI, None where it can't be read any more.

    ``ratio`` is its width by its height, within what can be laid out.
    """

    path: str
    label: str
    group: str | None
    source: str | None
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    """Images of about one size in the plot: places 0 to 1 from its left and bottom; ``radius`` in pixels."""

    x: float
    y: float
    radius: float
    words: str


def dataset_page(display: DatasetInspection, provenance: Provenance) -> str:
    """One HTML file that shows ``display``, images inside."""
    labels = _on_sheet(display)
    each = max(_LEAST, _IMAGES // max(1, len(labels)))
    images = _Images(display)
    return render(
        "dataset.html",
        {
            "display": display,
            "dataset": display.dataset,
            "whole": display.overall,
            "classes": display.classes,
            "most": max(part.images for part in display.classes.values()),
            "sheet": {
                label: _strips([images.shown(row, _SHEET_SIDE) for row in display.contact_sheet[label][:each]])
                for label in labels
            },
            "each": min(each, max(map(len, display.contact_sheet.values()))),
            "off_sheet": len(display.classes) - len(labels),
            "copies": [[images.shown(row, _PAIR_SIDE) for row in rows[:_LEAST]] for rows in display.copies[:_COPIES]],
            "pairs": [
                (kind, [images.pair(pair) for pair in display.near.closest[kind][:_PAIRS]], display.near.counts[kind])
                for kind in ("labels", "groups")
            ],
            "plot": _plot([size for size in display.sizes if size is not None]),
            "skipped": display.embedded.skipped[:_SKIPPED],
            "spec": display.embedded.spec,
            "provenance": provenance,
        },
    )


def _on_sheet(display: DatasetInspection) -> list[str]:
    """The classes that have room on the page: all of them, or the largest."""
    by_size = sorted(display.classes, key=lambda label: (-display.classes[label].images, label))
    return sorted(label for label in by_size[: _IMAGES // _LEAST] if display.contact_sheet[label])


class _Images:
    """Makes the small images of the page, each once."""

    def __init__(self, display: DatasetInspection) -> None:
        self._display = display
        rows = display.embedded.rows
        self._sizes = {row.path: size for row, size in zip(rows, display.sizes, strict=True)}

    def shown(self, row: Row, side: int) -> Shown:
        """The image of ``row`` with what there is to say of it."""
        file = self._display.dataset.file(row)
        return Shown(row.path, row.label, row.group, image_source(file, side), self._ratio(row.path))

    def pair(self, pair: NearDuplicatePair) -> dict[str, Any]:
        """Two near copies beside one another."""
        return {"both": [self.shown(row, _PAIR_SIDE) for row in (pair.first, pair.second)], "cosine": pair.cosine}

    def _ratio(self, path: str) -> float:
        width, height = self._sizes.get(path) or (1, 1)
        return round(min(max(width / height, _NARROWEST), _WIDEST), 4)


def _strips(images: list[Shown]) -> list[dict[str, Any]]:
    """Images in strips of up to six that fill the page's width, each in two halves, which a phone shows as strips.

    A strip's and a half's ``ratio`` is its width by its height; ``room`` is left empty where images are too few.
    """
    strips = []
    for strip in _evenly(images, _STRIP):
        halves = [
            {"images": half, "ratio": round(sum(shown.ratio for shown in half), 4)}
            for half in _evenly(strip, _STRIP // 2)
        ]
        ratio = sum(shown.ratio for shown in strip)
        strips.append({"halves": halves, "room": round(max(0.0, _LEAST_RATIO - ratio), 4)})
    return strips


def _evenly(images: list[Shown], most: int) -> list[list[Shown]]:
    """Parts of at most ``most``, as equal in number as can be."""
    parts = -(-len(images) // most)
    return [images[len(images) * n // parts : len(images) * (n + 1) // parts] for n in range(parts)]


def _plot(sizes: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
    """Sizes on two logarithmic axes of one scale; images of about one size share a dot."""
    if not sizes:
        return None
    sides = [side for size in sizes for side in size]
    low, high = math.log(min(sides) / _ROOM), math.log(max(sides) * _ROOM)
    counts: Counter[tuple[int, int]] = Counter()
    examples: dict[tuple[int, int], tuple[int, int]] = {}
    for size in sizes:
        cell = (round(_at(size[0], low, high) * _CELLS), round(_at(size[1], low, high) * _CELLS))
        counts[cell] += 1
        examples.setdefault(cell, size)
    most = max(counts.values())
    dots = [
        Dot(
            _at(examples[cell][0], low, high),
            _at(examples[cell][1], low, high),
            2.5 + 7.5 * math.sqrt(count / most),
            f"{count:,} of about {examples[cell][0]:,} x {examples[cell][1]:,}",
        )
        for cell, count in counts.most_common()
    ]
    marks = [mark * 10**power for power in range(6) for mark in (1, 2, 3, 5, 7)]
    return {"dots": dots, "ticks": [(mark, _at(mark, low, high)) for mark in marks if 0 < _at(mark, low, high) < 1]}


def _at(side: float, low: float, high: float) -> float:
    return (math.log(side) - low) / (high - low)
