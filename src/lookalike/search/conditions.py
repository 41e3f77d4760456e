"""Conditions on the columns of images: ``km>=32 and date>=2023-05 and label=joint``.

A comparison has a column, an operator and a value. Values are compared as numbers if both are numbers (``5MB`` is one),
as dates if both are dates, and otherwise as texts, ignoring case. A date may be cut: ``date=2023-05`` is that whole
month, and ``date>2023-05`` what comes after it. ``~`` stands for "contains". An image without a value in a column has
an empty one, which ``km=""`` finds; it is never less or greater than another. :mod:`lookalike.search.grammar` parses
them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final, Literal

Operator = Literal["=", "<", "<=", ">", ">=", "~"]

_NUMBER: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:\s?([kMGT]?B))?", re.ASCII)
_UNITS: Final = {None: 1.0, "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_DATE: Final = re.compile(r"(\d{4})[-:](\d\d)(?:[-:](\d\d)(?:[t ](\d\d:\d\d.*)?)?)?", re.ASCII)
_DATE_WITH_DOTS: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:[t ](.*))?", re.ASCII)
YEAR: Final = re.compile(r"\d{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of the value that an image has in ``column`` with ``value``; ``operator`` may be ``~``: contains.

    ``position`` is that of the column in the text of the condition.
    """

    column: str
    operator: Operator
    value: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of ``parts`` are true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of ``parts`` is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """``part`` is false."""

    part: Condition


Condition = Comparison | AllOf | AnyOf | Negation


def comparisons(condition: Condition) -> list[Comparison]:
    """All comparisons in ``condition``, from left to right."""
    if isinstance(condition, Comparison):
        return [condition]
    parts = (condition.part,) if isinstance(condition, Negation) else condition.parts
    return [comparison for part in parts for comparison in comparisons(part)]


def comparable(text: str) -> str:
    """``text`` in the form in which texts and dates are compared: without case, dates as 2023-05-31 14:05:59.

    Dates may be given as in ISO 8601, as in EXIF (2023:05:31), or as 31.05.2023.
    """
    folded = text.strip().casefold()
    if match := _DATE.fullmatch(folded):
        year, month, day, time = match.groups()
        return "-".join(part for part in (year, month, day) if part) + (f" {time}" if time else "")
    if match := _DATE_WITH_DOTS.fullmatch(folded):
        day, month, year, time = match.groups()
        return f"{year}-{int(month):02d}-{int(day):02d}" + (f" {time}" if time else "")
    return folded


def is_date(compared: str) -> bool:
    """Whether a text in the form of :func:`comparable` is a date, at least a year and a month."""
    return _DATE.fullmatch(compared) is not None


def number(text: str) -> float | None:
    """The number that ``text`` is, with the unit of a file size applied (1 kB is 1,000 bytes); None if it is none."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    value = float(match[1]) * _UNITS[match[2]]
    return value if math.isfinite(value) else None


def pointed_at(text: str, position: int) -> str:
    """Two lines: ``text``, and below it a sign that points at the character at ``position``."""
    visible = "".join(character if character.isprintable() else " " for character in text)
    return f"  {visible}\n  {' ' * position}^"
