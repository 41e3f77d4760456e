"""Results of measurements: a line with its target, or a table of alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTHS = (48, 16, 36, 8, 9, 6)
_HEADINGS = ("what", "ours", "compared with", "ratio", "target", "met")


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a ratio: at least ``bound``, or at most if ``most`` is set."""

    bound: float
    most: bool = False

    def met(self, ratio: float) -> bool:
        """Whether ``ratio`` reaches the target."""
        return ratio <= self.bound if self.most else ratio >= self.bound

    def __str__(self) -> str:
        """The sign and the bound."""
        return f"{'<=' if self.most else '>='} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement: our value, what it is compared with, and their ratio (nan if it wasn't measured)."""

    what: str
    ours: str
    against: str
    ratio: float = math.nan
    target: Target | None = None

    def __str__(self) -> str:
        """A line of the table with the columns of :func:`headings`."""
        known = not math.isnan(self.ratio)
        met = "" if self.target is None else "-" if not known else "yes" if self.target.met(self.ratio) else "NO"
        ratio = f"{self.ratio:.4g}" if known else "-"
        return _columns((self.what, self.ours, self.against, ratio, str(self.target or ""), met))


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The results of each alternative to a constant."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """A small table."""
        widths = [max(len(row[i]) for row in (self.headings, *self.rows)) for i in range(len(self.headings))]
        lines = ("   ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in self.rows)
        head = "   ".join(cell.rjust(w) for cell, w in zip(self.headings, widths, strict=True))
        return "\n".join((self.title, f"  {head}", *(f"  {line}" for line in lines)))


def skipped(what: str, reason: str) -> Line:
    """The line of a measurement that isn't possible here."""
    return Line(what, "skipped", reason)


def headings() -> str:
    """The header of the table of lines."""
    return _columns(_HEADINGS) + "\n" + "-" * (sum(_WIDTHS) + len(_WIDTHS) - 1)


def _columns(cells: Sequence[str]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()
