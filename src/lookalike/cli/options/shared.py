"""Options that several commands share, and the types of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import rich_click as click

from lookalike.cli.options.command import Decorator
from lookalike.images.formats import EXTENSIONS
from lookalike.text import printable


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise click.BadParameter(f"{text!r} is not a positive integer; use 1, 2, 3, ...")
    return number


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    number = parse_number(text, "a number above 0")
    if not 0 < number < float("inf"):
        raise click.BadParameter(f"{text!r} is not a number above 0")
    return number


def parse_number(text: str, expected: str) -> float:
    """Parse a number; the error names what was ``expected`` instead of ``text``."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number; use {expected}") from None


def cosine(text: str) -> float:
    """Parse a cosine, -1 to 1."""
    value = parse_number(text, "a cosine from -1 to 1")
    if not -1 <= value <= 1:
        raise click.BadParameter(f"{text!r} is not a cosine; use a number from -1 to 1")
    return value


def page_file(text: str) -> Path:
    """Parse the name of a page, which mustn't be that of an image."""
    file = Path(text)
    if file.suffix.lower() in EXTENSIONS:
        raise click.BadParameter(f"{printable(text)} has the extension of an image; use a name such as results.html")
    return file


def _only(values: tuple[str, ...]) -> str | None:
    """The one value that was given, if any: the last of several would be used in silence otherwise."""
    if len(values) > 1:
        raise click.BadParameter("one gallery at a time, please; only lookalike search takes several")
    return values[0] if values else None


gallery_option: Final = click.option(
    "--gallery",
    metavar="PATH",
    multiple=True,
    type=click.Path(),
    callback=lambda _context, _option, values: _only(values),
    help="The gallery, or the folder that contains it (default: the nearest one at or above the current folder).",
)
"""Adds ``--gallery``, for commands that use an existing gallery."""

json_option: Final = click.option(
    "--json", is_flag=True, allow_from_autoenv=False, help="Print JSON, for other programs; errors too."
)
"""Adds ``--json``."""

near_option: Final = click.option(
    "--near",
    metavar="COSINE",
    type=cosine,
    default=0.97,
    help="Two images with a cosine above this are near duplicates (default: 0.97).",
)
"""Adds ``--near``."""


def yes_option(help_text: str) -> Decorator:
    """Add ``--yes``, which gives consent to what ``help_text`` says."""
    return click.option("-y", "--yes", is_flag=True, allow_from_autoenv=False, help=help_text)
