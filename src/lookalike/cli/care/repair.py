"""``lookalike repair``: make a damaged gallery whole again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options, loader
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import PARTLY_DONE, print_json, tell_stop
from lookalike.cli.terminal.messages import problem
from lookalike.cli.terminal.progress import file_progress
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.gallery.care import RepairReport

_DETAILS = """\
All that is sound is kept: images with their ids, embeddings, the encoder and the options. Only embeddings that are
missing or damaged are computed again. A damaged database is kept beside the new one."""


@command("repair", details=_DETAILS)
@gallery_option
@encoder_options("Path of the gallery's checkpoint, if it has been moved.")
@json_option
def repair(options: Options) -> int:
    """Repair a damaged gallery, keeping all that is sound."""
    from lookalike.gallery import care

    with file_progress() as progress:
        report = care.repair(options.gallery or ".", load=loader(options), weights=options.encoder, progress=progress)
    if options.json:
        from lookalike.report.gallery import repair_json

        print_json(repair_json(report))
    else:
        print(printable(report.folder))
        for finding in report.findings:
            print(f"  {finding}")
        print(_summary(report))
    if report.rebuilt is not None and report.rebuilt.columns:
        columns = printable(", ".join(report.rebuilt.columns))
        problem(f"values of the columns {columns} may be lost. To add them again: lookalike annotate CSV")
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
