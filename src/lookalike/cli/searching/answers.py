"""Print the answers of a search: as a table, as lists for other programs, or as whether an image is here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.cli.output import print_bytes, print_json
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery
    from lookalike.search.ranking import FailedQuery, Hit, Ranking

_FORMATS: Final = ("table", "json", "jsonl", "csv", "paths")

_HERE: Final = ("identical", "copy")


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` and its short forms, ``-0`` and ``--exists``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--format", choices=_FORMATS, default="table", help="how the hits are printed (default: table)")
    for name, help_text in (
        ("json", "print JSON: everything about the queries and their hits"),
        ("jsonl", "print one line of JSON for each hit"),
        ("csv", "print a table for spreadsheets: CSV in UTF-8"),
        ("paths", "print only the paths, one a line"),
    ):
        group.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=help_text)
    group.add_argument(
        "-0", dest="format", action="store_const", const="nul", help="as --paths, each ended by a zero byte (xargs -0)"
    )
    group.add_argument(
        "--exists",
        dest="format",
        action="store_const",
        const="exists",
        help="say whether the gallery has the image, identical or as a copy; exit code 0: it has all of them, 1: not "
        "all, 2: an error",
    )


def print_answers(gallery: Gallery, answers: Sequence[Ranking | FailedQuery], form: str, under: str | None) -> None:
    """Print ``answers`` in the format ``form``; ``under`` is the folder that was searched."""
    from lookalike.report.search import search_csv, search_json, search_lines
    from lookalike.search.ranking import Ranking

    rankings = [answer for answer in answers if isinstance(answer, Ranking)]
    if form == "json":
        print_json(search_json(gallery.stamp.name, gallery.path, gallery.root, answers))
    elif form == "jsonl":
        print_bytes(search_lines(answers).encode())
    elif form == "csv":
        print_bytes(search_csv(rankings).encode("utf-8-sig"))
    elif form in ("paths", "nul"):
        end = b"\0" if form == "nul" else b"\n"
        print_bytes(
            b"".join(os.fsencode(path_from_here(hit.file)) + end for ranking in rankings for hit in ranking.hits)
        )
    else:
        _print_table(gallery, rankings, under, several=len(answers) > 1)


def print_existence(rankings: Sequence[Ranking]) -> int:
    """Say for each query whether the gallery has it; returns the exit code."""
    missing = 0
    for ranking in rankings:
        hit = next((hit for hit in ranking.hits if hit.match in _HERE), None)
        missing += hit is None
        answer = "not here" if hit is None else f"{_relation(hit)} {printable(path_from_here(hit.file))}"
        print(f"{printable(str(ranking.query))}: {answer}")
    return 1 if missing else 0


def path_from_here(file: Path) -> str:
    """A path that opens ``file`` from the current folder: relative if the file is in it or below, else absolute."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was deleted
        return os.fspath(file)
    return os.fspath(file.relative_to(here) if file.is_relative_to(here) else file)


def _relation(hit: Hit) -> str:
    return "identical to" if hit.match == "identical" else "a copy of"


def _print_table(gallery: Gallery, rankings: Sequence[Ranking], under: str | None, *, several: bool) -> None:
    from lookalike.report.search import NOTHING_ALIKE

    if rankings:
        size = plural(len(gallery), "image")
        part = size if under is None else f"only this folder of a gallery of {size}"
        print(f"searched: {printable(gallery.root / (under or ''))} ({part})")
    for number, ranking in enumerate(rankings):
        if several:
            print(f"{'' if number == 0 else chr(10)}{printable(str(ranking.query))}")
        if ranking.is_weak:
            print(NOTHING_ALIKE)
        if not ranking.hits:
            print(_nothing_found(ranking))
            continue
        print("rank  match       score  path")
        for hit in ranking.hits:
            path = f"{printable(path_from_here(hit.file))}{_mark(hit)}"
            print(f"{hit.rank:4d}  {hit.match or '':9}  {hit.score:6.3f}  {path}")


def _nothing_found(ranking: Ranking) -> str:
    query = ranking.query
    if query.min_score is not None or query.min_match is not None or query.where.under is not None:
        return "no hits: nothing that was searched is as much like the query as asked for"
    return "no hits: the gallery contains no image other than the query"


def _mark(hit: Hit) -> str:
    """What is wrong with the file of a hit, if anything."""
    if hit.offline:
        return " (offline)"
    return "" if os.path.lexists(hit.file) else " (gone)"
