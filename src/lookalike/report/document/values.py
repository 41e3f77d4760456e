"""How values are written in reports: shares, intervals, and their plots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from lookalike.report.document.elements import IntervalPlot

if TYPE_CHECKING:
    from lookalike.evaluation.statistics.intervals import Interval

_DECIMALS: Final = range(3, 7)


def share(value: float | None) -> str:
    """A value from 0 to 1 with three digits; a dash for None and nan."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def interval_text(interval: Interval | None, *, sign: str = "") -> str:
    """Both ends of an interval, ``~`` before approximate ones; a dash for None.

    Three decimals, or more where the ends would look the same. With ``sign`` "+" both have a sign.
    """
    if interval is None:
        return "-"
    for decimals in _DECIMALS:
        low, high = (f"{end:{sign}.{decimals}f}" for end in (interval.low, interval.high))
        if low != high:
            break
    return f"{'~' if interval.approximate else ''}{low} to {high}"


def percent(value: float, *, sign: str = "") -> str:
    """A share in percent, with one decimal and without the unit."""
    return f"{100 * value:{sign}.1f}"


def percent_interval(interval: Interval, *, sign: str = "") -> str:
    """Both ends of an interval of a share in percent, ``~`` before approximate ones."""
    mark = "~" if interval.approximate else ""
    return f"{mark}{percent(interval.low, sign=sign)} to {percent(interval.high, sign=sign)}"


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
