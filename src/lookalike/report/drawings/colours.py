"""Colours for all kinds of colour vision: a ramp of falling lightness, and hues for lines."""

from __future__ import annotations

from typing import Final

# Anchors of the "rocket" ramp of seaborn (BSD-3-Clause), from its light end: its lightness falls evenly, so it can be
# read in grey print and with every kind of colour blindness.
_RAMP: Final = ("#faebdd", "#f8cdb0", "#f6ad86", "#f58860", "#ee5f47", "#d73a49", "#b01759", "#7f1e5a", "#4c1d4b")

LINES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7a7a7a")
"""The hues of Okabe and Ito for colour-blind readers (without black, for dark pages), and two more."""

DASHES: Final = ("", "7 3", "2 3")
"""Dash patterns of lines, for when all hues are in use."""

DARK_INK: Final = "#000000"  # anything lighter is too faint on the middle of the ramp
LIGHT_INK: Final = "#ffffff"

# Relative luminance at which black and white letters are equally easy to read (WCAG 2).
_MIDDLE: Final = 0.179


def ramp(share: float) -> str:
    """The colour of ``share`` (0 dark to 1 light, clipped to that) as #rrggbb."""
    place = (1 - min(max(share, 0.0), 1.0)) * (len(_RAMP) - 1)
    low = min(int(place), len(_RAMP) - 2)
    pairs = zip(_channels(_RAMP[low]), _channels(_RAMP[low + 1]), strict=True)
    mixed = [round(one + (place - low) * (other - one)) for one, other in pairs]
    return "#" + "".join(f"{level:02x}" for level in mixed)


def ink_on(colour: str) -> str:
    """Dark or white, whichever is easier to read on ``colour``."""
    return LIGHT_INK if luminance(colour) < _MIDDLE else DARK_INK


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1 (WCAG 2)."""
    red, green, blue = (_linear(level / 255) for level in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(level: float) -> float:
    return level / 12.92 if level <= 0.03928 else ((level + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  sRGB's own


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
