"""Contact sheets: many small images in labelled rows, as one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from lookalike.report.drawings.drawing import elide
from lookalike.report.rasters.raster import Font, font

Cells = Sequence[tuple[str, Image.Image]]
"""The images of a row, each with its caption."""

_PAPER: Final = "#ffffff"
_INK: Final = "#1a1d21"
_FAINT_INK: Final = "#68707c"
_HAIRLINE: Final = "#e4e7eb"
_LEAST_CELL: Final = 16


@dataclass(frozen=True, slots=True)
class _Style:
    """Lengths in pixels and fonts, all in proportion to the size of a cell."""

    cell: int
    label_width: int = 0

    @property
    def margin(self) -> int:
        """Around the sheet."""
        return max(6, self.cell // 5)

    @property
    def gap(self) -> int:
        """Between images."""
        return max(2, self.cell // 20)

    @property
    def text(self) -> int:
        """Height of letters."""
        return max(8, round(self.cell * 0.11))

    @property
    def line(self) -> int:
        """From one line of text to the next."""
        return round(self.text * 1.35)

    def font(self, scale: float = 1.0) -> Font:
        """The font, in multiples of its usual size."""
        return font(self.text * scale)

    def left(self, column: int) -> int:
        """Where a column's images begin."""
        return self.margin + self.label_width + column * (self.cell + self.gap)


def contact_sheet(rows: Sequence[tuple[str, Cells]], *, cell: int = 160, title: str = "") -> Image.Image:
    """Lay out rows of images as one RGB image.

    ``rows`` are labels (at the left, wrapped) with their images, each with a caption; rows may differ in length.
    Captions that are the same in every row stand once above their columns; otherwise each stands below its image,
    cut off where it is too long. An image keeps its proportions and fills a cell of ``cell`` x ``cell`` pixels one way
    or the other; a row is as high as its highest image. Raises ``ValueError`` for a cell below 16 pixels.
    """
    if cell < _LEAST_CELL:
        raise ValueError(f"a cell of {cell} pixels is too small for an image; at least {_LEAST_CELL}")
    style = _Style(cell, _label_width([label for label, _ in rows], _Style(cell)))
    heads = _shared_captions([cells for _, cells in rows])
    columns = max((len(cells) for _, cells in rows), default=0)
    width = max(style.left(columns) - style.gap + style.margin, _title_width(title, style))
    strips = [_title(title, width, style)] if title else []
    strips += [_heads(heads, width, style)] if any(heads) else []
    strips += [_row(label, cells, width, style, captions=not heads) for label, cells in rows]
    sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) + 2 * style.margin), _PAPER)
    top = style.margin
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _shared_captions(rows: Sequence[Cells]) -> list[str]:
    """The captions above the columns if all rows have the same ones, as far as they go; otherwise none."""
    every = [[caption for caption, _ in cells] for cells in rows]
    longest = max(every, key=len, default=[])
    return longest if len(every) > 1 and all(row == longest[: len(row)] for row in every) else []


def _strip(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    strip = Image.new("RGB", (width, height), _PAPER)
    return strip, ImageDraw.Draw(strip)


def _title_width(title: str, style: _Style) -> int:
    return round(style.font(1.6).getbbox(title)[2]) + 2 * style.margin if title else 0


def _title(title: str, width: int, style: _Style) -> Image.Image:
    strip, draw = _strip(width, round(style.line * 2.2))
    draw.text((style.margin, 0), title, _INK, style.font(1.6))
    return strip


def _heads(heads: Sequence[str], width: int, style: _Style) -> Image.Image:
    strip, draw = _strip(width, round(style.line * 1.4))
    for column, head in enumerate(heads):
        middle = style.left(column) + style.cell // 2
        draw.text((middle, 0), elide(head, style.cell, style.font().getlength), _FAINT_INK, style.font(), anchor="ma")
    return strip


def _row(label: str, cells: Cells, width: int, style: _Style, *, captions: bool) -> Image.Image:
    """A hairline, then the label and its images."""
    images = [ImageOps.contain(image.convert("RGB"), (style.cell, style.cell)) for _, image in cells]
    lines = _wrapped(label, style)
    high = max([image.height for image in images] + [len(lines) * style.line])
    below = style.line + style.gap // 2 if captions and any(caption for caption, _ in cells) else 0
    strip, draw = _strip(width, style.gap + high + below + style.gap)
    draw.line((style.margin, 0, width - style.margin - 1, 0), _HAIRLINE)
    for number, line in enumerate(lines):
        top = style.gap + (high - len(lines) * style.line) // 2 + number * style.line
        draw.text((style.margin, top), line, _INK, style.font())
    for column, (image, (caption, _)) in enumerate(zip(images, cells, strict=True)):
        left, top = style.left(column), style.gap
        strip.paste(image, (left + (style.cell - image.width) // 2, top + (high - image.height) // 2))
        if below:
            where = (left + style.cell // 2, top + high + style.gap // 2)
            draw.text(
                where, elide(caption, style.cell, style.font().getlength), _FAINT_INK, style.font(0.85), anchor="ma"
            )
    return strip


def _label_width(labels: Sequence[str], style: _Style) -> int:
    """The width of the longest label, up to a cell and a quarter, and a margin before the images."""
    if not any(labels):
        return 0
    longest = max(style.font().getlength(label) for label in labels)
    return min(round(longest), style.cell * 5 // 4) + style.margin


def _wrapped(label: str, style: _Style) -> list[str]:
    """The label in lines that fit, broken after spaces and underscores; longer words are elided."""
    room = style.label_width - style.margin
    lines: list[str] = []
    for word in label.replace("_", "_ ").split(" "):
        glue = "" if lines and lines[-1].endswith("_") else " "
        if lines and style.font().getlength(lines[-1] + glue + word) <= room:
            lines[-1] += glue + word
        else:
            lines.append(word)
    return [elide(line, room, style.font().getlength) for line in lines if line]
