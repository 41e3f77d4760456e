"""What decoding libraries print, so that it can be put with the file it is about.

Some libraries in C print to the standard error of the process. Only the program that owns it can catch that; it then
calls :func:`read_from` or :func:`set_source`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from lookalike.text import printable

_LONGEST: Final = 200


class _Source:
    """Returns what has been printed since it was last called; set for the whole process."""

    read: Callable[[], str] = staticmethod(lambda: "")


def set_source(read: Callable[[], str]) -> None:
    """Let ``read`` return what libraries have printed since its last call."""
    _Source.read = staticmethod(read)


def read_from(descriptor: int) -> None:
    """Take what libraries print from an open file, given by its ``descriptor``, which they append to."""
    position = 0

    def read() -> str:
        nonlocal position
        text = os.pread(descriptor, 1 << 16, position)
        position += len(text)
        return text.decode(errors="replace")

    set_source(read)


def last_message() -> str:
    """The last line that a library has printed since the last call; empty if there is none."""
    lines = [line.strip() for line in _Source.read().splitlines() if line.strip()]
    return printable(lines[-1][:_LONGEST]) if lines else ""
