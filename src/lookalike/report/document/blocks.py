"""A report as a list of blocks, of which both its forms are made: one HTML file, and Markdown with files beside it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

from lookalike.report.document.pages import render
from lookalike.report.document.tables import CEILING, Table
from lookalike.text import printable

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; ``level`` is 2 for a chapter, 3 for a section."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; ``notice`` for what a reader must not miss."""

    text: str
    notice: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Terms, each with what there is to say of it."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Something to type."""

    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: an SVG's text or a JPEG's bytes, kept as the file ``slug``; ``method`` says how it was made.

    ``wide`` ones keep their size on a narrow screen, and are scrolled there.
    """

    slug: str
    title: str
    method: str
    content: str | bytes
    wide: bool = False

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.slug}.{'svg' if isinstance(self.content, str) else 'jpg'}"


@dataclass(frozen=True, slots=True)
class FigureRow:
    """Figures side by side, under one number."""

    title: str
    method: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class NumberedTable:
    """Tables under one title and a sentence of method. A row that is shorter than its header ends in a remark.

    With ``numbered``, the report counts it as Table 1, 2 and so on.
    """

    title: str
    method: str
    tables: tuple[Table, ...]
    numbered: bool = True


Block = Heading | Text | Listing | Code | Figure | FigureRow | NumberedTable


@dataclass(frozen=True, slots=True)
class Report:
    """A title, a line below it, and blocks in their order."""

    title: str
    lead: str
    blocks: tuple[Block, ...]
    footer: tuple[str, ...] = field(default=())

    def figures(self) -> Iterator[Figure]:
        """All figures that have a file."""
        for block in self.blocks:
            if isinstance(block, Figure):
                yield block
            elif isinstance(block, FigureRow):
                yield from block.figures


def report_page(report: Report) -> str:
    """The report as one HTML file that needs nothing else."""
    numbers = _Numbers()
    return render(
        "reproduction.html",
        {
            "title": report.title,
            "lead": report.lead,
            "blocks": [_for_page(block, numbers) for block in report.blocks],
            "footer": report.footer,
            "ceiling": CEILING,
        },
    )


def report_markdown(report: Report, folder: str) -> str:
    """The report as Markdown, whose figures are files in ``folder`` beside it."""
    numbers = _Numbers()
    parts = [f"# {_escaped(report.title)}", _escaped(report.lead)]
    for block in report.blocks:
        parts += _as_markdown(block, folder, numbers)
    parts += [_escaped(line) for line in report.footer]
    return "\n\n".join(parts) + "\n"


class _Numbers:
    """Counts figures and tables."""

    def __init__(self) -> None:
        self._counted = {"Figure": 0, "Table": 0}

    def next(self, kind: str) -> str:
        self._counted[kind] += 1
        return f"{kind} {self._counted[kind]}"


def _for_page(block: Block, numbers: _Numbers) -> dict[str, Any]:
    kind = type(block).__name__
    match block:
        case Figure():
            return {"kind": kind, "number": numbers.next("Figure"), **_drawn(block), "method": block.method}
        case FigureRow():
            return {
                "kind": kind,
                "number": numbers.next("Figure"),
                "title": block.title,
                "method": block.method,
                "figures": [_drawn(figure) for figure in block.figures],
            }
        case NumberedTable():
            return {"kind": kind, "number": numbers.next("Table") if block.numbered else "", "block": block}
        case _:
            return {"kind": kind, "block": block}


def _drawn(figure: Figure) -> dict[str, Any]:
    """The figure for a page: an SVG as it is, a JPEG as a data URI."""
    if isinstance(figure.content, str):
        svg, source = Markup(figure.content), None  # noqa: S704  drawn by us, everything in it escaped
    else:
        svg, source = None, f"data:image/jpeg;base64,{base64.b64encode(figure.content).decode('ascii')}"
    return {"title": figure.title, "svg": svg, "source": source, "wide": figure.wide}


def _as_markdown(block: Block, folder: str, numbers: _Numbers) -> Iterator[str]:
    match block:
        case Heading():
            yield f"{'#' * block.level} {_escaped(block.text)}"
        case Text():
            yield f"> **Note.** {_escaped(block.text)}" if block.notice else _escaped(block.text)
        case Listing():
            yield "\n".join(f"- **{_escaped(term)}**: {_escaped(text)}" for term, text in block.items)
        case Code():
            yield f"```\n{printable(block.text)}\n```"
        case Figure():
            yield _image(block, folder)
            yield _caption(f"{numbers.next('Figure')}. ", block)
        case FigureRow():
            for one in block.figures:
                yield _escaped(one.title)
                yield _image(one, folder)
            yield _caption(f"{numbers.next('Figure')}. ", block)
        case NumberedTable():
            yield _caption(f"{numbers.next('Table')}. " if block.numbered else "", block)
            for table in block.tables:
                yield from _titled(table)


def _titled(table: Table) -> Iterator[str]:
    """The table with its title, and its remarks in between."""
    yield f"*{_escaped(table.title)}*"
    if table.remarks:
        yield "\n".join(f"- {_escaped(printable(line))}" for line in table.remarks)
    yield _table(table)


def _caption(number: str, block: Figure | FigureRow | NumberedTable) -> str:
    return f"**{number}{_escaped(block.title)}.** {_escaped(block.method)}"


def _image(figure: Figure, folder: str) -> str:
    return f"![{_escaped(figure.title)}]({folder}/{figure.file})"


def _table(table: Table) -> str:
    lines = [_row(table.header), _row(["---", *["---:"] * (len(table.header) - 1)], escape=False)]
    width = len(table.header)
    return "\n".join([*lines, *(_row([*row, *[""] * (width - len(row))]) for row in table.rows)])


def _row(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(_escaped(printable(cell)) if escape else cell for cell in cells)} |"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
