"""``lookalike remove``: take images out of a gallery."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.cli.output import PARTLY_DONE
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands

_DETAILS = """\
The image files are not touched. Images that are still in the folder come back with the next lookalike index, unless
they are excluded: lookalike index --exclude PATTERN."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "remove", "take images out of a gallery, without touching files", run, _DETAILS)
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", help="an image, or a folder of images, relative to the gallery's folder"
    )
    add_gallery(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from lookalike.gallery.gallery import Gallery

    with Gallery.open(options.gallery or ".", writing=True) as gallery:
        removed, unknown = gallery.remove(options.paths)
    for path in unknown:
        print(f"lookalike: {printable(path)}: no image of this gallery is here", file=sys.stderr)
    print(f"{plural(removed, 'image')} removed")
    return 0 if not unknown else PARTLY_DONE if removed else 1
