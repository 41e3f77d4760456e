"""``lookalike check``: whether a gallery's files are sound."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command, add_gallery
from lookalike.cli.output import PARTLY_DONE, print_json
from lookalike.cli.terminal.progress import progress_bar
from lookalike.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.gallery.care import Finding

_DETAILS = """\
Nothing is changed. The exit code is 0 if everything is sound, 1 if the gallery needs a repair, and 3 if something is
missing that the next lookalike index adds."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(commands, "check", "check that a gallery's files are sound", run, _DETAILS)
    add_gallery(parser)
    parser.add_argument("--deep", action="store_true", help="read every image too, and compare it with the gallery")
    parser.add_argument("--json", action="store_true", help="print JSON only")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from lookalike.gallery.care import check

    with progress_bar() as progress:
        folder, findings = check(options.gallery or ".", deep=options.deep, progress=progress)
    if options.json:
        from lookalike.report.status import check_json

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
