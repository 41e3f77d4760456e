"""``lookalike check``: whether a gallery's files are sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import PARTLY_DONE, print_json
from lookalike.cli.terminal.progress import file_progress
from lookalike.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.gallery.care import Finding

_DETAILS = """\
Nothing is changed. The exit code is 0 if everything is sound, 1 if the gallery needs a repair, and 3 if something is
missing that the next lookalike index adds."""


@command("check", details=_DETAILS)
@gallery_option
@click.option("--deep", is_flag=True, help="Read every image too, and compare it with the gallery.")
@json_option
def check(options: Options) -> int:
    """Check that a gallery's files are sound."""
    from lookalike.gallery import care

    with file_progress() as progress:
        folder, findings = care.check(options.gallery or ".", deep=options.deep, progress=progress)
    if options.json:
        from lookalike.report.gallery import check_json

        print_json(check_json(folder, findings))
    else:
        print(printable(folder))
        for finding in findings:
            print(f"  {finding}")
        print(_verdict(folder, findings))
    return 0 if not findings else 1 if any(finding.is_damage for finding in findings) else PARTLY_DONE


def _verdict(folder: Path, findings: list[Finding]) -> str:
    if not findings:
        return "everything is sound"
    if any(finding.is_damage for finding in findings):
        return f"your images are not affected; to repair the gallery: lookalike repair --gallery {printable(folder)}"
    return (
        f"nothing is damaged; to bring the gallery up to date: lookalike index --verify --gallery {printable(folder)}"
    )
