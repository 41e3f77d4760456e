"""A paired test of whether two encoders differ, which flips the signs of whole groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.bootstrap import independent_units

MAX_EXACT_GROUPS: Final = 14
"""Up to this many groups with a difference, all 2^g sign patterns are enumerated."""

DRAWS: Final = 10_000

_CELLS: Final = 2_000_000
_ROUNDING: Final = 1e-9


def sign_flip_p(differences: NDArray[np.float64], groups: NDArray[np.int64], *, seed: int) -> float:
    """The two-sided p-value, in (0, 1], of ``differences`` (q,) between two encoders' metrics on the same queries.

    If the encoders are equally good, the sign of each group's summed difference is arbitrary. p is the share of sign
    patterns whose total is at least as far from 0 as the observed one: over all patterns for up to 14 groups, otherwise
    (b + 1) / (B + 1), where b of B = 10,000 seeded draws are at least as far (Phipson and Smyth, "Permutation p-values
    should never be zero", 2010). ``groups`` (q,) are codes; a query without a group forms a group of its own. Queries
    with nan are ignored, and so are groups without a difference; if no group is left, p is 1.
    """
    known = np.isfinite(differences)
    sums = np.bincount(np.unique(independent_units(groups[known]), return_inverse=True)[1], differences[known])
    sums = sums[np.abs(sums) > _ROUNDING * np.abs(differences[known]).max(initial=0)]
    if not len(sums):
        return 1.0
    observed = np.abs(sums.sum()) - _ROUNDING * np.abs(sums).sum()
    if len(sums) <= MAX_EXACT_GROUPS:
        patterns = np.arange(1 << len(sums))[:, np.newaxis] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ sums) >= observed))
    rng = np.random.default_rng(seed % (1 << 64))  # numpy rejects negative seeds
    block = max(1, _CELLS // len(sums))
    as_far = 0
    for start in range(0, DRAWS, block):
        signs = rng.integers(0, 2, (min(block, DRAWS - start), len(sums)), np.int8)
        as_far += int(np.count_nonzero(np.abs((2 * signs - 1) @ sums) >= observed))
    return (as_far + 1) / (DRAWS + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values ``ps``, in order, adjusted for multiple tests: Holm, "A simple sequentially rejective test", 1979.

    Differences with an adjusted p of at most 0.05 are significant at a familywise level of 5 %.
    """
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for done, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - done) * ps[place]))
        adjusted[place] = largest
    return adjusted
