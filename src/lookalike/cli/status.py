"""``lookalike status``: what a gallery contains, and which files were skipped."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.cli.output import describe, print_json
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.options import GalleryOptions


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "status", "show what a gallery contains, and which files were skipped and why", run)
    add_gallery(parser)
    parser.add_argument("--json", action="store_true", help="print JSON only")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from lookalike.gallery.gallery import Gallery

    with Gallery.open(options.gallery or ".") as gallery:
        if options.json:
            from lookalike.report.status import status_json

            print_json(status_json(gallery))
        else:
            _print_status(gallery)
    return 0


def _print_status(gallery: Gallery) -> None:
    from lookalike.images.kinds import in_words

    status, stamp = gallery.status(), gallery.stamp
    print(f"gallery    {printable(gallery.path)}")
    if status.network is not None:
        print(f"           on a network share ({status.network}): use it from one computer at a time")
    print(f"folder     {printable(gallery.root)}")
    print(f"encoder    {printable(stamp.name)}, {stamp.dimension}-d, {stamp.precision}, {stamp.view} view")
    if status.backends:
        print(f"computed   by {printable(', '.join(map(str, status.backends)))}")
    print(f"stamp      {stamp.fingerprint[:16]} (weights {stamp.weights_sha256[:16]})")
    offline = f" and {status.offline:,} offline (to remove them: lookalike index --prune)" if status.offline else ""
    print(f"images     {status.images:,}{offline}")
    if status.shortfall:
        print(f"incomplete: {describe(status.shortfall)}")
    print(f"on disk    {megabytes(status.disk_bytes)}")
    if options := _options(status.options):
        print(f"options    {printable(options)}")
    print(f"skipped    {len(status.skipped):,}")
    for skipped in status.skipped:
        print(f"  {printable(skipped.path)}: {printable(skipped.reason)}")
    if passed_over := in_words(status.passed_over):
        print(f"passed over: {passed_over} (lookalike formats tells what is read)")
    if status.notes:
        print(f"notes      {len(status.notes):,}")
    for note in status.notes:
        print(f"  {printable(note.path)}: {note.text}")


def _options(options: GalleryOptions) -> str:
    """The options of ``lookalike index`` that differ from the defaults."""
    from lookalike.images.decode import DEFAULT_PIXEL_CAP

    reading = options.reading
    texts = []
    if reading.strict:
        texts.append("--strict")
    if reading.pixel_cap != DEFAULT_PIXEL_CAP:
        texts.append(f"--max-megapixels {reading.pixel_cap / 1e6:g}")
    if reading.levels is not None:
        texts.append(f"--levels {reading.levels}")
    texts += [f"--exclude {shlex.quote(pattern)}" for pattern in options.selection.exclude]
    texts += [f"--include {shlex.quote(pattern)}" for pattern in options.selection.include]
    return " ".join(texts)


def megabytes(size: int) -> str:
    """``size`` in bytes as text: 1,234.5 MB."""
    return f"{size / 1e6:,.1f} MB"
