"""The program ``lookalike``: its commands, each imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import rich_click as click

from lookalike import __version__
from lookalike.cli.options.command import HELP_SETTINGS, Group, verbosity_options

_ROOMS: Final = {
    "Everyday": {
        "index": "lookalike.cli.indexing.index",
        "search": "lookalike.cli.searching.search",
        "serve": "lookalike.cli.serve",
        "duplicates": "lookalike.cli.searching.duplicates",
        "annotate": "lookalike.cli.gallery.annotate",
        "status": "lookalike.cli.gallery.status",
        "export": "lookalike.cli.gallery.export",
        "galleries": "lookalike.cli.galleries",
        "remove": "lookalike.cli.gallery.remove",
        "formats": "lookalike.cli.formats",
    },
    "Care": {
        "check": "lookalike.cli.care.check",
        "repair": "lookalike.cli.care.repair",
        "backup": "lookalike.cli.care.backup",
    },
    "Measuring": {
        "dataset": "lookalike.cli.measuring.dataset",
        "evaluate": "lookalike.cli.measuring.evaluate",
        "compare": "lookalike.cli.measuring.compare",
        "robustness": "lookalike.cli.measuring.robustness",
        "angles": "lookalike.cli.measuring.angles",
        "matrix": "lookalike.cli.measuring.matrix",
        "reproduce": "lookalike.cli.measuring.reproduce",
        "cache": "lookalike.cli.measuring.cache",
    },
    "Encoders and the program": {
        "encoders": "lookalike.cli.encoders",
        "completion": "lookalike.cli.completion",
    },
}
"""The modules of all commands, in the order of help; each has a command of its own name."""

_EXAMPLES: Final = """\
Examples:
  lookalike index photos        make photos searchable, or update them
  lookalike search query.jpg    in photos: the ten images most like this one
  lookalike search query.jpg --html page.html
  lookalike status              what is there, and which files were skipped

Defaults of options can be set by environment variables, such as LOOKALIKE_SEARCH_K=20 for lookalike search -k, except
for those that give consent, delete, or say what is printed and written where. Your images never leave this machine."""


class _Commands(MutableMapping[str, click.Command]):
    """The commands by their names; a command is imported when it is looked up."""

    def __init__(self) -> None:
        self._modules = {name: module for room in _ROOMS.values() for name, module in room.items()}

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = getattr(import_module(self._modules[name]), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __setitem__(self, name: str, command: click.Command) -> None:
        raise NotImplementedError

    def __delitem__(self, name: str) -> None:
        raise NotImplementedError


def _settings() -> dict[str, Any]:
    rooms = [{"name": name, "commands": list(commands)} for name, commands in _ROOMS.items()]
    help_config = HELP_SETTINGS["rich_help_config"] | {"command_groups": {"lookalike": rooms}}
    return {**HELP_SETTINGS, "rich_help_config": help_config, "auto_envvar_prefix": "LOOKALIKE"}


@click.group(
    "lookalike",
    cls=Group,
    epilog=_EXAMPLES,
    context_settings=_settings(),
    invoke_without_command=True,
)
@click.version_option(__version__, "-V", "--version", message="lookalike %(version)s", help="Print the version.")
@click.pass_context
def program(context: click.Context, /, **_: object) -> int:
    """Image-to-image search: find the images that look like this one. Works offline, without a GPU."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


program.params.extend(verbosity_options())
program.commands = _Commands()  # here, because a group looks at all commands that it is made with
