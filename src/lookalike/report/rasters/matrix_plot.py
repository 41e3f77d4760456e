"""A similarity matrix as an image: cosines as colours, boundaries and names of classes, and a scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from lookalike.evaluation.experiments.matrix import Band, ClassMeans, CosineRange, MatrixAxis, SimilarityMatrix
from lookalike.report.drawings.drawing import elide
from lookalike.report.rasters.raster import font
from lookalike.report.rasters.viridis import viridis
from lookalike.text import plural, printable

_LONGEST: Final = 1500
# The greatest size of a cell, and the least height of a single query's row.
_LARGEST_CELL: Final = 48
_LEAST_SIDE: Final = 28

_PAPER: Final = "#ffffff"
_INK: Final = "#1a1d21"
_FAINT: Final = "#68707c"
_RULE: Final = "#c9ced6"
_TEXT: Final = 17
_LINE: Final = 22
_MARGIN: Final = 36
_GAP: Final = 18
_LEADER: Final = 26
_NAME_WIDTH: Final = 300
_SCALE_WIDTH: Final = 22
_LEAST_SCALE: Final = 180
_LONGEST_SCALE: Final = 420


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of the matrix on the image: its length in pixels, and its classes' names where there is room.

    ``names`` are bands with the places of their middles and of their names. ``along`` where names are written along
    the axis, as short ones above columns are.
    """

    side: MatrixAxis
    cells: int
    length: int
    names: tuple[tuple[Band, float, float], ...]
    along: bool = False

    @property
    def margin(self) -> int:
        """The room for the names, across the axis."""
        if not self.names or self.along:
            return _LINE
        return min(_NAME_WIDTH, round(max(_width(_name(band)) for band, _, _ in self.names))) + _LEADER

    def at(self, cell: int) -> int:
        """Where the cell of that number begins, in pixels."""
        return round(cell * self.length / self.cells)


def matrix_plot(matrix: SimilarityMatrix) -> Image.Image:
    """``matrix`` as an RGB image: queries from top to bottom, gallery from left to right.

    A matrix of more cells than pixels is drawn as means of cells; the caption says of how many.
    """
    extent, means = matrix.summary
    down, across = _axes(matrix)
    heat = _heat(matrix, extent, down.length, across.length)
    left, top = _MARGIN + 2 * _LINE + down.margin, _MARGIN + 4 * _LINE + across.margin
    scale = max(_LEAST_SCALE, min(down.length, _LONGEST_SCALE))
    # Beside a flat matrix, the scale extends upwards.
    scale_top = max(_MARGIN + 3 * _LINE, top + min(0, down.length - scale))
    width = left + across.length + 3 * _GAP + _SCALE_WIDTH + 90
    caption = _caption(matrix, extent, means)
    width = max(width, 2 * _MARGIN + round(max(_width(line) for line in caption)))
    bottom = max(top + down.length, scale_top + scale)
    sheet = Image.new("RGB", (width, bottom + _GAP + len(caption) * _LINE + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"Similarity of {printable(matrix.queries.name)} to {printable(matrix.gallery.name)}"
    draw.text((_MARGIN, _MARGIN - 8), title, _INK, font(1.5 * _TEXT))
    sheet.paste(heat, (left, top))
    _bounds(draw, down, across, left, top)
    draw.rectangle((left - 1, top - 1, left + across.length, top + down.length), outline=_RULE)
    _names_at_left(draw, down, left, top)
    _names_above(sheet, across, left, top)
    _axis_titles(sheet, down, across, left, top)
    _scale(sheet, extent, left + across.length + 3 * _GAP, scale_top, scale)
    for number, line in enumerate(caption):
        draw.text((_MARGIN, bottom + _GAP + number * _LINE), line, _FAINT, font(_TEXT))
    return sheet


def _axes(matrix: SimilarityMatrix) -> tuple[Axis, Axis]:
    """Both axes at one scale, unless one of them would be too thin."""
    cell = min(_LARGEST_CELL, _LONGEST / max(matrix.shape))
    cell = math.floor(cell) if cell >= 1 else cell
    lengths = [max(round(count * cell), min(_LEAST_SIDE * count, _LEAST_SIDE)) for count in matrix.shape]
    down, across = (
        Axis(side, count, length, _placed(side.bands, count, length))
        for side, count, length in zip((matrix.queries, matrix.gallery), matrix.shape, lengths, strict=True)
    )
    bands = across.side.bands
    fits = all(_width(_name(b)) + _GAP < (b.stop - b.start) * across.length / across.cells for b in bands)
    return down, replace(across, along=fits)


def _heat(matrix: SimilarityMatrix, extent: CosineRange, height: int, width: int) -> Image.Image:
    rows, columns = matrix.shape
    values = matrix.downsample(min(rows, height), min(columns, width))
    image = Image.fromarray(viridis(values, extent.low, extent.high))
    return image.resize((width, height), Image.Resampling.NEAREST)


def _placed(bands: Sequence[Band], cells: int, length: int) -> tuple[tuple[Band, float, float], ...]:
    """Names beside the middles of their bands, moved apart where they would touch; the largest if not all fit."""
    room = length // _LINE
    kept = sorted(sorted(bands, key=lambda band: (band.start - band.stop, band.start))[:room], key=lambda b: b.start)
    middles = [(band.start + band.stop) / 2 * length / cells for band in kept]
    places: list[float] = []
    for middle in middles:
        places.append(max(middle, places[-1] + _LINE) if places else max(middle, _LINE / 2))
    limit = length - _LINE / 2
    for number in reversed(range(len(places))):
        places[number] = min(places[number], limit)
        limit = places[number] - _LINE
    return tuple(zip(kept, middles, places, strict=True))


def _bounds(draw: ImageDraw.ImageDraw, down: Axis, across: Axis, left: int, top: int) -> None:
    """Thin white lines between classes, if the bands are wide enough."""
    for axis, vertical in ((down, False), (across, True)):
        bands = axis.side.bands
        if len(bands) < 2 or axis.length / len(bands) < 6:  # noqa: PLR2004  pixels a band
            continue
        for band in bands[1:]:
            at = axis.at(band.start)
            if vertical:
                draw.line((left + at, top, left + at, top + down.length - 1), _PAPER)
            else:
                draw.line((left, top + at, left + across.length - 1, top + at), _PAPER)


def _names_at_left(draw: ImageDraw.ImageDraw, axis: Axis, left: int, top: int) -> None:
    for band, middle, place in axis.names:
        draw.line((left - 6, top + middle, left - _LEADER + 6, top + place), _RULE)
        draw.text(
            (left - _LEADER, top + place), elide(_name(band), _NAME_WIDTH, _width), _INK, font(_TEXT), anchor="rm"
        )


def _names_above(sheet: Image.Image, axis: Axis, left: int, top: int) -> None:
    draw = ImageDraw.Draw(sheet)
    for band, middle, place in axis.names:
        if axis.along:
            draw.text((left + middle, top - _LINE * 0.7), _name(band), _INK, font(_TEXT), anchor="mm")
            continue
        draw.line((left + middle, top - 6, left + place, top - _LEADER + 6), _RULE)
        _upwards(sheet, elide(_name(band), _NAME_WIDTH, _width), _INK, (left + place, top - _LEADER))


def _axis_titles(sheet: Image.Image, down: Axis, across: Axis, left: int, top: int) -> None:
    above = f"gallery: {plural(across.cells, 'image')}"
    at = (left + max(across.length, _width(above)) / 2, top - across.margin - _LINE)
    ImageDraw.Draw(sheet).text(at, above, _FAINT, font(_TEXT), anchor="mm")
    beside = plural(down.cells, "query", "queries")
    _upwards(sheet, beside, _FAINT, (left - down.margin - _LINE, top + down.length / 2), middle=True)


def _scale(sheet: Image.Image, extent: CosineRange, left: int, top: int, height: int) -> None:
    """The colours from the highest cosine to the lowest, with round numbers."""
    values = np.linspace(extent.high, extent.low, height)[:, np.newaxis]
    colours = viridis(np.repeat(values, _SCALE_WIDTH, axis=1), extent.low, extent.high)
    sheet.paste(Image.fromarray(colours), (left, top))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left - 1, top - 1, left + _SCALE_WIDTH, top + height), outline=_RULE)
    draw.text((left, top - _LINE), "cosine", _FAINT, font(_TEXT), anchor="lm")
    for mark, text in _marks(extent.low, extent.high):
        at = top + (extent.high - mark) / max(extent.high - extent.low, 1e-12) * (height - 1)
        draw.line((left + _SCALE_WIDTH, at, left + _SCALE_WIDTH + 6, at), _FAINT)
        draw.text((left + _SCALE_WIDTH + 12, at), text, _INK, font(_TEXT), anchor="lm")


def _marks(low: float, high: float) -> list[tuple[float, str]]:
    """Five to ten round numbers from ``low`` to ``high``, each with its text."""
    span = max(high - low, 1e-6)
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * part for part in (0.1, 0.2, 0.5, 1) if span / (power * part) <= 10)  # noqa: PLR2004
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [(number * step, f"{number * step:.{digits}f}".replace("-", "\N{MINUS SIGN}")) for number in numbers]


def _caption(matrix: SimilarityMatrix, extent: CosineRange, means: ClassMeans) -> list[str]:
    rows, columns = matrix.shape
    ends = f"{extent.minimum:.3f} to {extent.maximum:.3f}; colours show {extent.low:.3f} to {extent.high:.3f}"
    lines = [f"Cosines of embeddings by {matrix.spec.name}, {ends}, where 99 % lie."]
    if means.same is not None and means.other is not None:
        lines.append(
            f"Mean of pairs of one class {means.same:.3f}, of two classes {means.other:.3f}, self left out (an image "
            "with itself)."
        )
    pixels = max(rows, columns) / _LONGEST
    if pixels > 1:
        lines.append(f"A pixel is the mean of about {pixels:.1f} x {pixels:.1f} pairs.")
    return lines


def _name(band: Band) -> str:
    return printable(band.label)


def _upwards(sheet: Image.Image, text: str, ink: str, at: tuple[float, float], *, middle: bool = False) -> None:
    """Text that runs upwards: from ``at``, or with its middle there."""
    wide = round(_width(text)) + 4
    strip = Image.new("RGB", (wide, _LINE), _PAPER)
    ImageDraw.Draw(strip).text((2, _LINE / 2), text, ink, font(_TEXT), anchor="lm")
    turned = strip.transpose(Image.Transpose.ROTATE_90)
    x, y = at
    sheet.paste(turned, (round(x - _LINE / 2), round(y - wide / 2 if middle else y - wide)))


def _width(text: str) -> float:
    return font(_TEXT).getlength(text)
