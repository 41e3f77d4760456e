"""What commands tell beside their results: on standard error, a line each, as much as ``-q`` and ``-v`` ask for.

These are records of :mod:`logging`: those of the library, below ``lookalike``, are shown with ``-v``.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

_LIBRARY: Final = logging.getLogger("lookalike")
_TOLD: Final = logging.getLogger("lookalike.cli.told")


class _Handler(logging.Handler):
    """Prints records on what standard error is at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"lookalike: {self.format(record)}", file=sys.stderr)


def set_verbosity(*, quiet: bool, verbose: int) -> None:
    """Show as much as ``-q`` and so many ``-v`` ask for; until then, notes and problems are shown."""
    _TOLD.setLevel(logging.WARNING if quiet else logging.INFO)
    _LIBRARY.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
    if not _LIBRARY.handlers:
        _LIBRARY.addHandler(_Handler())


def is_quiet() -> bool:
    """Whether only results, warnings and errors are wanted."""
    return not _TOLD.isEnabledFor(logging.INFO)


def note(text: str) -> None:
    """Tell something that is good to know; not with ``-q``."""
    _TOLD.info("%s", text)


def problem(text: str) -> None:
    """Tell what is wrong."""
    _TOLD.warning("%s", text)


_TOLD.propagate = False
_TOLD.setLevel(logging.INFO)
_TOLD.addHandler(_Handler())
