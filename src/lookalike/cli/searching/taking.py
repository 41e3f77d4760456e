"""Take hits away: a page with thumbnails, and copies of their files."""

from __future__ import annotations

import os
import shutil
import tempfile
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.options.command import Options, together
from lookalike.cli.options.shared import page_file
from lookalike.cli.terminal.messages import note, problem
from lookalike.errors import OutputError
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.cli.searching.galleries import Searched
    from lookalike.search.ranking import Hit, Ranking

taking_options: Final = together(
    click.option(
        "--html",
        metavar="FILE",
        type=page_file,
        allow_from_autoenv=False,
        panel="Print",
        help="Write a page of the results, with thumbnails embedded.",
    ),
    click.option(
        "--open",
        is_flag=True,
        allow_from_autoenv=False,
        panel="Print",
        help="Open the page in a browser; without --html, a temporary one.",
    ),
    click.option(
        "--copy-to",
        metavar="FOLDER",
        allow_from_autoenv=False,
        panel="Print",
        help="Copy the files of the hits to this folder, with their ranks before their names; nothing is overwritten.",
    ),
)
"""Adds ``--html``, ``--open`` and ``--copy-to``."""


def take(searched: Sequence[Searched], rankings: Sequence[Ranking], options: Options) -> None:
    """Do what the options ask for. Raises :class:`~lookalike.errors.OutputError`."""
    if options.copy_to is not None:
        _copy_hits(rankings, Path(options.copy_to))
    if options.html is None and not options.open:
        return
    page = options.html or _temporary_page()
    _write_page(searched, rankings, page)
    if options.format == "page":
        print(f"{plural(sum(len(one.hits) for one in rankings), 'hit')}: {printable(page)}")
    if options.open and not webbrowser.open(page.absolute().as_uri()):
        problem(f"no browser could be opened; the page is {printable(page)}")


def _write_page(searched: Sequence[Searched], rankings: Sequence[Ranking], file: Path) -> None:
    from lookalike.report.document.files import write_text
    from lookalike.report.search import results_page

    roots = [one.gallery.root for one in searched]
    count = sum(len(one.gallery) for one in searched)
    write_text(file, results_page(searched[0].gallery.stamp, count, roots, rankings))


def _temporary_page() -> Path:
    number, name = tempfile.mkstemp(".html", "lookalike-")
    os.close(number)
    return Path(name)


def _copy_hits(rankings: Sequence[Ranking], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{printable(folder)}: can't make this folder ({error.strerror})") from error
    width = len(str(max((hit.rank for ranking in rankings for hit in ranking.hits), default=0)))
    copied = 0
    for number, ranking in enumerate(rankings, 1):
        start = f"{number}-" if len(rankings) > 1 else ""
        copied += sum(_copy(hit, folder, f"{start}{hit.rank:0{width}} {hit.file.name}") for hit in ranking.hits)
    note(f"{plural(copied, 'file')} copied to {printable(folder)}")


def _copy(hit: Hit, folder: Path, name: str) -> bool:
    """Copy the file of a hit, under another name if there is one of this name; whether it could be read."""
    try:
        source = hit.file.open("rb")
    except OSError as error:
        problem(f"{printable(hit.file)}: can't be copied ({error.strerror})")
        return False
    with source:
        target = _free(folder, name)
        try:
            with target.open("xb") as copy:
                shutil.copyfileobj(source, copy)
            shutil.copystat(hit.file, target)
        except OSError as error:
            with suppress(OSError):
                target.unlink()  # what there is of it
            raise OutputError(f"{printable(target)}: can't be written ({error.strerror})") from error
    return True


def _free(folder: Path, name: str) -> Path:
    """A file of this name that is not there yet: ``1 cat.jpg``, else ``1 cat (2).jpg``."""
    target, number = folder / name, 2
    while os.path.lexists(target):
        target = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return target
