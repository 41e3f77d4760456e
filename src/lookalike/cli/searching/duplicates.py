"""``lookalike duplicates``: groups of images that are the same, or nearly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.options.command import Options, command, wrong_usage
from lookalike.cli.options.shared import cosine, gallery_option, json_option, page_file
from lookalike.cli.output import path_from_here, print_bytes, print_json, warn_if_incomplete
from lookalike.cli.terminal.links import print_with_link
from lookalike.cli.terminal.messages import is_quiet
from lookalike.cli.terminal.progress import progress_bar
from lookalike.text import bytes_text, plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookalike.gallery.contents.duplicates import DuplicateGroup
    from lookalike.gallery.gallery import Gallery

_DETAILS = """\
Nothing is deleted. Each group begins with its largest file. The others are identical (the same bytes), copies (saved
again, resized, or the next frame), or linked: less similar to the largest, but a copy of another one in the group.
Every image is compared with every other."""


@command("duplicates", details=_DETAILS)
@gallery_option
@click.option(
    "--threshold",
    metavar="COSINE",
    type=cosine,
    help="Images with a cosine from this on are copies (default: what the encoder of the gallery takes for copies).",
)
@json_option
@click.option("--csv", is_flag=True, allow_from_autoenv=False, help="Print a table for spreadsheets: CSV in UTF-8.")
@click.option(
    "--html",
    metavar="FILE",
    type=page_file,
    allow_from_autoenv=False,
    help="Write a page of the groups, with thumbnails embedded.",
)
def duplicates(options: Options) -> int:
    """Find images that are there more than once, identical or nearly, and the space they take."""
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.searching.copies import copy_threshold
    from lookalike.report.duplicates import duplicates_csv, duplicates_json

    if options.json and options.csv:
        wrong_usage("--json and --csv exclude each other: they are different ways to print the groups")
    with Gallery.open(options.gallery or ".") as gallery:
        warn_if_incomplete(gallery)
        threshold = copy_threshold(gallery.stamp) if options.threshold is None else options.threshold
        with progress_bar("comparing") as progress:
            groups = gallery.duplicates(threshold, progress=progress)
        if options.html is not None:
            _write_page(gallery, threshold, groups, options.html)
            if not (options.json or options.csv):
                print(f"{plural(len(groups), 'group')}: {printable(options.html)}")
        if options.json:
            print_json(duplicates_json(gallery.path, gallery.root, threshold, groups))
        elif options.csv:
            print_bytes(duplicates_csv(threshold, groups).encode("utf-8-sig"))
        elif options.html is None:
            _print_table(gallery, threshold, groups)
    return 0


def _write_page(gallery: Gallery, threshold: float, groups: Sequence[DuplicateGroup], file: Path) -> None:
    from lookalike.report.document.files import write_text
    from lookalike.report.duplicates import duplicates_page

    write_text(file, duplicates_page(gallery.root, threshold, groups))


def _print_table(gallery: Gallery, threshold: float, groups: Sequence[DuplicateGroup]) -> None:
    from lookalike.report.duplicates import summary, word_for

    if not is_quiet():
        print(f"searched: {printable(gallery.root)} ({plural(len(gallery), 'image')}), copies from {threshold:g} on")
    if not groups:
        print("no duplicates")
        return
    print("group  match      score      size  path")
    for place, group in enumerate(groups, 1):
        for number, one in enumerate(group.images):
            start, score = (f"{place:5d}", "     ") if number == 0 else ("     ", f"{one.score:.3f}")
            word = word_for(group, number, threshold)
            before = f"{start}  {word:9}  {score}  {bytes_text(one.image.size):>8}  "
            print_with_link(before, path_from_here(one.image.file), one.image.file, "")
    if not is_quiet():
        print(f"{summary(groups)}. Nothing was deleted")
