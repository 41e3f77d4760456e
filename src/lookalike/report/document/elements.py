"""What blocks are made of: media, pictures with captions, cells of tables, cards and drawings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.search.match_words import MatchWord

_NARROWEST: Final = 0.45
_WIDEST: Final = 3.2

Tone = Literal["", "strong", "soft", "mark", "right", "wrong", "warn", "path"]
"""How a piece of text stands out; only pages show it."""


RowKind = Literal["", "limit", "total", "group", "aside"]
"""What a row is among the others of its table; see :class:`Row`."""


class Media(Flag):
    """The renderings that a block or a column of a table is meant for."""

    PAGE = auto()
    MARKDOWN = auto()
    TERMINAL = auto()
    TEXT = MARKDOWN | TERMINAL
    ALL = PAGE | TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What all blocks have: the renderings they appear in."""

    media: Media = Media.ALL


@dataclass(frozen=True, slots=True)
class Card:
    """One number that sums the report up, with its name, its interval or the like, and small print."""

    title: str
    value: str
    note: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """A dot with its interval on the axis of its column.

    ``other`` is a second value (a diamond), ``chance`` and ``ceiling`` are ticks; None leaves a part out.
    """

    value: float
    interval: tuple[float, float] | None
    approximate: bool = False
    other: float | None = None
    chance: float | None = None
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar in parts that share its width: each a class name of the style, its number and a hint."""

    parts: tuple[tuple[str, float, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that a page holds as a thumbnail of at most ``side`` pixels; ``ratio`` is its width by its height."""

    source: Path | Image.Image
    side: int
    description: str
    ratio: float = 1.0

    @property
    def shown_ratio(self) -> float:
        """Its ratio in a row of images: a very narrow or wide image is cropped."""
        return min(max(self.ratio, _NARROWEST), _WIDEST)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: text, small print below it, and for pages a plot, an image or a background.

    ``heat`` is the strength of the background, 0 to 1, in the colour of ``tone``.
    """

    text: str = ""
    note: str = ""
    tone: Tone = ""
    heat: float | None = None
    plot: IntervalPlot | Bar | Picture | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    On a page, ``folded`` ones become small print below the row's name, on every page or on phones only, and
    ``hidden`` ones are left out on phones. ``axis`` are the ends of a column of interval plots.
    """

    title: str
    kind: Literal["number", "words", "image"] = "number"
    media: Media = Media.ALL
    on_pages: Literal["column", "folded", "folded on phones", "hidden on phones"] = "column"
    axis: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row; where it has fewer cells than there are columns, its last cell takes the remaining columns.

    ``kind`` is "limit" for values that nothing can exceed, "total" for sums and means of the rows above, "group" for
    the head of the rows below, "aside" for rows that stand apart from them.
    """

    cells: tuple[Cell | str, ...]
    kind: RowKind = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The text of an SVG or the bytes of a JPEG, in Markdown the file ``slug`` beside it.

    ``wide`` ones keep their size on a narrow screen and can be scrolled there.
    """

    slug: str
    title: str
    content: str | bytes
    wide: bool = False

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.slug}.{'svg' if isinstance(self.content, str) else 'jpg'}"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of a caption."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image with a caption, a phrase a line; framed as a right or a wrong hit unless ``right`` is None.

    ``picture`` is None for a text query. ``head`` are phrases on one line above the caption. On a page, the image is a
    link to ``file``, if there is one.
    """

    picture: Picture | None
    caption: tuple[Phrase, ...] = ()
    right: bool | None = None
    head: tuple[Phrase, ...] = ()
    file: Path | None = None

    @property
    def link(self) -> str | None:
        """The address of ``file``."""
        return None if self.file is None else self.file.absolute().as_uri()


@dataclass(frozen=True, slots=True)
class Tile:
    """An image in rows that fill a page's width, as ``lookalike serve`` shows hits.

    ``path`` is that of its file, to which it is a link. ``match`` says how alike it is, in a word; ``copies`` of it are
    folded.
    """

    rank: int
    picture: Picture
    file: Path
    path: str
    score: float
    match: MatchWord | None
    copies: int
    offline: bool

    @property
    def link(self) -> str:
        """The address of ``file``."""
        return self.file.absolute().as_uri()

    @property
    def name(self) -> str:
        """The name of ``file``."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder of ``path``."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class RankedQuery:
    """A query and its hits, best first."""

    query: Frame
    hits: tuple[Frame, ...]


def as_cell(cell: Cell | str) -> Cell:
    """The cell; text alone is a cell without anything else."""
    return Cell(cell) if isinstance(cell, str) else cell
