"""The options that say what reading one file may cost."""

from __future__ import annotations

import argparse
import re
from typing import Final

from lookalike.cli.arguments import positive_number
from lookalike.embedding.limits import DEFAULT_SECONDS, FileLimits, default_limits, set_default_limits

_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def add_file_limits(parser: argparse.ArgumentParser) -> None:
    """Add ``--time-limit``, ``--memory`` and ``--isolate``."""
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=positive_number,
        default=DEFAULT_SECONDS,
        help="skip a file that takes longer to decode (default: %(default)g)",
    )
    parser.add_argument(
        "--memory",
        metavar="BYTES",
        type=_bytes,
        help="the memory that decoding may take, such as 2G; images that need more are skipped (default: half of what "
        "the machine has)",
    )
    parser.add_argument(
        "--isolate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="read files in processes of their own, so that one that hangs or crashes its decoder is skipped (default: "
        "yes)",
    )


def set_file_limits(options: argparse.Namespace) -> None:
    """Apply the options that :func:`add_file_limits` added."""
    from lookalike.images.memory import limit_memory

    set_default_limits(FileLimits(options.time_limit, isolate=options.isolate and default_limits().isolate))
    if options.memory is not None:
        limit_memory(options.memory)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)B?", text.strip(), re.IGNORECASE)
    count = 0 if match is None else round(float(match[1]) * _UNITS[match[2].upper()])
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount of memory; use a number such as 500M or 2G")
    return count
