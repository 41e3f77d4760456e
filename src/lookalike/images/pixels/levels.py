"""Find which sample values of an image are black and white.

Most files with more than 8 bits a sample don't use all of them: a camera's 12 bits are often stored in 16. The levels
therefore follow from what the file declares, else from its largest value; docs/formats.md states the rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BITS: Final = (8, 10, 12, 14, 16, 20, 24, 28, 32, 48, 64)
"""A maximum is rounded up to the largest value of one of these numbers of bits."""
_LARGEST_BITS: Final = 32

_UNUSUAL: Final = 1e30
"""Floats beyond this are markers for missing data, for example the lowest float32."""
_MARKERS: Final = (-32768.0, -32767.0, -9999.0, -99999.0, -3000.0)
"""Minima that are customary as markers for missing data. They count as markers only if they stand apart."""
_UNIT_FLOATS_END: Final = 16.0
"""Floats with a maximum between 1 and this are no 8-bit levels: their maximum is white."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The sample values of ``black`` and ``white``. Values beyond them are clipped."""

    black: float
    white: float

    @classmethod
    def parse(cls, text: str) -> Levels:
        """Read ``BITS`` (8 to 32; 12 means 0 to 4095) or ``BLACK:WHITE``; raises ``ValueError``."""
        if re.fullmatch(r"\d+", text) and _BITS[0] <= int(text) <= _LARGEST_BITS:
            return cls(0, 2.0 ** int(text) - 1)
        black, separator, white = text.partition(":")
        levels = cls(float(black), float(white)) if separator else None
        if levels is None or not np.isfinite([levels.black, levels.white]).all() or levels.black == levels.white:
            raise ValueError(text)
        return levels

    def __str__(self) -> str:
        return f"{self.black:.17g}:{self.white:.17g}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file says about its samples.

    ``bits`` is the number of significant bits if it is smaller than the type's; ``levels`` are the values of black and
    white; samples equal to ``missing`` hold no data.
    """

    bits: int | None = None
    levels: Levels | None = None
    missing: float | None = None


def find_levels(values: NDArray[Any], declared: Declared, missing: NDArray[np.bool_] | None = None) -> Levels:
    """The levels of an image's colour samples ``values`` (any shape; integers or floats), except where ``missing``.

    ``missing`` broadcasts to ``values``. Of two statements of the file, one that doesn't cover the values is ignored.
    """
    low, high = _extremes(values, missing)
    if declared.levels is not None and declared.levels.black <= low and high <= declared.levels.white:
        return declared.levels
    if values.dtype.kind == "f":
        return _float_levels(low, high, values)
    return _integer_levels(low, high, declared.bits, signed=values.dtype.kind == "i")


def find_missing(values: NDArray[Any], declared: Declared) -> NDArray[np.bool_] | None:
    """Where ``values`` (height, width, bands) hold no data: bool (height, width); None if nowhere.

    That is where all bands have the declared marker or a customary marker that stands apart from the rest, or where any
    value isn't finite.
    """
    markers = set() if declared.missing is None else {declared.missing}
    missing = np.zeros(values.shape[:2], np.bool_)
    if values.dtype.kind == "f":
        missing |= ~(np.abs(values) < np.float64(_UNUSUAL)).all(axis=2)
    if values.dtype.kind in "if":
        markers |= _customary_marker(values, missing)
    for marker in markers:
        if values.dtype.kind == "f":
            missing |= (values == values.dtype.type(marker)).all(axis=2)  # the marker may have been written as float32
        elif float(marker).is_integer() and np.iinfo(values.dtype).min <= marker <= np.iinfo(values.dtype).max:
            missing |= (values == values.dtype.type(int(marker))).all(axis=2)
    return missing if missing.any() else None


def _customary_marker(values: NDArray[Any], missing: NDArray[np.bool_]) -> set[float]:
    valid = values[~missing] if missing.any() else values
    low = float(valid.min()) if valid.size else 0.0
    if low not in _MARKERS:
        return set()
    rest = valid[valid != low]
    apart = rest.size > 0 and float(rest.min()) - low > float(rest.max()) - float(rest.min())
    return {low} if apart else set()


def _extremes(values: NDArray[Any], missing: NDArray[np.bool_] | None) -> tuple[float, float]:
    valid = values if missing is None else values[~missing]
    return (float(valid.min()), float(valid.max())) if valid.size else (0.0, 0.0)


def _integer_levels(low: float, high: float, bits: int | None, *, signed: bool) -> Levels:
    if not signed or low >= 0:
        declared = 2.0**bits - 1 if bits is not None else 0.0
        return Levels(0.0, declared if high <= declared else _rounded_up(high))
    if bits is not None:
        return Levels(-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
    # Levels shifted by half of their range fill both halves; anything else, such as a height map, has no such zero.
    if int(-low - 1).bit_length() != int(high).bit_length():
        return Levels(low, high)
    half = (_rounded_up(2 * max(-low - 1, high)) + 1) / 2
    return Levels(-half, half - 1)


def _float_levels(low: float, high: float, values: NDArray[Any]) -> Levels:
    if low >= 0 and high <= 1:
        return Levels(0.0, 1.0)
    if -1 <= low < 0 and high <= 1:
        return Levels(-1.0, 1.0)
    if low >= 0 and _UNIT_FLOATS_END < high <= 255:  # noqa: PLR2004  8 bits, perhaps averaged
        return Levels(0.0, 255.0)
    if low >= 0 and high <= 65535 and _are_whole(values):  # noqa: PLR2004  16 bits
        return Levels(0.0, _rounded_up(high))
    return Levels(0.0 if 0 <= low < high / 4 else low, high)


def _are_whole(values: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((np.mod(values, 1) == 0).all())


def _rounded_up(value: float) -> float:
    return next(2.0**bits - 1 for bits in _BITS if value <= 2.0**bits - 1)
