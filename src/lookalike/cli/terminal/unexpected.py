"""Say in one line what went wrong where nothing was prepared for it."""

from __future__ import annotations

import os
from typing import Final

from lookalike.text import printable

DEBUG: Final = "LOOKALIKE_DEBUG"
"""The environment variable that asks for the traceback."""


def describe(error: Exception) -> str:
    """One line about an error that no part of the program expects, and the way out."""
    if isinstance(error, MemoryError):
        return "not enough memory. Close other programs and run the same command again"
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{printable(os.fsdecode(error.filename))}: "
        return f"{file}{error.strerror}. Completed work is saved; {DEBUG}=1 shows where it happened"
    return (
        f"a mistake in Lookalike ({type(error).__name__}: {printable(str(error))}). Completed work is saved. Please "
        f"report it, with what is printed when {DEBUG}=1 is set"
    )


def wants_traceback() -> bool:
    """Whether the user asked for tracebacks."""
    return bool(os.environ.get(DEBUG))
