"""The order of gallery pictures that are equally similar to a query: a seeded draw, the same on every machine.

Neither the order of paths (folders are often classes) nor the order of rows may decide what stands first.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray


def draw(seed: int, query_row: int, gallery_row: int) -> bytes:
    """What decides between equals, the lesser first: SHA-256 of the text "seed query_row gallery_row" (32 bytes)."""
    return sha256(b"%d %d %d" % (seed, query_row, gallery_row)).digest()


def in_drawn_order(
    equal: NDArray[np.bool_],
    matters: NDArray[np.bool_],
    gallery_rows: NDArray[np.intp],
    *,
    seed: int,
    query_row: int,
) -> NDArray[np.intp]:
    """The places (t,) of a ranking of ``gallery_rows`` (t,), equals among them in the order drawn for ``query_row``.

    ``equal`` (t - 1,) tells of each place but the last whether the next has the same score; ``matters`` (t - 1,), True
    only where ``equal`` is, which of these comparisons have to be decided. Only runs of equals with such a comparison
    are drawn; the others stay as they are.
    """
    order = np.arange(len(gallery_rows))
    edges = np.flatnonzero(np.diff(equal, prepend=False, append=False))
    deciding = np.concatenate(([0], np.cumsum(matters)))
    for start, end in edges.reshape(-1, 2)[deciding[edges[1::2]] > deciding[edges[::2]]].tolist():
        run = slice(start, end + 1)
        draws = [draw(seed, query_row, row) for row in gallery_rows[run].tolist()]
        order[run] = start + np.array(sorted(range(len(draws)), key=draws.__getitem__))
    return order
