"""Rankings as one image: queries at the left, their hits in frames for right and wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from lookalike.report.drawings.drawing import elide
from lookalike.report.rasters.raster import font

_PAPER: Final = "#ffffff"
_INK: Final = "#1d2126"
_FAINT: Final = "#666c75"
_LINE: Final = "#e3e0d9"
_MAT: Final = "#ebe8e1"
_RIGHT: Final = "#0f6b5c"
_WRONG: Final = "#b4372a"

_CELL: Final = 150
_QUERY: Final = 190
_GAP: Final = 10
_MARGIN: Final = 16
_FRAME: Final = 5
_TEXT: Final = 19
_LINE_HEIGHT: Final = 24
_BADGE: Final = 26
_DASH: Final = 11


@dataclass(frozen=True, slots=True, eq=False)
class GridHit:
    """A hit: ``image`` is None if it is unreadable; ``score`` is the cosine."""

    image: Image.Image | None
    label: str
    score: float
    right: bool


@dataclass(frozen=True, slots=True, eq=False)
class GridRow:
    """A query with its hits, best first; ``remark`` is a line below its label."""

    image: Image.Image | None
    label: str
    remark: str
    hits: tuple[GridHit, ...]


def hit_grid(rows: Sequence[GridRow]) -> Image.Image:
    """The rankings as one RGB image, a row for each.

    Right hits have solid green frames and a tick, wrong ones dashed red frames, a cross and their label, so that the
    difference is visible without colour.
    """
    columns = max((len(row.hits) for row in rows), default=0)
    width = 2 * _MARGIN + _QUERY + columns * (_CELL + _GAP) + _GAP
    high = _QUERY + 2 * _LINE_HEIGHT + _GAP
    sheet = Image.new("RGB", (width, 2 * _MARGIN + len(rows) * (high + _GAP) - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = _MARGIN + number * (high + _GAP)
        if number:
            draw.line((_MARGIN, top - _GAP // 2 - 1, width - _MARGIN, top - _GAP // 2 - 1), _LINE)
        _query(sheet, draw, row, top)
        for place, hit in enumerate(row.hits):
            _hit(sheet, draw, hit, (_MARGIN + _QUERY + 2 * _GAP + place * (_CELL + _GAP), top + (_QUERY - _CELL) // 2))
    return sheet


def _query(sheet: Image.Image, draw: ImageDraw.ImageDraw, row: GridRow, top: int) -> None:
    _paste(sheet, row.image, (_MARGIN, top), _QUERY)
    below = top + _QUERY + 5
    draw.text((_MARGIN, below), elide(row.label, _QUERY, font(_TEXT).getlength), _INK, font(_TEXT))
    draw.text((_MARGIN, below + _LINE_HEIGHT), elide(row.remark, _QUERY, font(_TEXT).getlength), _FAINT, font(_TEXT))


def _hit(sheet: Image.Image, draw: ImageDraw.ImageDraw, hit: GridHit, place: tuple[int, int]) -> None:
    left, top = place
    colour = _RIGHT if hit.right else _WRONG
    _paste(sheet, hit.image, (left, top), _CELL)
    if hit.right:
        draw.rectangle((left, top, left + _CELL - 1, top + _CELL - 1), outline=colour, width=_FRAME)
    else:
        _dashed(draw, left, top, colour)
    _badge(draw, (left + _CELL - _BADGE, top + _CELL - _BADGE), right=hit.right)
    below = top + _CELL + 5
    draw.text((left, below), f"{hit.score:.3f}", _INK, font(_TEXT))
    if not hit.right:
        draw.text((left, below + _LINE_HEIGHT), elide(hit.label, _CELL, font(_TEXT).getlength), _WRONG, font(_TEXT))


def _paste(sheet: Image.Image, image: Image.Image | None, place: tuple[int, int], side: int) -> None:
    """The whole image in a square of ``side`` pixels, on a mat."""
    square = Image.new("RGB", (side, side), _MAT)
    if image is not None:
        small = ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS)
        square.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    sheet.paste(square, place)


def _dashed(draw: ImageDraw.ImageDraw, left: int, top: int, colour: str) -> None:
    right, bottom = left + _CELL - 1, top + _CELL - 1
    for start in range(0, _CELL, 2 * _DASH):
        stop = min(start + _DASH, _CELL) - 1
        draw.rectangle((left + start, top, left + stop, top + _FRAME - 1), colour)
        draw.rectangle((left + start, bottom - _FRAME + 1, left + stop, bottom), colour)
        draw.rectangle((left, top + start, left + _FRAME - 1, top + stop), colour)
        draw.rectangle((right - _FRAME + 1, top + start, right, top + stop), colour)


def _badge(draw: ImageDraw.ImageDraw, place: tuple[int, int], *, right: bool) -> None:
    """A tick or a cross from lines, because fonts may have neither."""
    x, y = place
    draw.rectangle((x, y, x + _BADGE - 1, y + _BADGE - 1), _RIGHT if right else _WRONG)
    if right:
        draw.line([(x + 6, y + 13), (x + 11, y + 18), (x + 20, y + 8)], _PAPER, 3, joint="curve")
    else:
        draw.line([(x + 8, y + 8), (x + 18, y + 18)], _PAPER, 3)
        draw.line([(x + 18, y + 8), (x + 8, y + 18)], _PAPER, 3)
