"""Sizes of images as dots on two logarithmic axes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from lookalike.report.drawings.drawing import draw

# Sizes closer to one another than a sixtieth of the axis share a dot; the axis goes a fifth beyond the sizes.
_CELLS: Final = 60
_ROOM: Final = 1.2
_LEFT, _TOP, _LENGTH = 48.0, 8.0, 340.0


def sizes_plot(sizes: Sequence[tuple[int, int]]) -> str:
    """The plot as SVG: ``sizes`` are (width, height) in pixels; images of about one size share a dot."""
    sides = [side for size in sizes for side in size]
    low, high = math.log(min(sides) / _ROOM), math.log(max(sides) * _ROOM)

    def place(side: float) -> float:
        return (math.log(side) - low) / (high - low)

    counts: Counter[tuple[int, int]] = Counter()
    examples: dict[tuple[int, int], tuple[int, int]] = {}
    for size in sizes:
        cell = (round(place(size[0]) * _CELLS), round(place(size[1]) * _CELLS))
        counts[cell] += 1
        examples.setdefault(cell, size)
    most = max(counts.values())
    marks = [mark * 10**power for power in range(6) for mark in (1, 2, 3, 5, 7)]
    return draw(
        "sizes.svg",
        {
            "left": _LEFT,
            "top": _TOP,
            "length": _LENGTH,
            "ticks": [(f"{mark:,}", _LENGTH * place(mark)) for mark in marks if 0 < place(mark) < 1],
            "dots": [
                {
                    "x": _LEFT + _LENGTH * place(examples[cell][0]),
                    "y": _TOP + _LENGTH * (1 - place(examples[cell][1])),
                    "radius": 2.5 + 7.5 * math.sqrt(count / most),
                    "hint": f"{count:,} of about {examples[cell][0]:,} x {examples[cell][1]:,}",
                }
                for cell, count in counts.most_common()
            ],
        },
    )
