"""Cosines that come out the same to the last bit, whatever sums them up.

A BLAS adds products in an order that depends on the sizes of its blocks and on its threads, so that equal vectors can
get different scores. Here vectors are first snapped to a grid of 2^-26, finer than float32 resolves cosines. Then
every product of two components is a whole number of 2^-52, and so is every partial sum, none of which exceeds 2:
float64 holds them all exactly, and no order of summation makes a difference.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.search.similarity import blocks

_GRID: Final = 2.0**26

# Scores are whole numbers of this: what float32 resolves just below 1. Float32 holds each of them exactly.
STEP: Final = 2.0**-24

_UNIT: Final = 1e-3
"""How far from 1 the length of a unit vector may be."""


def snapped(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit ``vectors`` (n, d) with their components brought to the grid, none of them by more than 2^-27.

    Raises ``ValueError`` where they aren't of length 1, or aren't two-dimensional.
    """
    if vectors.ndim != 2:  # noqa: PLR2004 - rows and components
        raise ValueError(f"vectors are rows of a matrix, not an array of shape {vectors.shape}")
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    if not (np.abs(lengths - 1) <= _UNIT).all():
        raise ValueError("vectors are to be of length 1")
    result = np.multiply(vectors, np.float32(_GRID), dtype=np.float32)
    np.rint(result, out=result)
    result /= np.float32(_GRID)
    return result


def products(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float64]:
    """Exact cosines (q, n) of :func:`snapped` ``queries`` (q, d) with snapped ``gallery`` (n, d)."""
    result = np.empty((len(queries), len(gallery)))
    wide = queries.astype(np.float64)
    for part in blocks(len(gallery), wide.itemsize * wide.shape[1]):
        np.matmul(wide, gallery[part].astype(np.float64).T, out=result[:, part])
    return result


def pair_products(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> NDArray[np.float64]:
    """The same cosines of ``pairs`` only: float64 (p,) of places (p,) of queries and places (p,) in the gallery."""
    of_queries, in_gallery = pairs
    result = np.empty(len(of_queries))
    for part in blocks(len(result), 2 * 8 * queries.shape[1]):
        left, right = queries[of_queries[part]], gallery[in_gallery[part]]
        np.einsum("pd,pd->p", left, right, dtype=np.float64, out=result[part])
    return result


def levels(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """The steps of 2^-24 nearest to ``cosines``, whole numbers: what is equally similar has the same.

    Clipped to what cosines can be: vectors are of length 1 only as nearly as float32 can say it.
    """
    steps = cosines / STEP
    np.rint(steps, out=steps)
    np.clip(steps, -1 / STEP, 1 / STEP, out=steps)
    return steps.astype(np.int64)


def scores(steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosines that :func:`levels` stand for, exactly as they were judged."""
    return (steps * STEP).astype(np.float32)
