"""Write docs/cli.md, the reference of the command line, from the commands themselves.

Usage: ``python tools/make_cli_reference.py``; tests/cli/test_program.py checks that the page is up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from lookalike.cli.program import program

PAGE: Final = Path(__file__).parents[1] / "docs" / "cli.md"

_INTRODUCTION: Final = """\
# The command line

Every command, as `--help` shows it. This page is made by `tools/make_cli_reference.py`.

Exit codes: 0 done; 1 an error, which one line on standard error explains; 2 wrong usage; 3 done but for something that
was named or can't be reached; 130 interrupted. `search --exists` answers by 0, 1 and 2.

With `--json`, results are JSON on standard output, and so are errors: `{"version": 1, "error": {"kind": "...",
"message": "..."}}`, where the kind is the name of the error's class. Progress, notes and warnings are on standard
error.

The last column names the environment variable that sets an option's default. Consent, deletion and output have none.
"""


def reference() -> str:
    """The page."""
    with program.make_context("lookalike", ["status", "--help"], resilient_parsing=True) as context:
        return "\n".join([_INTRODUCTION, *(line for one in _commands(context) for line in _section(one))])


def _commands(context: click.Context) -> Iterator[click.Context]:
    """The contexts of a command and of those in it, in the order of help."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None:
                yield from _commands(type(context)(command, parent=context, info_name=name))


def _section(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}\n"
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}\n"
    yield _paragraphs(cleandoc(command.help or ""))
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    options.sort(key=lambda one: getattr(one, "panel", None) or "")
    for panel, members in groupby(options, lambda one: getattr(one, "panel", None)):
        yield f"| {panel or 'Option'} | | |\n|---|---|---|"
        yield from (_row(one, context) for one in members)
        yield ""
    if command.epilog:
        yield _paragraphs(command.epilog)


def _row(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag and not option.metavar else f" `{option.make_metavar(context)}`"
    has_variable = option.allow_from_autoenv and context.parent is not None and "--help" not in option.opts
    variable = f"`{context.auto_envvar_prefix}_{(option.name or '').upper()}`" if has_variable else ""
    return "| " + " | ".join(text.replace("|", "\\|") for text in (names + value, option.help or "", variable)) + " |"


def _paragraphs(text: str) -> str:
    """Prose as it is, and lines with two spaces before them as code."""
    lines = [f"  {line}" if line.startswith("  ") else line for line in text.splitlines()]
    for number in range(len(lines) - 1, 0, -1):
        if lines[number].startswith("    ") and lines[number - 1] and not lines[number - 1].startswith("    "):
            lines.insert(number, "")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
