"""A report as one HTML file that needs nothing else: no script, no network, all images inside it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import ImageOps

from lookalike.errors import ImageError
from lookalike.images.thumbnails import thumbnail
from lookalike.report.document.anchors import address, anchors
from lookalike.report.document.blocks import (
    AnyBlock,
    Details,
    Document,
    Figure,
    Heading,
    ImageStrips,
    SideBySide,
    Stack,
    Table,
    Tables,
    selected,
)
from lookalike.report.document.elements import Drawing, Media, Picture
from lookalike.report.document.html_table import View, table_view
from lookalike.report.document.numbering import Numbering
from lookalike.text import printable

_QUALITY: Final = 80
_STRIP: Final = 6
# A strip is at least so many times as wide as high; panoramas and the like are cropped to these proportions.
_LEAST_RATIO: Final = 5.5


def page(document: Document) -> str:
    """The report as HTML; images that can't be read any more are replaced by a note that says so."""
    return (
        _environment()
        .get_template("document.html")
        .render(document=document, sections=_Renderer().sections(document.blocks), source=_Thumbnails())
    )


def data_uri(image: bytes) -> str:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(image).decode('ascii')}"


def image_source(path: Path, side: int) -> str | None:
    """A thumbnail of an image file as a data URI, its longer side at most ``side`` pixels; None if it is unreadable."""
    try:
        return data_uri(thumbnail(path, side))
    except ImageError:
        return None


class _Thumbnails:
    """The thumbnails of a page as data URIs; a file that appears several times is read once."""

    def __init__(self) -> None:
        self._read = cache(image_source)

    def __call__(self, picture: Picture) -> str | None:
        """The thumbnail of ``picture``; None if it is unreadable."""
        if isinstance(picture.source, Path):
            return self._read(picture.source, picture.side)
        file = io.BytesIO()
        small = ImageOps.contain(picture.source, (picture.side, picture.side))
        small.save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
        return data_uri(file.getvalue())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lookalike.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(breakable=_breakable, address=address)
    return environment


def _breakable(text: str) -> Markup:
    """A name, escaped, that a browser may break after underscores, slashes and dashes."""
    return Markup(re.sub(r"([_/-])", r"\1<wbr>", str(escape(printable(text)))))  # noqa: S704  escaped


class _Renderer:
    """Turns blocks into what the template shows, and counts figures and tables."""

    def __init__(self) -> None:
        self._numbering = Numbering()

    def sections(self, blocks: Iterable[AnyBlock]) -> list[View]:
        """The blocks by section: a heading of level 2 begins one; those before the first have no heading."""
        sections: list[View] = [{"heading": None, "views": []}]
        for block in selected(blocks, Media.PAGE):
            if isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004
                sections.append({"heading": block, "views": []})
            else:
                sections[-1]["views"].append(self._view(block))
        for section, name in zip(sections[1:], anchors(one["heading"].text for one in sections[1:]), strict=True):
            section["anchor"] = name
        return sections

    def _views(self, blocks: Iterable[AnyBlock]) -> list[View]:
        return [self._view(block) for block in selected(blocks, Media.PAGE)]

    def _view(self, block: AnyBlock) -> View:
        view: View = {"kind": type(block).__name__, "block": block}
        match block:
            case Table():
                view |= table_view(block)
            case Tables():
                view |= {"number": self._numbering.label(block), "tables": [table_view(one) for one in block.tables]}
            case Figure():
                number = self._numbering.label(block) if block.title else ""
                view |= {"number": number, "drawings": [_drawing_view(one) for one in block.drawings]}
            case ImageStrips():
                view |= {"strips": _strips(block.pictures)}
            case SideBySide() | Stack() | Details():
                view |= {"views": self._views(block.blocks)}
        return view


def _drawing_view(drawing: Drawing) -> View:
    """An SVG is part of the page, a JPEG a data URI."""
    if isinstance(drawing.content, str):
        return {"drawing": drawing, "svg": Markup(drawing.content), "source": None}  # noqa: S704  escaped when drawn
    return {"drawing": drawing, "svg": None, "source": data_uri(drawing.content)}


def _strips(pictures: Sequence[Picture]) -> list[View]:
    """Images in strips of up to six that fill a page's width, each in two halves, which a phone shows as strips.

    Ratios are widths by heights; ``room`` is left empty at the end of a strip of too few images.
    """
    ratios = [(picture, picture.shown_ratio) for picture in pictures]
    return [
        {
            "halves": [{"cells": half, "ratio": sum(ratio for _, ratio in half)} for half in _even(strip, _STRIP // 2)],
            "room": max(0.0, _LEAST_RATIO - sum(ratio for _, ratio in strip)),
        }
        for strip in _even(ratios, _STRIP)
    ]


def _even(cells: list[tuple[Picture, float]], most: int) -> list[list[tuple[Picture, float]]]:
    """Parts of at most ``most``, as equal in number as possible."""
    parts = -(-len(cells) // most)
    return [cells[len(cells) * part // parts : len(cells) * (part + 1) // parts] for part in range(parts)]
