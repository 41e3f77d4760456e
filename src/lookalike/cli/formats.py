"""``lookalike formats``: which files are read, and which are passed over."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike.cli.options.command import Options, command
from lookalike.cli.options.shared import json_option
from lookalike.cli.output import print_json

_DETAILS = """\
A file is read if its name has one of the extensions below; its format is then told from its content. Everything else is
passed over and counted. RAW photos are read, by the previews in them, after: pip install "lookalike[raw]"."""


@command("formats", details=_DETAILS)
@json_option
def formats(options: Options) -> int:
    """List the formats that are read, and what is passed over."""
    from lookalike.images.formats import EXTENSIONS, FORMATS
    from lookalike.images.kinds import KIND_BY_EXTENSION

    read = {name: _extensions(EXTENSIONS.items(), name) for name in FORMATS}
    others = {extension: kind for extension, kind in KIND_BY_EXTENSION.items() if extension not in EXTENSIONS}
    passed_over = {str(kind): _extensions(others.items(), kind) for kind in dict.fromkeys(others.values())}
    if options.json:
        print_json({"version": 1, "read": read, "passed_over": passed_over})
        return 0
    _print_table("read", read)
    _print_table("passed over", passed_over)
    return 0


def _extensions(pairs: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [extension for extension, other in pairs if other == name]


def _print_table(heading: str, rows: dict[str, list[str]]) -> None:
    print(f"{heading}:")
    for name, extensions in rows.items():
        print(f"  {name:11}  {' '.join(extensions)}")
