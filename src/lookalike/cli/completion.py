"""``lookalike completion``: let a shell complete commands, options and file names."""

from __future__ import annotations

from typing import Final

import rich_click as click
from click import get_current_context

from lookalike.cli.options.command import Options, command

VARIABLE: Final = "_LOOKALIKE_COMPLETE"
"""The environment variable by which a shell asks for completions."""

_DETAILS = """\
bash, in ~/.bashrc:
  eval "$(lookalike completion bash)"

zsh, in ~/.zshrc:
  eval "$(lookalike completion zsh)"

fish, once:
  lookalike completion fish > ~/.config/fish/completions/lookalike.fish"""


@command("completion", details=_DETAILS)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(options: Options) -> int:
    """Print what lets a shell complete commands and options."""
    from click.shell_completion import get_completion_class

    program, shell = get_current_context().find_root().command, get_completion_class(options.shell)
    if shell is not None:
        print(shell(program, {}, "lookalike", VARIABLE).source())
    return 0
