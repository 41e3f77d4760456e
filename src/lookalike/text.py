"""How names of files and numbers are written for people."""

from __future__ import annotations

import os


def shown(path: str | os.PathLike[str]) -> str:
    r"""A path on one line, fit for a screen: line breaks as ``\n``, bytes that are no UTF-8 as ``\xff``."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, one: str, several: str = "") -> str:
    """``number`` and what it counts: 1 query, 1,000 queries. ``several`` is ``one`` with an s unless it is given."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
