"""Options that modify every query: more like one thing, less like another, each with a weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import rich_click as click

from lookalike.cli.options.command import Command, Decorator, together, wrong_usage
from lookalike.cli.options.shared import parse_number

_MODIFIERS: Final = ("plus", "minus", "plus_text", "minus_text")
"""The options that modify queries, by the methods of :class:`~lookalike.Query`."""


class SearchCommand(Command):
    """Also notes in which order --plus, --minus, --plus-text, --minus-text and --weight were given."""

    def parse_args(self, ctx: click.RichContext, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse ``args``; ``modifiers`` in ``ctx.params`` are those that were given, in order."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        rest: list[str] = super().parse_args(ctx, args)
        values = {name: iter(ctx.params[name]) for name in (*_MODIFIERS, "weight")}
        given = [(option.name, next(values[option.name])) for option in order if option.name in values]
        ctx.params["modifiers"] = _with_weights(given)
        return rest


def _with_weights(given: list[tuple[str, Any]]) -> list[tuple[str, str, float]]:
    """The name, the value and the weight of each modifier; the weight is the one that follows it, or 1."""
    modifiers: list[tuple[str, str, float]] = []
    for name, value in given:
        if name != "weight":
            modifiers.append((name, value, 1.0))
        elif modifiers:
            modifiers[-1] = (*modifiers[-1][:2], value)
        else:
            wrong_usage("put --weight after the --plus, --minus, --plus-text or --minus-text that it applies to")
    return modifiers


def _modifier(name: str, metavar: str, help_text: str, type_: Callable[[str], Any] = str) -> Decorator:
    return click.option(
        f"--{name}",
        metavar=metavar,
        type=type_,
        multiple=True,
        allow_from_autoenv=False,
        panel="Query",
        help=help_text,
    )


def _weight(text: str) -> float:
    weight = parse_number(text, "a weight above 0")
    if not 0 < weight < float("inf"):
        raise click.BadParameter(f"{text!r} is not a weight; use a number above 0")
    return weight


modifier_options: Final = together(
    _modifier("plus", "IMAGE", "More like this image."),
    _modifier("minus", "IMAGE", "Less like this image."),
    _modifier("plus-text", "TEXT", "More of what this text describes."),
    _modifier("minus-text", "TEXT", "Less of what this text describes."),
    _modifier("weight", "W", "Weight of the option before it.", _weight),
)
"""Adds ``--plus``, ``--minus``, ``--plus-text``, ``--minus-text`` and ``--weight``, for :class:`SearchCommand`."""
