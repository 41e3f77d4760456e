"""Colours for values: viridis, whose lightness rises evenly, so that equal steps look equal, in grey too."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Ten evenly spaced colours of matplotlib's viridis (CC0; Smith, van der Walt, Firing 2015), from least to greatest.
_VIRIDIS: Final = (
    (68, 1, 84),
    (72, 40, 120),
    (62, 73, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (110, 206, 88),
    (181, 222, 43),
    (253, 231, 37),
)


def viridis(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """The colours of ``values`` (any shape): uint8 RGB, with one axis more.

    ``low`` and what is below it get the first colour, ``high`` and what is above it the last.
    """
    table = np.array(_VIRIDIS, np.float64)
    places = np.clip((np.asarray(values, np.float64) - low) / max(high - low, 1e-12), 0, 1)
    every = np.linspace(0, 1, len(table))
    channels = [np.interp(places, every, table[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)
