"""Commands of the command line: functions that get what the user gave, and return an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import Any, Final, NoReturn

import rich_click as click
from click import get_current_context

from lookalike.cli.terminal.messages import set_verbosity
from lookalike.machine import limit_threads

HELP_SETTINGS: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "rich_help_config": {
        "theme": "default-slim",
        "text_markup": None,
        "style_option_default": "dim",
        "max_width": 100,
        "default_panels_first": True,
    },
}
"""How help looks, in every command."""

Decorator = Callable[[Any], Any]


class Options(SimpleNamespace):
    """What the user gave: an attribute for each argument and option, and ``encoders``, where encoders come from."""


def _print_epilog(epilog: str | None, formatter: click.HelpFormatter) -> None:
    """Print what is below the options: paragraphs, and lines with two spaces before them as they are."""
    from rich.text import Text

    if epilog and isinstance(formatter, click.RichHelpFormatter):
        formatter.write(Text("\n\n".join(map(_unwrapped, epilog.split("\n\n"))), overflow="fold"))


def _unwrapped(paragraph: str) -> str:
    """The paragraph without the line breaks of its source, except before and after lines that start with two spaces."""
    text = ""
    for line in paragraph.splitlines():
        is_own = line.startswith("  ") or text.rpartition("\n")[2].startswith("  ")
        text += f"{chr(10) if is_own else ' '}{line}" if text else line
    return text


def _refuse_repetition(command: click.Command, context: click.Context, arguments: list[str]) -> None:
    """Refuse an option that takes one value and is given several times: all but the last would be lost silently."""
    if context.resilient_parsing:
        return
    _, _, given = command.make_parser(context).parse_args(args=list(arguments))
    if any(one.is_eager for one in given):  # --help or --version
        return
    counts = Counter(one for one in given if isinstance(one, click.Option) and not (one.multiple or one.is_flag))
    for option, count in counts.items():
        if count > 1:
            raise click.UsageError(f"{option.opts[-1]} takes one value, but is given {count} times", context)


class Command(click.RichCommand):
    """A command; its help ends with details, and no option that takes one value can be repeated."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line of the command."""
        _refuse_repetition(self, ctx, args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Print the details."""
        _print_epilog(self.epilog, formatter)


class Group(click.RichGroup):
    """A command with actions; its help ends with details, and lists the actions in the order of their declaration."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line of the command, up to the action."""
        _refuse_repetition(self, ctx, args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Print the details."""
        _print_epilog(self.epilog, formatter)

    def list_commands(self, _: click.Context) -> list[str]:
        """The names of the actions."""
        return list(self.commands)


def command(
    name: str, *, details: str = "", parent: Group | None = None, cls: type[Command] = Command
) -> Callable[[Callable[[Options], int]], Command]:
    """Declare a function of :class:`Options` as a command; its docstring is what help says of it.

    ``details`` are printed below the options. ``parent`` is the command whose action this is.
    """

    def declare(run: Callable[[Options], int]) -> Command:
        declared: Command = click.command(name, cls=cls, epilog=details, context_settings=HELP_SETTINGS)(
            _with_options(run)
        )
        declared.params.extend(verbosity_options())
        if parent is not None:
            parent.add_command(declared)
        return declared

    return declare


def group(name: str, *, details: str = "") -> Callable[[Callable[[Options], int]], Group]:
    """As :func:`command`, for one that has actions; it runs itself when none is named."""

    def declare(run: Callable[[Options], int]) -> Group:
        @wraps(run)
        def run_unless_action(options: Options) -> int:
            return 0 if get_current_context().invoked_subcommand else run(options)

        declared: Group = click.group(
            name, cls=Group, epilog=details, context_settings=HELP_SETTINGS, invoke_without_command=True
        )(_with_options(run_unless_action))
        declared.params.extend(verbosity_options())
        return declared

    return declare


def wrong_usage(message: str) -> NoReturn:
    """End the command that is running: it was used wrongly."""
    raise click.UsageError(message, get_current_context())


def together(*decorators: Decorator) -> Decorator:
    """One decorator for several, the first being the first in help."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def verbosity_options() -> list[click.Option]:
    """``-q`` and ``-v``."""
    return [
        click.RichOption(["-q", "--quiet"], is_flag=True, help="Print only results, warnings and errors."),
        click.RichOption(
            ["-v", "--verbose"], is_flag=True, multiple=True, help="Tell what is done; -vv tells more of it."
        ),
    ]


def _with_options(run: Callable[[Options], int]) -> Callable[..., int]:
    @wraps(run)
    def callback(**given: Any) -> int:
        context = get_current_context()
        options = Options(**given, encoders=context.obj)
        of_program = context.find_root().params  # lookalike -q index, too
        verbose = len(options.verbose) + len(of_program["verbose"])
        set_verbosity(quiet=options.quiet or of_program["quiet"], verbose=verbose)
        if getattr(options, "threads", None) is not None:
            limit_threads(options.threads)
        return run(options)

    return callback
