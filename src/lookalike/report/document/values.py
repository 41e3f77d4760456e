"""How values are written in reports: shares, intervals, and their plots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lookalike.report.document.elements import IntervalPlot

if TYPE_CHECKING:
    from lookalike.evaluation.statistics.intervals import Interval


def share(value: float | None) -> str:
    """A value from 0 to 1 with three digits; a dash for None and nan."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def interval_text(interval: Interval | None, form: str = ".3f") -> str:
    """Both ends of an interval, ``~`` before approximate ones; a dash for None."""
    if interval is None:
        return "-"
    return f"{'~' if interval.approximate else ''}{interval.low:{form}} to {interval.high:{form}}"


def interval_plot(
    value: float,
    interval: Interval | None,
    *,
    other: float | None = None,
    chance: float | None = None,
    ceiling: float | None = None,
) -> IntervalPlot:
    """The plot of a value with its interval."""
    ends = None if interval is None else (interval.low, interval.high)
    return IntervalPlot(value, ends, interval is not None and interval.approximate, other, chance, ceiling)


def size_text(size: tuple[int, int] | None) -> str:
    """Width and height of an image in pixels; a dash for None."""
    return "-" if size is None else f"{size[0]:,} x {size[1]:,}"
