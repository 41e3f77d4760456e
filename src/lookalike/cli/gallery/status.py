"""``lookalike status``: what a gallery contains, and which files were skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import rich_click as click

from lookalike.cli.indexing.kept_options import options_text
from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import describe, describe_switch, describe_unfinished, print_json
from lookalike.text import megabytes, plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery, Status
    from lookalike.images.files import Skipped

_MOST: Final = 20
"""How many files of each list are printed."""


@command("status")
@gallery_option
@click.option("--all", is_flag=True, help="List all skipped files and all notes, not only the first 20 of each.")
@json_option
def status(options: Options) -> int:
    """Show what a gallery contains, and which files were skipped and why."""
    from lookalike.gallery.gallery import Gallery

    with Gallery.open(options.gallery or ".") as gallery:
        if options.json:
            from lookalike.report.gallery import status_json

            print_json(status_json(gallery))
        else:
            _print_status(gallery, None if options.all else _MOST)
    return 0


def _print_status(gallery: Gallery, most: int | None) -> None:
    """Print the status; of each list of files the first ``most``."""
    status, kept = gallery.status(), gallery.last_evaluation()
    print(f"gallery    {printable(gallery.path)}")
    if status.network is not None:
        print(f"           on a network share ({status.network}): use it from one computer at a time")
    print(f"folder     {printable(gallery.root)}")
    _print_encoder(status)
    _print_images(status)
    if kept is not None:
        queries = plural(kept.queries, "query", "queries")
        print(f"quality    mAP {kept.mean_ap:.3f} of {queries}, evaluated on {kept.measured.astimezone():%Y-%m-%d}")
    thumbnails = f", and {megabytes(status.thumbnail_bytes)} of thumbnails" if status.thumbnail_bytes else ""
    print(f"on disk    {megabytes(status.disk_bytes)}{thumbnails}")
    if options := options_text(status.options):
        print(f"options    {printable(options)}")
    _print_files(status, most)


def _print_encoder(status: Status) -> None:
    stamp = status.stamp
    print(f"encoder    {printable(stamp.name)}, {stamp.dimension}-d, {stamp.precision}, {stamp.view} view")
    if status.backends:
        print(f"computed   by {printable(', '.join(map(str, status.backends)))}")
    print(f"stamp      {stamp.fingerprint[:16]} (weights {stamp.weights_sha256[:16]})")


def _print_images(status: Status) -> None:
    """Print what images there are, and what is still to be done."""
    offline = f" and {status.offline:,} offline (to remove them: lookalike index --prune)" if status.offline else ""
    print(f"images     {status.images:,}{offline}")
    if status.columns:
        print(f"columns    {printable(', '.join(status.columns))}")
    if status.without_properties:
        unread = plural(status.without_properties, "image")
        print(f"unread     date, camera and size of {unread}: lookalike index --verify")
    if status.shortfall:
        print(f"incomplete: {describe(status.shortfall)}")
    if status.last_update.finished is not None:
        print(f"updated    {status.last_update.finished.astimezone():%Y-%m-%d %H:%M}")
    if unfinished := describe_unfinished(status.last_update, status.images):
        print(f"unfinished: {unfinished}")
    if switching := describe_switch(status.switching_to):
        print(f"switching: {switching}")


def _print_files(status: Status, most: int | None) -> None:
    """Print which files were skipped, passed over or noted; of each list the first ``most``."""
    from lookalike.images.kinds import in_words

    print(f"skipped    {len(status.skipped):,}{_by_kind(status.skipped)}")
    for skipped in status.skipped[:most]:
        print(f"  {printable(skipped.path)}: {printable(skipped.reason)}")
    _tell_rest(len(status.skipped), most)
    if passed_over := in_words(status.passed_over):
        print(f"passed over: {passed_over} (lookalike formats tells what is read)")
    if status.notes:
        print(f"notes      {len(status.notes):,}")
    for note in status.notes[:most]:
        print(f"  {printable(note.path)}: {note.text}")
    _tell_rest(len(status.notes), most)


def _by_kind(skipped: Sequence[Skipped]) -> str:
    """How many files were skipped for which kind of reason, if there is more than one."""
    counts = Counter(str(one.kind).replace("-", " ") for one in skipped).most_common()
    return f" ({', '.join(f'{count:,} {kind}' for kind, count in counts)})" if len(counts) > 1 else ""


def _tell_rest(count: int, most: int | None) -> None:
    if most is not None and count > most:
        print(f"  and {count - most:,} more: lookalike status --all")
