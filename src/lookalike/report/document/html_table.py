"""Tables of a page: columns and cells as the template shows them, with plots on the axes of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lookalike.report.document.blocks import Table, VisibleRow, visible_columns, visible_rows
from lookalike.report.document.elements import Bar, Cell, Column, IntervalPlot, Media, Picture

View = dict[str, Any]

_MOST_ROWS: Final = 200
# Tables of more columns than this have narrow columns, whose titles are broken before "@".
_MANY: Final = 8
_PLACES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def table_view(table: Table) -> View:
    """Heads, rows and cells; folded columns are small print below the rows' names."""
    columns = visible_columns(table, Media.PAGE)
    kept = [place for place, column in enumerate(columns) if column.on_pages != "folded"]
    rows, left = visible_rows(table, Media.PAGE, _MOST_ROWS)
    many = len(kept) > _MANY
    return {
        "heads": [_head(table, columns[place], place, broken=many) for place in kept],
        "rows": [{"classes": row.kind, "cells": _cells(columns, kept, row)} for row in rows],
        "left": left,
        "classes": f"{table.layout}{' many' if many else ''}".strip(),
    }


def _head(table: Table, column: Column, place: int, *, broken: bool) -> View:
    upright = table.layout == "matrix" or (table.upright is not None and place >= table.upright)
    name, at, rank = column.title.partition("@")
    return {
        "title": name if broken and at else column.title,
        "rank": at + rank if broken and at else "",
        "classes": " ".join(filter(None, [_column_classes(column), "upright" if upright and place else ""])),
        "ticks": [] if column.axis is None else _ticks(column.axis),
    }


def _column_classes(column: Column) -> str:
    """What the style of a column depends on."""
    classes = [
        {"words": "words", "image": "image", "number": ""}[column.kind],
        "plot" if column.axis is not None else "",
        "not-on-phones" if column.on_pages in {"folded on phones", "hidden on phones"} else "",
    ]
    return " ".join(filter(None, classes))


def _cells(columns: Sequence[Column], kept: Sequence[int], row: VisibleRow) -> list[View]:
    own = row.cells[:-1] if row.spans else row.cells
    views = [_cell(own[place], columns[place], place) for place in kept if place < len(own)]
    folded = [
        (column.title, cell.text, column.on_pages == "folded on phones")
        for column, cell in zip(columns, own, strict=False)
        if column.on_pages.startswith("folded") and cell.text not in {"", "-"}
    ]
    if views:
        views[0]["small"] = [f"{title.lower()} {text}" for title, text, phones in folded if not phones]
        views[0]["compact"] = [f"{title.lower()} {text}" for title, text, phones in folded if phones]
    if row.spans:
        last = _cell(row.cells[-1], Column("", "words"), 1)
        views.append(last | {"span": len(kept) - len(views), "classes": f"{last['classes']} remark"})
    return views


def _cell(cell: Cell, column: Column, place: int) -> View:
    classes = [_column_classes(column), cell.tone, "heat" if cell.heat is not None else ""]
    plot = cell.plot
    return {
        "name": place == 0,
        "text": cell.text,
        "note": cell.note,
        "classes": " ".join(filter(None, classes)),
        "heat": None if cell.heat is None else f"{min(max(cell.heat, 0.0), 1.0):.3f}",
        "span": 1,
        "small": [],
        "compact": [],
        "plot": _plot(plot, column.axis or (0.0, 1.0), cell.text) if isinstance(plot, IntervalPlot) else None,
        "bar": plot if isinstance(plot, Bar) else None,
        "picture": plot if isinstance(plot, Picture) else None,
    }


def _ticks(axis: tuple[float, float]) -> list[str]:
    """The numbers along an axis: quarters of 0 to 1, else both ends and 0 between them."""
    if axis == (0.0, 1.0):
        return ["0", ".25", ".5", ".75", "1"]
    return [f"{axis[0]:+.2f}", "0", f"{axis[1]:+.2f}"]


def _plot(plot: IntervalPlot, axis: tuple[float, float], label: str) -> View:
    """A plot whose values are places on the axis, as SVG takes them."""
    low, high = axis

    def at(value: float | None) -> str | None:
        return None if value is None else f"{100 * (value - low) / (high - low):.2f}%"

    ends = plot.interval or (None, None)
    return {
        "grid": [f"{100 * place:g}%" for place in (_PLACES if low == 0 else (0.0, 1.0))],
        "zero": at(0.0) if low < 0 else None,
        "value": at(plot.value),
        "low": at(ends[0]),
        "high": at(ends[1]),
        "approximate": plot.approximate,
        "other": at(plot.other),
        "chance": at(plot.chance),
        "ceiling": at(plot.ceiling),
        "label": label,
    }
