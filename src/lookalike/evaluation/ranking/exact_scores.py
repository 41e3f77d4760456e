"""Cosines that are identical to the last bit, regardless of the order of summation.

The order in which a BLAS adds products depends on its block sizes and threads, so equal vectors can get different
scores. Here vectors are first rounded to a grid of 2^-26, finer than the resolution of float32 cosines. Every product
of two components is then a multiple of 2^-52, and so is every partial sum, none of which exceeds 2: float64 represents
them all exactly, and the order of summation makes no difference.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.search.similarity import are_unit, blocks

_GRID: Final = 2.0**26

STEP: Final = 2.0**-24
"""Scores are multiples of this, the resolution of float32 just below 1, so float32 represents each of them exactly."""


def snap(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit ``vectors`` (n, d) with every component rounded to the grid, which changes it by at most 2^-27.

    Raises ``ValueError`` where they are not of length 1 or not two-dimensional.
    """
    if vectors.ndim != 2:  # noqa: PLR2004 - rows and components
        raise ValueError(f"vectors must be the rows of a matrix, not an array of shape {vectors.shape}")
    if not are_unit(vectors).all():
        raise ValueError("vectors must be of length 1")
    result = np.multiply(vectors, np.float32(_GRID), dtype=np.float32)
    np.rint(result, out=result)
    result /= np.float32(_GRID)
    return result


def products(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float64]:
    """Exact cosines (q, n) of :func:`snap` ``queries`` (q, d) with snapped ``gallery`` (n, d)."""
    result = np.empty((len(queries), len(gallery)))
    wide = queries.astype(np.float64)
    for part in blocks(len(gallery), wide.itemsize * wide.shape[1]):
        np.matmul(wide, gallery[part].astype(np.float64).T, out=result[:, part])
    return result


def levels(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """``cosines`` rounded to integer multiples of 2^-24; equal cosines have equal levels.

    Clipped to -1 to 1, which rounding of the vectors' lengths can exceed.
    """
    steps = cosines / STEP
    np.rint(steps, out=steps)
    np.clip(steps, -1 / STEP, 1 / STEP, out=steps)
    return steps.astype(np.int64)


def scores(steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosines of ``steps`` from :func:`levels`, exactly."""
    return (steps * STEP).astype(np.float32)
