"""Formatting of file names and numbers for people."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from typing import Final

_WINDOWS_WORD: Final = re.compile(r"[\w.:/\\+-]+")


def printable(path: str | os.PathLike[str]) -> str:
    r"""``path`` on one printable line: line breaks as ``\n``, bytes that aren't UTF-8 as ``\xff``."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def command_text(arguments: Iterable[str], *, windows: bool = os.name == "nt") -> str:
    """A command as it is typed: with quotes where the shells of this system, or of ``windows``, need them."""
    if not windows:
        return shlex.join(arguments)
    # Double quotes are understood by cmd and PowerShell; names of files can't contain any.
    return " ".join(one if _WINDOWS_WORD.fullmatch(one) else f'"{one}"' for one in arguments)


def megabytes(size: int) -> str:
    """``size`` in bytes as text: 1,234.5 MB."""
    return f"{size / 1e6:,.1f} MB"


def bytes_text(size: int) -> str:
    """``size`` in bytes as text in the unit that suits it: 512 B, 48.3 KB, 1.2 GB."""
    number, unit = float(size), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if number < 1000:  # noqa: PLR2004  the factor between units
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def plural(number: int, singular: str, plural_form: str = "") -> str:
    """``number`` with its noun: "1 query", "1,000 queries". ``plural_form`` defaults to ``singular`` plus "s"."""
    return f"{number:,} {singular if number == 1 else plural_form or singular + 's'}"
