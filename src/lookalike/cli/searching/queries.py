"""The queries that the user gave: images, folders of images, lists of them, standard input, and texts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, together, wrong_usage
from lookalike.errors import QueryError
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.search.query import Query

_STDIN: Final = "-"

query_options: Final = together(
    click.argument("images", metavar="[IMAGE]...", nargs=-1),
    click.option(
        "--files-from",
        metavar="FILE",
        allow_from_autoenv=False,
        panel="Query",
        help="Also search for the images that this file lists, one path a line, or ended by zero bytes; - is standard "
        "input.",
    ),
    click.option(
        "--text",
        metavar="TEXT",
        multiple=True,
        allow_from_autoenv=False,
        panel="Query",
        help="A text query; each text gets a ranking of its own.",
    ),
)
"""Adds IMAGE, ``--files-from`` and ``--text``."""


def build_queries(options: Options) -> list[Query]:
    """One query for each image, then one for each text, each with all the modifiers.

    Raises :class:`~lookalike.errors.QueryError` for a list or a folder that can't be read.
    """
    from lookalike.search.query import Query

    if _STDIN in options.images and options.files_from == _STDIN:
        wrong_usage("standard input can be an image (-) or a list (--files-from -), not both")
    listed = [] if options.files_from is None else _listed(options.files_from)
    queries = [*_of_images([*options.images, *listed]), *map(Query.text, options.text)]
    if not queries:
        wrong_usage("no query; pass an image, a folder of images, or a text with --text")
    for name, value, weight in options.modifiers:
        queries = [getattr(query, name)(value, weight) for query in queries]
    return queries


def first_folder(options: Options) -> Path | None:
    """The folder of the first image, where a gallery may be."""
    first = next((Path(image) for image in options.images if image != _STDIN), None)
    return None if first is None else first if first.is_dir() else first.parent


def _of_images(images: list[str]) -> Iterator[Query]:
    from lookalike.search.query import Query

    for image in images:
        if image == _STDIN:
            yield Query.image(sys.stdin.buffer.read())
        elif os.path.isdir(image):  # noqa: PTH112  of a path in any form
            yield from map(Query.image, _images_in(Path(image)))
        else:
            yield Query.image(image)


def _images_in(folder: Path) -> list[Path]:
    """The images that ``lookalike index`` would find in a folder."""
    from lookalike.images.walk import find_images

    try:
        files = find_images(folder).files
    except OSError as error:
        raise QueryError(f"{printable(folder)}: can't list this folder ({error.strerror})") from error
    if not files:
        raise QueryError(f"{printable(folder)}: no images in this folder")
    return [folder / file.path for file in files]


def _listed(name: str) -> list[str]:
    """The paths in a list, relative to the current folder. Empty lines are left out."""
    try:
        content = sys.stdin.buffer.read() if name == _STDIN else Path(name).read_bytes()
    except OSError as error:
        raise QueryError(f"{printable(name)}: can't read this list of images ({error.strerror})") from error
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(line) for line in lines if line]
