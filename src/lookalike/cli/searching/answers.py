"""Print the answers of a search: as a table, as lists for other programs, or as whether an image is here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, together, wrong_usage
from lookalike.cli.output import path_from_here, print_bytes, print_json
from lookalike.cli.terminal.links import print_with_link
from lookalike.cli.terminal.messages import is_quiet
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.cli.searching.galleries import Searched
    from lookalike.search.query import Query
    from lookalike.search.ranking import FailedQuery, Hit, Ranking

_HERE: Final = ("identical", "copy")

_FORMATS: Final = {
    "json": "Print JSON: everything about the queries and their hits; errors too.",
    "jsonl": "Print one line of JSON for each hit.",
    "csv": "Print a table for spreadsheets: CSV in UTF-8.",
    "paths": "Print only the paths, one a line.",
}
"""The formats besides the table, and the help of their short forms."""

_LISTS: Final = ("jsonl", "csv", "paths", "nul", "exists")
"""The formats that have every file, if nothing else is asked for."""

format_options: Final = together(
    click.option(
        "--format",
        "named_format",
        type=click.Choice(("table", *_FORMATS)),
        allow_from_autoenv=False,
        panel="Print",
        help="How the hits are printed (default: table).",
    ),
    *(
        click.option(f"--{name}", is_flag=True, allow_from_autoenv=False, panel="Print", help=help_text)
        for name, help_text in _FORMATS.items()
    ),
    click.option(
        "-0",
        "nul",
        is_flag=True,
        allow_from_autoenv=False,
        panel="Print",
        help="As --paths, each ended by a zero byte (xargs -0).",
    ),
    click.option(
        "--fold/--no-fold",
        default=None,
        panel="Print",
        help="Fold near copies of a hit under it, so that ten hits are ten things (default: not in lists, which are "
        "--jsonl, --csv, --paths and -k all).",
    ),
    click.option(
        "--exists",
        is_flag=True,
        allow_from_autoenv=False,
        panel="Print",
        help="Say whether the gallery has the image, identical or as a copy; exit code 0: it has all of them, 1: not "
        "all, 2: an error.",
    ),
)
"""Adds ``--format`` and its short forms, ``-0`` and ``--exists``."""


def folds(options: Options) -> bool:
    """Whether copies are folded: as asked for, else unless files are listed, or all hits wanted."""
    if options.fold is not None:
        return bool(options.fold)
    return options.format not in _LISTS and options.k != "all"


def chosen_format(options: Options) -> str | None:
    """The format that the options name, ``nul`` for -0 and ``exists`` for --exists; None if they name none."""
    flags = [name for name in (*_FORMATS, "nul", "exists") if getattr(options, name)]
    chosen = [*flags, *filter(None, [options.named_format])]
    if len(chosen) > 1:
        names = {"nul": "-0", options.named_format: f"--format {options.named_format}"}
        given = " and ".join(names.get(name, f"--{name}") for name in chosen[:2])
        wrong_usage(f"{given} exclude each other: they are different ways to print the hits")
    return chosen[0] if chosen else None


def print_answers(searched: Sequence[Searched], answers: Sequence[Ranking | FailedQuery], form: str) -> None:
    """Print ``answers`` in the format ``form``."""
    from lookalike.report.search import search_csv, search_json, search_lines
    from lookalike.search.ranking import Ranking

    rankings = [answer for answer in answers if isinstance(answer, Ranking)]
    if form == "json":
        galleries = [(one.gallery.path, one.gallery.root) for one in searched]
        print_json(search_json(searched[0].gallery.stamp.name, galleries, answers))
    elif form == "jsonl":
        print_bytes(search_lines(answers).encode())
    elif form == "csv":
        print_bytes(search_csv(rankings).encode("utf-8-sig"))
    elif form in ("paths", "nul"):
        end = b"\0" if form == "nul" else b"\n"
        print_bytes(
            b"".join(os.fsencode(path_from_here(hit.file)) + end for ranking in rankings for hit in ranking.hits)
        )
    elif form == "table":
        _print_table(searched, rankings, several=len(answers) > 1)


def print_existence(rankings: Sequence[Ranking]) -> int:
    """Say for each query whether the gallery has it; returns the exit code."""
    missing = 0
    for ranking in rankings:
        hit = next((hit for hit in ranking.hits if hit.match in _HERE), None)
        missing += hit is None
        answer = "not here" if hit is None else f"{_relation(hit)} {printable(path_from_here(hit.file))}"
        print(f"{printable(str(ranking.query))}: {answer}")
    return 1 if missing else 0


def _relation(hit: Hit) -> str:
    return "identical to" if hit.match == "identical" else "a copy of"


def _print_table(searched: Sequence[Searched], rankings: Sequence[Ranking], *, several: bool) -> None:
    from lookalike.report.search import NOTHING_ALIKE

    for one in searched if rankings and not is_quiet() else ():
        print(f"searched: {printable(one.gallery.root / (one.under or ''))} ({_part(one, rankings[0].query)})")
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
            before = f"{hit.rank:4d}  {hit.match or '':9}  {hit.score:6.3f}  "
            copies = f"  +{plural(len(hit.copies), 'copy', 'copies')}" if hit.copies else ""
            print_with_link(before, path_from_here(hit.file), hit.file, _mark(hit) + copies)


def _part(searched: Searched, query: Query) -> str:
    """How many images were searched, and which part of the gallery they are."""
    size = plural(len(searched.gallery), "image")
    if searched.count is not None:
        return f"{searched.count:,} of {size}: {printable(query.where.condition or '')}"
    return size if searched.under is None else f"only this folder of a gallery of {size}"


def _nothing_found(ranking: Ranking) -> str:
    from lookalike.search.query import Filter

    query = ranking.query
    if query.min_score is not None or query.min_match is not None:
        return "no hits: nothing that was searched is as much like the query as asked for"
    if query.where != Filter():
        return "no hits: no other image is in the part of the gallery that was searched"
    return "no hits: the gallery contains no image other than the query"


def _mark(hit: Hit) -> str:
    """What is wrong with the file of a hit, if anything."""
    if hit.offline:
        return " (offline)"
    return "" if os.path.lexists(hit.file) else " (gone)"
