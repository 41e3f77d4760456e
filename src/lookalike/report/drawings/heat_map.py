"""The heat map: a row for each series, a column for each severity, a number and a colour in every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lookalike.report.drawings.colours import LIGHT_INK, ink_on, ramp
from lookalike.report.drawings.drawing import draw, width_of

_TYPE: Final = 12.5
_ROW: Final = 25.0
_HEAD: Final = 34.0
_CELL: Final = 44.0
_LEAST_RAMP: Final = 110.0
_GAP: Final = 2.0
_MEAN_GAP: Final = 10.0
_TOP: Final = 26.0
_LEGEND: Final = 46.0


@dataclass(frozen=True, slots=True)
class Shade:
    """One cell: ``value`` 0 to 1 (or beyond), ``hint`` its tooltip.

    A value of None is shown as n/a; ``absent`` cells stay empty, because there is no such severity.
    """

    value: float | None
    hint: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row: its name, a shade for each column, and their mean. ``aside`` rows are in no mean."""

    name: str
    shades: tuple[Shade, ...]
    mean: Shade
    aside: bool = False


@dataclass(frozen=True, slots=True)
class HeatGroup:
    """Rows under a common name, with their mean."""

    name: str
    rows: tuple[HeatRow, ...]
    mean: Shade | None


def heat_map(
    title: str, groups: Sequence[HeatGroup], columns: Sequence[str], *, total: Shade | None, legend: tuple[str, str]
) -> str:
    """The heat map as SVG. ``columns`` are their titles, ``legend`` names the dark and the light end of the ramp."""
    left = max(96.0, *(_name_width(row) for group in groups for row in group.rows))
    across = [left + number * (_CELL + _GAP) for number in range(len(columns))]
    mean_left = left + len(columns) * (_CELL + _GAP) + _MEAN_GAP
    top = _TOP
    heads: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for group in groups:
        heads.append(
            {"name": group.name, "y": top + _HEAD - 10, "cell": group.mean and _cell(group.mean, mean_left, top + 9)}
        )
        top += _HEAD
        for row in group.rows:
            places = zip(row.shades, across, strict=True)
            cells = [_cell(shade, x, top) for shade, x in places if not shade.absent]
            rows.append(
                {
                    "name": row.name,
                    "y": top + _ROW / 2 + 3.5,
                    "aside": row.aside,
                    "cells": [*cells, _cell(row.mean, mean_left, top)],
                }
            )
            top += _ROW
    legend_left = width_of(legend[0], _TYPE) + 10
    # Some faces are wider than the estimated widths.
    legend_end = width_of(legend[1], _TYPE) * 1.2 + 10
    # With few severities the legend is the widest part.
    width = max(mean_left + _CELL + 2, legend_left + _LEAST_RAMP + legend_end)
    legend_right = min(legend_left + 160, width - legend_end)
    return draw(
        "heat_map.svg",
        {
            "title": title,
            "type": _TYPE,
            "width": round(width),
            "height": round(top + 12 + _ROW + _LEGEND),
            "columns": [{"name": name, "x": x + _CELL / 2} for name, x in zip(columns, across, strict=True)],
            "mean_x": mean_left + _CELL / 2,
            "heads": heads,
            "rows": rows,
            "total": total and _cell(total, mean_left, top + 12),
            "total_y": top + 12 + _ROW / 2 + 3.5,
            "cell": {"width": _CELL, "height": _ROW - _GAP},
            "ramp": [{"offset": f"{step / 8:.3f}", "colour": ramp(step / 8)} for step in range(9)],
            "legend_y": top + 12 + _ROW + 14,
            "legend_left": legend_left,
            "legend_width": round(legend_right - legend_left, 1),
            "legend_right": legend_right,
            "legend": legend,
        },
    )


def _name_width(row: HeatRow) -> float:
    return width_of(row.name, _TYPE) + (32 if row.aside else 22)


def _cell(shade: Shade, x: float, y: float) -> dict[str, Any]:
    colour = None if shade.value is None else ramp(shade.value)
    return {
        "x": round(x, 1),
        "y": round(y, 1),
        "colour": colour,
        "ink": None if colour is None else "light" if ink_on(colour) == LIGHT_INK else "dark",
        "text": "n/a" if shade.value is None else f"{100 * shade.value:.0f}".replace("-", "\N{MINUS SIGN}"),
        "hint": shade.hint,
    }
