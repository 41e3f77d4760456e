"""``lookalike repair``: make a damaged gallery whole again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.cli.encoder_options import add_encoder, loader
from lookalike.cli.output import PARTLY_DONE, tell_stop
from lookalike.cli.terminal.progress import progress_bar
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.cli.arguments import Commands
    from lookalike.gallery.care import RepairReport

_DETAILS = """\
All that is sound is kept: images with their ids, embeddings, the encoder and the options. Only embeddings that are
missing or damaged are computed again. A damaged database is kept beside the new one."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "repair", "repair a damaged gallery, keeping all that is sound", run, _DETAILS)
    add_gallery(parser)
    add_encoder(parser, "path of the gallery's checkpoint, if it has been moved")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from lookalike.gallery.care import repair

    with progress_bar() as progress:
        report = repair(options.gallery or ".", load=loader(options), weights=options.encoder, progress=progress)
    print(printable(report.folder))
    for finding in report.findings:
        print(f"  {finding}")
    print(_summary(report))
    if report.update is not None:
        tell_stop(report.update)
        if report.update.stopped_at is not None:
            return PARTLY_DONE
    return 0


def _summary(report: RepairReport) -> str:
    update = report.update
    if update is None:
        return "everything is sound"
    images = update.unchanged + update.added + update.updated + update.moved
    summary = f"repaired: {plural(images, 'image')}, {plural(update.encoded, 'embedding')} computed again"
    if report.rebuilt is not None:
        summary += f", {plural(report.rebuilt.embeddings, 'embedding')} kept"
    return summary
