"""A report as a list of blocks, which pages, Markdown and terminal text are all rendered from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from lookalike.report.document.elements import (
    Block,
    Card,
    Cell,
    Column,
    Drawing,
    Frame,
    Media,
    Picture,
    RankedQuery,
    Row,
    Tile,
    as_cell,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Heading(Block):
    """A heading: level 2 starts a section, level 3 a part of it. ``remark`` follows in smaller type."""

    text: str
    level: int = 2
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Text(Block):
    """A paragraph: of normal size, small print, or a notice that a reader must not miss."""

    text: str
    kind: Literal["normal", "small", "notice"] = "small"


@dataclass(frozen=True, slots=True)
class Facts(Block):
    """Names with short values, aligned."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Definitions(Block):
    """Terms with their meanings, which are sentences."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Links(Block):
    """Files beside the report: each with its title, its relative address, and what is in it."""

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Cards(Block):
    """Cards side by side."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Table(Block):
    """A table whose first column names the rows.

    Of a long table, pages show 200 rows and text shows 20; ``rest`` says where the others are. ``legend`` explains the
    signs of plots: each a class name of the style and a text. A ``matrix`` has narrow columns with upright titles,
    ``metrics`` become a list on phones, ``upright`` is the column from which titles are upright on pages.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    remark: str = ""
    rest: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    layout: Literal["", "matrix", "metrics", "narrow", "images"] = ""
    upright: int | None = None


@dataclass(frozen=True, slots=True)
class Tables(Block):
    """Tables under one title and a sentence of method, which the report counts as Table 1, 2 and so on."""

    title: str
    method: str
    tables: tuple[Table, ...]
    numbered: bool = True


@dataclass(frozen=True, slots=True)
class Figure(Block):
    """A drawing, or several side by side; one with a ``title`` is counted as Figure 1, 2 and so on.

    ``method`` says how it was made.
    """

    drawings: tuple[Drawing, ...]
    title: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Rankings(Block):
    """Queries with their first hits."""

    rankings: tuple[RankedQuery, ...]


@dataclass(frozen=True, slots=True)
class SearchResult(Block):
    """The terms of one query, and its hits over the whole width of a page."""

    terms: tuple[Frame, ...]
    hits: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class ImageGroups(Block):
    """Images that belong together, a card for each group, with a remark."""

    groups: tuple[tuple[tuple[Frame, ...], str], ...]


@dataclass(frozen=True, slots=True)
class ImageStrips(Block):
    """Images in rows that fill a page's width, uncropped as far as their proportions allow."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class SideBySide(Block):
    """Blocks beside one another where a page is wide enough."""

    blocks: tuple[AnyBlock, ...]


@dataclass(frozen=True, slots=True)
class Stack(Block):
    """Blocks below one another, as one of those side by side."""

    blocks: tuple[AnyBlock, ...]


@dataclass(frozen=True, slots=True)
class Details(Block):
    """Blocks that a page folds away under a summary."""

    summary: str
    blocks: tuple[AnyBlock, ...]
    opened: bool = False


AnyBlock = (
    Heading
    | Text
    | Facts
    | Definitions
    | Links
    | Cards
    | Table
    | Tables
    | Figure
    | Rankings
    | SearchResult
    | ImageGroups
    | ImageStrips
    | SideBySide
    | Stack
    | Details
)


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its kind, its title, a sentence that sums it up, blocks in their order, and what it was made with.

    ``made_with`` are names with values, ``command`` the command line that makes the report again, ``closing`` the last
    sentence.
    """

    kind: str
    title: str
    lead: str
    blocks: tuple[AnyBlock, ...]
    made_with: tuple[tuple[str, str], ...] = ()
    command: str | None = None
    closing: str = field(default="Made by Lookalike on this machine; nothing was sent anywhere.")

    def drawings(self) -> Iterator[Drawing]:
        """All drawings of the report, in their order."""
        return _drawings(self.blocks)


def table_of(items: Iterable[T], columns: Iterable[tuple[Column, Callable[[T], Cell | str]]]) -> Table:
    """A table with a row for each of ``items``; each column has a function that makes its cell of an item."""
    titles, cells = zip(*columns, strict=True)
    return Table(titles, tuple(Row(tuple(cell(item) for cell in cells)) for item in items))


def selected(blocks: Iterable[AnyBlock], media: Media) -> list[AnyBlock]:
    """The blocks that are meant for ``media``."""
    return [block for block in blocks if media in block.media]


@dataclass(frozen=True, slots=True)
class VisibleRow:
    """The cells of a row that one rendering shows; where it ``spans``, the last one takes the remaining columns."""

    kind: str
    cells: tuple[Cell, ...]
    spans: bool


def visible_columns(table: Table, media: Media) -> tuple[Column, ...]:
    """The columns that ``media`` shows."""
    return tuple(column for column in table.columns if media in column.media)


def visible_rows(table: Table, media: Media, most: int) -> tuple[list[VisibleRow], int]:
    """The rows that ``media`` shows, at most ``most`` of a table that has its rest elsewhere, and how many are left."""
    first = table.rows[:most] if table.rest else table.rows
    return [_visible(row, table, media) for row in first], len(table.rows) - len(first)


def _visible(row: Row, table: Table, media: Media) -> VisibleRow:
    cells = [as_cell(cell) for cell in row.cells]
    spans = len(cells) < len(table.columns)
    own = cells[:-1] if spans else cells
    kept = [cell for cell, column in zip(own, table.columns, strict=False) if media in column.media]
    return VisibleRow(row.kind, (*kept, *cells[len(own) :]), spans)


def _drawings(blocks: Iterable[AnyBlock]) -> Iterator[Drawing]:
    for block in blocks:
        if isinstance(block, Figure):
            yield from block.drawings
        elif isinstance(block, SideBySide | Stack | Details):
            yield from _drawings(block.blocks)
