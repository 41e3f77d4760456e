"""Options that narrow a search to a part of the gallery, or to good matches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import rich_click as click

from lookalike.cli.options.command import Options, together
from lookalike.cli.options.shared import cosine, positive_integer
from lookalike.errors import QueryError
from lookalike.search.match_words import MatchWord
from lookalike.system_files import real_path
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.query import Query


def _number_of_hits(text: str) -> int | str:
    return text if text == "all" else positive_integer(text)


def _condition(text: str) -> str:
    from lookalike.search.grammar import parse_condition

    try:
        parse_condition(text)
    except QueryError as error:
        raise click.BadParameter(str(error)) from error
    return text


narrowing_options: Final = together(
    click.option(
        "-k",
        "--k",
        metavar="N|all",
        type=_number_of_hits,
        default="10",
        panel="Narrow",
        help="Number of hits (default: 10).",
    ),
    click.option(
        "--under",
        metavar="FOLDER",
        panel="Narrow",
        help="Search only this folder of the gallery and those below it (default: the current one, if it is in it).",
    ),
    click.option(
        "--where",
        metavar="CONDITION",
        type=_condition,
        panel="Narrow",
        help='Search only images for which this holds: "km>=32 and date>=2023-05 and label=joint". Columns are those '
        "of lookalike annotate and of labels.csv, and date, camera, width, height, size and path.",
    ),
    click.option(
        "--min-score",
        metavar="COSINE",
        type=cosine,
        panel="Narrow",
        help="Leave out hits with a lower score, from -1 to 1.",
    ),
    click.option(
        "--match",
        type=click.Choice(get_args(MatchWord)),
        panel="Narrow",
        help="Leave out hits with a weaker match: with close, similar and weak.",
    ),
)
"""Adds ``-k``, ``--under``, ``--where``, ``--min-score`` and ``--match``."""


def narrow(query: Query, options: Options, count: int, *, fold: bool) -> Query:
    """The query with the limits in ``options``; ``count`` is the number of images that are searched."""
    k = max(1, count) if options.k == "all" else options.k
    limited = query.filtered(options.where).at_least(options.min_score, options.match)
    return replace(limited, k=k, fold=fold)


def folder_to_search(gallery: Gallery, address: str | None, under: str | None) -> str | None:
    """The folder that is meant, relative to the gallery's root; None for all of it.

    That is ``under``, from the current folder or from the root, or else where ``address``, with which the gallery was
    found, or the current folder is in the gallery. Raises :class:`~lookalike.errors.QueryError` if no images of the
    gallery are in ``under``.
    """
    root = real_path(gallery.root)
    if under is None:
        start = real_path(Path.cwd() if address is None else address)
        is_own = start.is_relative_to(real_path(gallery.path))  # of the gallery's own files, not of images
        return None if is_own or not start.is_dir() else _relative(start, root)
    for start in (Path.cwd(), root):
        folder = real_path(start / under)
        if folder == root:
            return None
        relative = _relative(folder, root)
        if relative is not None and gallery.count(relative):
            return relative
    raise QueryError(
        f"{printable(under)}: no images of this gallery are in this folder. Its images are in {printable(gallery.root)}"
    )


def _relative(folder: Path, root: Path) -> str | None:
    """The path of ``folder`` if it is inside ``root``; None if it is not, or is ``root`` itself."""
    return folder.relative_to(root).as_posix() if folder != root and folder.is_relative_to(root) else None
