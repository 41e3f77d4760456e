"""Values with their intervals as dots in rows, a dot of its own shape and colour for each series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lookalike.report.drawings.colours import LINES
from lookalike.report.drawings.drawing import draw, width_of

_TYPE: Final = 12.0
_WIDTH: Final = 400.0
_LEFT, _RIGHT, _BOTTOM = 8.0, 16.0, 38.0
_LINE: Final = 15.0
_GAP: Final = 9.0
_LEAST_WIDTH: Final = 200.0
_LOWEST, _HIGHEST = -0.5, 1.5
_STEPS: Final = (0.02, 0.05, 0.1, 0.2, 0.5)
_MOST_TICKS: Final = 7

# Shapes of radius 1 around 0, so that series can be told apart without colour; a circle comes first.
_SHAPES: Final = (
    "",
    "M-1,-1 H1 V1 H-1 Z",
    "M0,-1.35 L1.35,0 L0,1.35 L-1.35,0 Z",
    "M0,-1.25 L1.2,.95 H-1.2 Z",
    "M0,1.25 L1.2,-.95 H-1.2 Z",
)


@dataclass(frozen=True, slots=True)
class Dot:
    """A ``value`` with its ``interval``; None where there is none. ``hint`` says it in words."""

    value: float | None
    interval: tuple[float, float] | None
    hint: str


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row: its name, and a dot for each series; a ``total`` is set apart."""

    name: str
    dots: tuple[Dot, ...]
    total: bool = False


def dots(title: str, series: Sequence[str], rows: Sequence[DotRow], *, x_label: str) -> str:
    """The rows as SVG, on an axis in percent that holds all dots and 100 %; intervals that go beyond it are cut off."""
    names = max(width_of(row.name, _TYPE) for row in rows)
    left = _LEFT + names + 12
    width = max(_LEAST_WIDTH, _WIDTH - left - _RIGHT)
    low, high = _range(rows)

    def x(value: float) -> float:
        return round(left + width * (min(max(value, low), high) - low) / (high - low), 1)

    top = 8 + _LINE * len(series) + 10
    views: list[dict[str, Any]] = []
    y = top
    for row in rows:
        y += _GAP if row.total else 0.0
        height = _LINE * len(series)
        views.append(
            {
                "name": row.name,
                "total": row.total,
                "y": round(y + height / 2 + 4, 1),
                "top": round(y - _GAP / 2, 1),
                "dots": [_view(dot, number, x, y + _LINE * (number + 0.5)) for number, dot in enumerate(row.dots)],
            }
        )
        y += height + _GAP
    return draw(
        "dots.svg",
        {
            "title": title,
            "type": _TYPE,
            "width": math.ceil(left + width + _RIGHT),
            "height": math.ceil(y + _BOTTOM - _GAP),
            "left": round(left, 1),
            "right": round(left + width, 1),
            "top": round(top - _GAP / 2, 1),
            "bottom": round(y - _GAP / 2, 1),
            "ticks": [{"x": x(tick), "text": f"{100 * tick:.0f}", "whole": tick == 1.0} for tick in _ticks(low, high)],
            "x_label": x_label,
            "keys": [
                {"name": name, "y": 8 + _LINE * (number + 0.5), **_look(number)} for number, name in enumerate(series)
            ],
            "rows": views,
        },
    )


def _view(dot: Dot, number: int, x: Any, y: float) -> dict[str, Any]:
    ends = None if dot.interval is None else tuple(x(end) for end in dot.interval)
    return {
        "x": None if dot.value is None else x(dot.value),
        "y": round(y, 1),
        "ends": ends,
        "hint": dot.hint,
        **_look(number),
    }


def _look(number: int) -> dict[str, str]:
    """Colour and shape of a series."""
    return {"colour": LINES[number % len(LINES)], "shape": _SHAPES[number % len(_SHAPES)]}


def _range(rows: Sequence[DotRow]) -> tuple[float, float]:
    """The ends of the axis, on tenths."""
    ends = [1.0, *(end for row in rows for dot in row.dots for end in _ends(dot))]
    low, high = max(min(ends), _LOWEST), min(max(ends), _HIGHEST)
    return math.floor(round(10 * low - 0.2, 6)) / 10, math.ceil(round(10 * high + 0.05, 6)) / 10


def _ends(dot: Dot) -> Iterator[float]:
    if dot.value is not None:
        yield dot.value
    yield from dot.interval or ()


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers on the axis, 1 among them if it is there."""
    step = next((step for step in _STEPS if (high - low) / step <= _MOST_TICKS), _STEPS[-1])
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 6) for number in range(first, last + 1)]
