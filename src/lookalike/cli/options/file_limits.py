"""The options that say what reading one file may cost."""

from __future__ import annotations

import re
from typing import Final

import rich_click as click

from lookalike.cli.options.command import Options, together
from lookalike.cli.options.shared import positive_number
from lookalike.embedding.limits import DEFAULT_SECONDS, FileLimits, default_limits, set_default_limits

_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)B?", text.strip(), re.IGNORECASE)
    count = 0 if match is None else round(float(match[1]) * _UNITS[match[2].upper()])
    if count < 1:
        raise click.BadParameter(f"{text!r} is not an amount of memory; use a number such as 500M or 2G")
    return count


file_limit_options: Final = together(
    click.option(
        "--time-limit",
        metavar="SECONDS",
        type=positive_number,
        default=DEFAULT_SECONDS,
        panel="Files",
        help=f"Skip a file that takes longer to decode (default: {DEFAULT_SECONDS:g}).",
    ),
    click.option(
        "--memory",
        metavar="BYTES",
        type=_bytes,
        panel="Files",
        help="The memory that decoding may take, such as 2G; images that need more are skipped (default: half of what "
        "the machine has).",
    ),
    click.option(
        "--isolate/--no-isolate",
        default=True,
        panel="Files",
        help="Read files in processes of their own, so that one that hangs or crashes its decoder is skipped (default: "
        "yes).",
    ),
)
"""Adds ``--time-limit``, ``--memory`` and ``--isolate``."""


def set_file_limits(options: Options) -> None:
    """Apply the options that :data:`file_limit_options` adds."""
    from lookalike.images.memory import limit_memory

    set_default_limits(FileLimits(options.time_limit, isolate=options.isolate and default_limits().isolate))
    if options.memory is not None:
        limit_memory(options.memory)
