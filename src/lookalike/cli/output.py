"""Answers for programs, on standard output."""

from __future__ import annotations

import sys


def write_json(text: str) -> None:
    """Write ``text`` as UTF-8, whatever the terminal's encoding; nothing where standard output is closed."""
    if sys.stdout is not None:
        sys.stdout.buffer.write(text.encode() + b"\n")
