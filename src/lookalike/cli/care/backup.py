"""``lookalike backup``: copy a gallery while it is in use."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import gallery_option, json_option
from lookalike.cli.output import print_json
from lookalike.text import printable

_DETAILS = """\
The copy can be searched where it is: lookalike search QUERY --gallery DEST. To go back to it, copy its files to where
the gallery was, or go on with it: lookalike index --gallery DEST."""


@command("backup", details=_DETAILS)
@click.argument("destination", metavar="DEST")
@gallery_option
@json_option
def backup(options: Options) -> int:
    """Copy a gallery to DEST, a new or empty folder, also while the gallery is in use."""
    from lookalike.gallery import care

    folder, copy = care.backup(options.gallery or ".", options.destination), Path(options.destination).absolute()
    if options.json:
        from lookalike.report.gallery import backup_json

        print_json(backup_json(folder, copy))
    else:
        print(f"{printable(folder)} copied to {printable(copy)}")
    return 0
