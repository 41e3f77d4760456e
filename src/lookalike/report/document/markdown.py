"""A report as Markdown, its drawings in files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lookalike.report.document.anchors import address
from lookalike.report.document.blocks import (
    AnyBlock,
    Cards,
    Definitions,
    Details,
    Document,
    Facts,
    Figure,
    Heading,
    Links,
    SideBySide,
    Stack,
    Table,
    Tables,
    Text,
    selected,
    visible_columns,
    visible_rows,
)
from lookalike.report.document.elements import Cell, Drawing, Media
from lookalike.report.document.numbering import Numbering
from lookalike.text import printable

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")
_MOST_ROWS: Final = 20


def markdown(document: Document, folder: str = "") -> str:
    """The report as Markdown whose drawings are files in ``folder`` beside it."""
    parts = [f"# {escaped(f'{document.kind}: {document.title}')}", escaped(document.lead)]
    parts += _Writer(folder).parts(document.blocks)
    if document.made_with or document.command:
        parts += ["## Made with"]
        parts += [_items(document.made_with)] if document.made_with else []
    if document.command:
        parts += [f"```\n{printable(document.command)}\n```"]
    return "\n\n".join([*parts, escaped(document.closing)]) + "\n"


def escaped(text: str) -> str:
    """``text`` on one line, with the characters that Markdown gives a meaning escaped."""
    return _SPECIAL.sub(r"\\\1", printable(text))


class _Writer:
    """Renders blocks, and counts figures and tables."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._numbering = Numbering()

    def parts(self, blocks: Sequence[AnyBlock]) -> Iterator[str]:
        """The paragraphs of ``blocks``."""
        for block in selected(blocks, Media.MARKDOWN):
            yield from self._block(block)

    def _block(self, block: AnyBlock) -> Iterator[str]:
        match block:
            case Table():
                yield from _titled(block)
            case Tables():
                yield self._caption(block)
                for table in block.tables:
                    yield from _titled(table)
            case Figure():
                yield from self._figure(block)
            case SideBySide() | Stack():
                yield from self.parts(block.blocks)
            case Details():
                yield f"**{escaped(block.summary)}**"
                yield from self.parts(block.blocks)
            case Links():
                links = ((escaped(title), address(file), escaped(text)) for title, file, text in block.items)
                yield "\n".join(f"- [{title}]({file}): {text}" for title, file, text in links)
            case Heading() | Text() | Facts() | Definitions() | Cards():
                yield _paragraph(block)
            case _:
                pass  # images of the dataset, which have no files beside the Markdown

    def _figure(self, figure: Figure) -> Iterator[str]:
        for drawing in figure.drawings:
            if len(figure.drawings) > 1:
                yield escaped(drawing.title)
            yield self._image(drawing)
        if figure.title:
            yield self._caption(figure)

    def _caption(self, block: Figure | Tables) -> str:
        return f"**{self._numbering.label(block)}{escaped(block.title)}.** {escaped(block.method)}"

    def _image(self, drawing: Drawing) -> str:
        return f"![{escaped(drawing.title)}]({self._folder}/{drawing.file})"


def _paragraph(block: Heading | Text | Facts | Definitions | Cards) -> str:
    match block:
        case Heading():
            remark = f" ({block.remark})" if block.remark else ""
            return f"{'#' * block.level} {escaped(block.text + remark)}"
        case Text():
            return f"> **Note.** {escaped(block.text)}" if block.kind == "notice" else escaped(block.text)
        case Facts() | Definitions():
            return _items(block.items)
        case Cards():
            return _items([(card.title, f"{card.value} ({card.note}). {card.remark}") for card in block.cards])


def _items(items: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- **{escaped(name)}**: {escaped(text)}" for name, text in items)


def _titled(table: Table) -> Iterator[str]:
    """The table, with its title and its remark before it, and where its rest is behind it."""
    if table.title:
        yield f"*{escaped(table.title)}*"
    if table.remark:
        yield escaped(table.remark)
    columns = visible_columns(table, Media.MARKDOWN)
    rows, left = visible_rows(table, Media.MARKDOWN, _MOST_ROWS)
    marks = ["---" if place == 0 or column.kind == "words" else "---:" for place, column in enumerate(columns)]
    lines = [[escaped(column.title) for column in columns], marks]
    for row in rows:
        cells = [_cell(cell) for cell in row.cells]
        lines.append(cells + [""] * (len(columns) - len(cells)))
    yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if left:
        yield escaped(f"And {left:,} more: {table.rest}")


def _cell(cell: Cell) -> str:
    return escaped(f"{cell.text} ({cell.note})" if cell.note else cell.text)
