"""Formatting of file names and numbers for people."""

from __future__ import annotations

import os


def printable(path: str | os.PathLike[str]) -> str:
    r"""``path`` on one printable line: line breaks as ``\n``, bytes that aren't UTF-8 as ``\xff``."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plural(number: int, singular: str, plural_form: str = "") -> str:
    """``number`` with its noun: "1 query", "1,000 queries". ``plural_form`` defaults to ``singular`` plus "s"."""
    return f"{number:,} {singular if number == 1 else plural_form or singular + 's'}"
