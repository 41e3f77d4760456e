"""Say how a command was used wrongly, and how it is meant."""

from __future__ import annotations

import click
from click.core import ParameterSource


def describe_usage(error: click.UsageError) -> str:
    """The command, what is wrong, and where to read on; for an unknown option or command, all there are."""
    context = error.ctx
    if context is None:
        return f"lookalike: {error.format_message()}"
    lines = [f"{context.command_path}: {error.format_message()}{_variable(error, context)}"]
    if isinstance(error, click.NoSuchOption):
        lines.append(f"options: {' '.join(_options(context))}")
    if isinstance(error, click.NoSuchCommand) and isinstance(context.command, click.Group):
        lines.append(f"commands: {' '.join(context.command.list_commands(context))}")
    usage = " ".join(context.command.collect_usage_pieces(context))
    lines += [f"usage: {context.command_path} {usage}", f"help: {context.command_path} --help"]
    return "\n".join(lines)


def _options(context: click.Context) -> list[str]:
    """The longest name of every option."""
    parameters = context.command.get_params(context)
    return [max(one.opts, key=len) for one in parameters if isinstance(one, click.Option)]


def _variable(error: click.UsageError, context: click.Context) -> str:
    """The environment variable that a wrong value is from, if it is from one."""
    option = error.param if isinstance(error, click.BadParameter) else None
    if option is None or option.name is None:
        return ""
    if context.get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT:
        return ""
    return f" (from the environment variable {context.auto_envvar_prefix}_{option.name.upper()})"
