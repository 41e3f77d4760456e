"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  the return type of add_subparsers


def add_command(
    commands: Commands, name: str, summary: str, run: Callable[[argparse.Namespace], int], details: str = ""
) -> argparse.ArgumentParser:
    """Add the command ``name``, which calls ``run``; ``details`` are printed below the options in its help."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_gallery(parser: argparse.ArgumentParser) -> None:
    """Add ``--gallery``, for commands that use an existing gallery."""
    parser.add_argument(
        "--gallery",
        metavar="PATH",
        help="the gallery, or the folder that contains it (default: the nearest one at or above the current folder)",
    )


def add_near(parser: argparse.ArgumentParser) -> None:
    """Add ``--near``."""
    parser.add_argument(
        "--near",
        metavar="COSINE",
        type=cosine,
        default=0.97,
        help="two images with a cosine above this are near duplicates (default: %(default)s)",
    )


def positive_integer(text: str) -> int:
    """Parse an integer of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer; use 1, 2, 3, ...")
    return number


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    number = parse_number(text, "a number above 0")
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def parse_number(text: str, expected: str) -> float:
    """Parse a number; the error names what was ``expected`` instead of ``text``."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; use {expected}") from None


def cosine(text: str) -> float:
    """Parse a cosine, -1 to 1."""
    value = parse_number(text, "a cosine from -1 to 1")
    if not -1 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a cosine; use a number from -1 to 1")
    return value
