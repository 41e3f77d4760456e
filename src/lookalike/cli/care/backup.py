"""``lookalike backup``: copy a gallery while it is in use."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands

_DETAILS = """\
The copy can be searched where it is: lookalike search QUERY --gallery DEST. To go back to it, copy its files to where
the gallery was, or go on with it: lookalike index --gallery DEST."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "backup", "copy a gallery, also while it is in use", run, _DETAILS)
    parser.add_argument("destination", metavar="DEST", help="a new or empty folder")
    add_gallery(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from lookalike.gallery.care import backup

    folder = backup(options.gallery or ".", options.destination)
    print(f"{printable(folder)} copied to {printable(Path(options.destination).absolute())}")
    return 0
