"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  what add_subparsers returns


def add_command(
    commands: Commands, name: str, summary: str, run: Callable[[argparse.Namespace], int], details: str = ""
) -> argparse.ArgumentParser:
    """Add the command ``name``, carried out by ``run``; ``details`` go below its help."""
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
    """Add ``--gallery``, for commands that use a gallery that is there."""
    parser.add_argument(
        "--gallery",
        metavar="PATH",
        help="the gallery, or a folder that has one (default: found from the current folder upwards)",
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def add_near(parser: argparse.ArgumentParser) -> None:
    """Add ``--near``."""
    parser.add_argument(
        "--near",
        metavar="COSINE",
        type=_cosine,
        default=0.97,
        help="two pictures above this are near copies (default: %(default)s)",
    )


def _cosine(text: str) -> float:
    number = float(text)
    if not -1 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no cosine: they go from -1 to 1")
    return number
