"""A table as words: what every form of a report draws its tables from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CEILING: Final = "ceiling"
"""The name of the row of what no encoder can exceed."""


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, and rows of cells; a row of an encoder that couldn't be evaluated has dashes.

    ``remarks`` are what is to be known of it, a line each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
