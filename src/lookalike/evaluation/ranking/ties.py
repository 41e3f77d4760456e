"""The order of gallery images that are equally similar to a query: random but seeded, the same on every machine.

The order of paths or rows must not break ties, since folders are often classes.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


def tie_key(seed: int, query_row: int, gallery_row: int) -> bytes:
    """The sort key (32 bytes) among ties, ascending: SHA-256 of the text "seed query_row gallery_row"."""
    return sha256(b"%d %d %d" % (seed, query_row, gallery_row)).digest()


def break_ties(
    equal: NDArray[np.bool_],
    matters: NDArray[np.bool_],
    gallery_rows: NDArray[np.intp],
    *,
    seed: int,
    query_row: int,
) -> NDArray[np.intp]:
    """The permutation (t,) that sorts ties in a ranking of ``gallery_rows`` (t,) by :func:`tie_key`.

    ``equal`` (t - 1,) is True where the next place has the same score; ``matters`` (t - 1,), a subset of ``equal``, is
    True where the order affects the result. Only runs of ties that include such a place are sorted; others keep their
    order.
    """
    order = np.arange(len(gallery_rows))
    edges = np.flatnonzero(np.diff(equal, prepend=False, append=False))
    affected = np.concatenate(([0], np.cumsum(matters)))
    for start, end in edges.reshape(-1, 2)[affected[edges[1::2]] > affected[edges[::2]]].tolist():
        run = slice(start, end + 1)
        keys = [tie_key(seed, query_row, row) for row in gallery_rows[run].tolist()]
        order[run] = start + np.array(sorted(range(len(keys)), key=keys.__getitem__))
    return order
