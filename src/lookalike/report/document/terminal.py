"""A report as lines for a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from lookalike.report.document.blocks import (
    AnyBlock,
    Cards,
    Definitions,
    Details,
    Document,
    Facts,
    Heading,
    SideBySide,
    Stack,
    Table,
    Tables,
    Text,
    VisibleRow,
    selected,
    visible_columns,
    visible_rows,
)
from lookalike.report.document.elements import Cell, Media
from lookalike.text import printable

_MOST_ROWS: Final = 20
_GAP: Final = 2


def terminal_text(document: Document, width: int | None = None) -> str:
    """The report as text; tables wider than ``width`` letters (a terminal's) continue below with further columns."""
    width = width or shutil.get_terminal_size((120, 24)).columns
    lines = [f"{document.kind}: {document.title}", *filter(None, [document.lead]), *_lines(document.blocks, width)]
    return "\n".join(map(printable, lines))


def _lines(blocks: Sequence[AnyBlock], width: int) -> Iterator[str]:
    for before, block in pairwise([None, *selected(blocks, Media.TERMINAL)]):
        if (
            isinstance(block, Heading)
            or (isinstance(block, Table) and not isinstance(before, Heading if block.title else Heading | Text))
            or (isinstance(block, Text) and isinstance(before, Table))
        ):
            yield ""
        if block is not None:
            yield from _block(block, width)


def _block(block: AnyBlock, width: int) -> Iterator[str]:
    match block:
        case Table():
            yield from _table(block, width)
        case Tables():
            yield f"{block.title}. {block.method}"
            for table in block.tables:
                yield from _table(table, width)
        case SideBySide() | Stack():
            yield from _lines(block.blocks, width)
        case Details():
            yield block.summary
            yield from _lines(block.blocks, width)
        case Heading() | Text() | Facts() | Definitions() | Cards():
            yield from _paragraph(block)
        case _:
            pass  # images


def _paragraph(block: Heading | Text | Facts | Definitions | Cards) -> Iterator[str]:
    match block:
        case Heading():
            yield f"{block.text} ({block.remark})" if block.remark else block.text
        case Text():
            yield f"note: {block.text}" if block.kind == "notice" else block.text
        case Facts() | Definitions():
            longest = max((len(name) for name, _ in block.items), default=0)
            yield from (f"{name:<{longest}}  {value}" for name, value in block.items)
        case Cards():
            yield from (f"{card.title}: {card.value} ({card.note})" for card in block.cards)


def _table(table: Table, width: int) -> Iterator[str]:
    columns = visible_columns(table, Media.TERMINAL)
    rows, left = visible_rows(table, Media.TERMINAL, _MOST_ROWS)
    if table.title:
        yield table.title
    if table.remark:
        yield table.remark
    flush_left = {place for place, column in enumerate(columns) if column.kind == "words" or place == 0}
    header = VisibleRow("", tuple(Cell(column.title) for column in columns), spans=False)
    for places in _parts([header, *rows], len(columns), width):
        yield from _columns([header, *rows], places, flush_left)
    if left:
        yield f"and {left:,} more: {table.rest}"


def _parts(rows: Sequence[VisibleRow], count: int, width: int) -> list[list[int]]:
    """The places of the columns that fit beside one another, each part with the first column."""
    widths = [max(len(_cell(row.cells[place])) for row in _full(rows, place)) + _GAP for place in range(count)]
    parts, part, taken = [], [0], widths[0]
    for place in range(1, count):
        if taken + widths[place] > width and len(part) > 1:
            parts.append(part)
            part, taken = [0], widths[0]
        part.append(place)
        taken += widths[place]
    return [*parts, part]


def _columns(rows: Sequence[VisibleRow], places: Sequence[int], flush_left: set[int]) -> Iterator[str]:
    """Some of the columns, as wide as they need to be; rows that are empty there are left out."""
    widths = {place: max(len(_cell(row.cells[place])) for row in _full(rows, place)) for place in places}
    for row in rows:
        cells = [
            _cell(row.cells[place]).ljust(widths[place])
            if place in flush_left
            else _cell(row.cells[place]).rjust(widths[place])
            for place in places
            if place < len(row.cells) - row.spans
        ]
        if row.spans and 1 in places:
            cells.append(_cell(row.cells[-1]))
        if any(cell.strip() for cell in cells[1:]) or row.kind == "group":
            yield (" " * _GAP).join(cells).rstrip()


def _full(rows: Sequence[VisibleRow], place: int) -> list[VisibleRow]:
    """The rows that have a cell of their own in the column."""
    return [row for row in rows if place < len(row.cells) - row.spans]


def _cell(cell: Cell) -> str:
    return printable(f"{cell.text} ({cell.note})" if cell.note else cell.text)
