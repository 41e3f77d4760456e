"""``lookalike status``: what is in a gallery, and what was skipped and why."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.cli.output import print_answer
from lookalike.text import shown

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.gallery.gallery import Gallery


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "status", "tell what is in a gallery, and what was skipped and why", run)
    add_gallery(parser)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.gallery.gallery import Gallery

    with Gallery.open(options.gallery or ".") as gallery:
        if options.json:
            from lookalike.report.status_json import status_answer

            print_answer(status_answer(gallery))
        else:
            _print_text(gallery)
    return 0


def _print_text(gallery: Gallery) -> None:
    status, stamp = gallery.status(), gallery.stamp
    print(f"gallery    {shown(gallery.path)}")
    print(f"folder     {shown(gallery.root)}")
    print(f"encoder    {stamp.name}, {stamp.dimension}-d, {stamp.precision}, {stamp.view} view")
    print(f"stamp      {stamp.fingerprint[:16]} (weights {stamp.weights_sha256[:16]})")
    print(f"pictures   {status.pictures:,}")
    print(f"on disk    {in_megabytes(status.disk_bytes)}")
    print(f"skipped    {len(status.skipped):,}")
    for skipped in status.skipped:
        print(f"  {shown(skipped.path)}: {skipped.reason}")


def in_megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.1f} MB"
