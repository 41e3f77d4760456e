"""Options that narrow a search to a part of the gallery, or to good matches."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lookalike.cli.arguments import cosine, positive_integer
from lookalike.errors import QueryError
from lookalike.search.match_words import MatchWord
from lookalike.system_files import real_path
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.query import Query


def add_narrowing(parser: argparse.ArgumentParser) -> None:
    """Add ``-k``, ``--under``, ``--min-score`` and ``--match``."""
    parser.add_argument(
        "-k", "--k", metavar="N|all", type=_number_of_hits, default=10, help="number of hits (default: %(default)s)"
    )
    parser.add_argument(
        "--under",
        metavar="FOLDER",
        help="search only this folder of the gallery and those below it (default: the current folder, if it is in one)",
    )
    parser.add_argument(
        "--min-score", metavar="COSINE", type=cosine, help="leave out hits with a lower score, from -1 to 1"
    )
    parser.add_argument(
        "--match", choices=get_args(MatchWord), help="leave out hits with a weaker match: with close, similar and weak"
    )


def narrow(query: Query, gallery: Gallery, options: argparse.Namespace, under: str | None) -> Query:
    """The query with the limits in ``options``; ``under`` is what :func:`folder_to_search` returned."""
    k = max(1, len(gallery)) if options.k is None else options.k
    return replace(query.under(under).at_least(options.min_score, options.match), k=k)


def folder_to_search(gallery: Gallery, options: argparse.Namespace) -> str | None:
    """The folder that is meant, relative to the gallery's root; None for all of it.

    That is ``--under``, from the current folder or from the root, or else where ``--gallery`` or the current folder is
    in the gallery. Raises :class:`~lookalike.errors.QueryError` if no images of the gallery are in ``--under``.
    """
    root = real_path(gallery.root)
    if options.under is None:
        start = real_path(Path.cwd() if options.gallery is None else options.gallery)
        is_own = start.is_relative_to(real_path(gallery.path))  # of the gallery's own files, not of images
        return None if is_own or not start.is_dir() else _relative(start, root)
    for start in (Path.cwd(), root):
        folder = real_path(start / options.under)
        if folder == root:
            return None
        relative = _relative(folder, root)
        if relative is not None and gallery.count(relative):
            return relative
    raise QueryError(
        f"{printable(options.under)}: no images of this gallery are in this folder. Its images are in "
        f"{printable(gallery.root)}"
    )


def _relative(folder: Path, root: Path) -> str | None:
    """The path of ``folder`` if it is inside ``root``; None if it is not, or is ``root`` itself."""
    return folder.relative_to(root).as_posix() if folder != root and folder.is_relative_to(root) else None


def _number_of_hits(text: str) -> int | None:
    return None if text == "all" else positive_integer(text)
