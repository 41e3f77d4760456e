"""Whether one encoder is better than another: a paired test whose units are groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import apart

MOST_EXACT: Final = 14
"""Up to so many groups that differ, all 2^g patterns of signs are counted."""

DRAWS: Final = 10_000

_CELLS: Final = 2_000_000
_ROUNDING: Final = 1e-9


def sign_flip_p(differences: NDArray[np.float64], groups: NDArray[np.int64], *, seed: int) -> float:
    """The two-sided p-value, above 0 to 1, of ``differences`` (q,) between two encoders' figures of the same queries.

    If the encoders were equally good, every group's summed difference could as well have had the other sign. p is the
    share of sign patterns whose total is at least as far from 0 as the one seen: of all patterns up to 14 groups, else
    (b + 1) / (B + 1) with B = 10,000 seeded draws, b of which are (Phipson and Smyth, "Permutation p-values should
    never be zero", 2010). ``groups`` (q,) are codes, a query without a group being one of its own; queries with nan
    don't count. Groups without a difference change nothing and don't count either; where there are no others, p is 1.
    """
    known = np.isfinite(differences)
    sums = np.bincount(np.unique(apart(groups[known]), return_inverse=True)[1], differences[known])
    sums = sums[np.abs(sums) > _ROUNDING * np.abs(differences[known]).max(initial=0)]
    if not len(sums):
        return 1.0
    seen = np.abs(sums.sum()) - _ROUNDING * np.abs(sums).sum()
    if len(sums) <= MOST_EXACT:
        patterns = np.arange(1 << len(sums))[:, np.newaxis] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ sums) >= seen))
    rng = np.random.default_rng(seed % (1 << 64))  # numpy takes no negative seeds
    block = max(1, _CELLS // len(sums))
    as_far = 0
    for start in range(0, DRAWS, block):
        signs = rng.integers(0, 2, (min(block, DRAWS - start), len(sums)), np.int8)
        as_far += int(np.count_nonzero(np.abs((2 * signs - 1) @ sums) >= seen))
    return (as_far + 1) / (DRAWS + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """``ps``, in their order, adjusted for being several: Holm, "A simple sequentially rejective test", 1979.

    Those that are at most 0.05 are significant together at 5 %.
    """
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for done, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - done) * ps[place]))
        adjusted[place] = largest
    return adjusted
