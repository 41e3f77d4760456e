"""What the presence of each gallery image adds to a query's metrics: the metric minus that without the image.

Removing an image moves every later one up by one rank. The formulas follow from those of
:mod:`~lookalike.evaluation.statistics.metrics`, and need no second ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.statistics.metrics import VOTERS, vote

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


class FullRanking(NamedTuple):
    """The ranking of the m images left of one query's gallery, best first.

    ``query`` is the query's position among all queries, ``places`` (m,) are positions in the gallery, and ``relevant``
    (m,) is True where an image is relevant.
    """

    query: int
    places: Integers
    relevant: Bools


def precision_effects(relevant: Bools) -> tuple[Floats, Floats]:
    """The effects (m,), in order of the ranking ``relevant`` (m,), of every image on AP, and on AP@R.

    The effect of the only relevant image is 0: without it the query would not be scored.
    """
    ranks = np.flatnonzero(relevant) + 1
    if not len(ranks):
        return np.zeros(len(relevant)), np.zeros(len(relevant))
    return _ap_effects(relevant, ranks), _ap_at_r_effects(relevant, ranks)


def _ap_effects(relevant: Bools, ranks: Integers) -> Floats:
    total, order = len(ranks), np.arange(1, len(ranks) + 1)
    present = order / ranks
    # The precision at each relevant rank without an irrelevant, or without a relevant, image before it.
    risen, fallen = order / np.maximum(ranks - 1, 1), (order - 1) / np.maximum(ranks - 1, 1)
    ap = present.sum() / total
    without_irrelevant = (_sums_before(present) + _sums_from(risen)) / total
    without_relevant = (_sums_before(present)[:-1] + _sums_from(fallen)[1:]) / max(total - 1, 1)
    effects: Floats = (ap - without_irrelevant)[np.cumsum(relevant)]
    effects[ranks - 1] = ap - without_relevant if total > 1 else 0
    return effects


def _ap_at_r_effects(relevant: Bools, ranks: Integers) -> Floats:
    total, order = len(ranks), np.arange(1, len(ranks) + 1)
    present = np.where(ranks <= total, order / ranks, 0)
    # Without an irrelevant image, rank R + 1 moves up to R; without a relevant one, R falls by 1 as well.
    risen = np.where(ranks <= total + 1, order / np.maximum(ranks - 1, 1), 0)
    fallen = np.where(ranks <= total, (order - 1) / np.maximum(ranks - 1, 1), 0)
    ap = present.sum() / total
    without_irrelevant = (_sums_before(present) + _sums_from(risen)) / total
    without_relevant = (_sums_before(present)[:-1] + _sums_from(fallen)[1:]) / max(total - 1, 1)
    beyond = np.where(ranks < total, present, 0).sum() / max(total - 1, 1)
    effects = np.zeros(len(relevant))
    effects[:total] = (ap - without_irrelevant)[np.cumsum(relevant[:total])]
    effects[ranks - 1] = ap - np.where(ranks <= total, without_relevant, beyond) if total > 1 else 0
    return effects


def _sums_before(terms: Floats) -> Floats:
    """For each number h of leading ``terms`` (R,), their sum: (R + 1,)."""
    return np.concatenate(([0.0], np.cumsum(terms)))


def _sums_from(terms: Floats) -> Floats:
    """For each number h of leading ``terms`` (R,), the sum of the others: (R + 1,)."""
    return np.concatenate((np.cumsum(terms[::-1])[::-1], [0.0]))


@dataclass(frozen=True, slots=True, eq=False)
class FirstEffects:
    """The effects of images on a metric of the first k places, for b queries.

    ``first`` (b, d) are those of the images in the first d places, 0 beyond the end of a ranking. Of the later images,
    the relevant ones have the effect ``later`` (b,), since they change R; the others have none.
    """

    first: Floats
    later: Floats


def first_effects(
    relevant: Bools,
    labels: Integers,
    own: Integers,
    R: Integers,  # noqa: N803 - the standard symbol
    ks: Sequence[int],
) -> dict[str, FirstEffects]:
    """The effects on "precision@k", "recall@k", "hit_rate@k" and "ndcg@k" for each of ``ks``, and on "accuracy".

    ``relevant`` (b, d + 1) and ``labels`` (b, d + 1) are those of the first places, padded with False and -1; d is at
    least every k and the number of voters. ``own`` (b,) are the queries' labels. The effect of the only relevant image
    is 0, as for :func:`precision_effects`.
    """
    several = R > 1
    counts = several[:, np.newaxis] | ~relevant[:, :-1]
    effects: dict[str, FirstEffects] = {}
    for k in ks:
        effects |= _effects_at(relevant, R, k)
    effects["accuracy"] = FirstEffects(_vote_effects(labels, own), np.zeros(len(R)))
    return {
        name: FirstEffects(np.where(counts, one.first, 0), np.where(several, one.later, 0))
        for name, one in effects.items()
    }


def _effects_at(relevant: Bools, R: Integers, k: int) -> dict[str, FirstEffects]:  # noqa: N803
    width = relevant.shape[1] - 1
    inside = np.arange(width) < k
    removed, total = relevant[:, :width], R[:, np.newaxis]
    hits = relevant[:, :k].sum(axis=1, keepdims=True)
    left = np.where(inside, hits - removed + relevant[:, k : k + 1], hits)
    fewer = np.maximum(total - removed, 1)
    others = np.maximum(total - 1, 1)
    none = np.zeros(len(R))
    recall = hits / np.maximum(total, 1)
    gains, without = _gains(relevant, k)
    ndcg = gains / _ideal_gains(total, k)
    return {
        f"precision@{k}": FirstEffects((hits - left) / k, none),
        f"hit_rate@{k}": FirstEffects(np.minimum(hits, 1) - np.minimum(left, 1.0), none),
        f"recall@{k}": FirstEffects(recall - left / fewer, (recall - hits / others)[:, 0]),
        f"ndcg@{k}": FirstEffects(
            ndcg - without / _ideal_gains(fewer, k), (ndcg - gains / _ideal_gains(others, k))[:, 0]
        ),
    }


def _gains(relevant: Bools, k: int) -> tuple[Floats, Floats]:
    """The DCG@k (b, 1), and that without each of the first d images (b, d)."""
    width = relevant.shape[1] - 1
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gains = relevant[:, :k] * discounts
    moved = relevant[:, 1 : k + 1] * discounts  # what the image of the next rank adds once it has moved up
    before = np.cumsum(gains, axis=1) - gains
    after = np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]
    total = gains.sum(axis=1, keepdims=True)
    return total, np.concatenate([before + after, np.repeat(total, width - k, axis=1)], axis=1)


def _ideal_gains(R: Integers, k: int) -> Floats:  # noqa: N803
    """The highest DCG@k for ``R`` relevant images, at least that for one."""
    sums: Floats = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    return sums[np.clip(R, 1, k) - 1]


def _vote_effects(labels: Integers, own: Integers) -> Floats:
    """The effects (b, d) of the first images on whether the vote is right: without a voter, the next image votes."""
    count, width = labels.shape[0], labels.shape[1] - 1
    right = vote(labels[:, :VOTERS]) == own
    effects = np.zeros((count, width))
    for place in range(VOTERS):
        others = np.delete(labels[:, : VOTERS + 1], place, axis=1)
        effects[:, place] = right.astype(np.int64) - (vote(others) == own)
    return effects
