"""Numbers with the word for what they count."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """``number`` and what it counts: 1 query, 1,000 queries. ``several`` is ``one`` with an s unless it is given."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
