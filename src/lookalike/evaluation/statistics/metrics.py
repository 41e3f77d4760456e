"""Measures of one ranking, or of many at once: pure functions of which of the first places are relevant.

``relevant`` is bool (..., k): the ranking's first places, self and junk removed, best first; a row may end in False
where the gallery ends. ``R`` (...) is how many relevant pictures the whole gallery holds for each query. Where R = 0
nothing can be found, and every measure is nan. All results are float64 of the shape of ``R``, 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Measure = NDArray[np.float64]


def precision_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Measure:  # noqa: N803
    """Hits in the first k, divided by k always, also where R or the gallery is smaller."""
    return _known(_hits(relevant, k) / k, R)


def precision_ceiling_at(R: NDArray[np.int64], k: int) -> Measure:  # noqa: N803
    """The greatest precision@k there can be: min(k, R) / k."""
    return _known(np.minimum(k, R) / k, R)


def recall_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Measure:  # noqa: N803
    """Hits in the first k, divided by R."""
    return _known(_hits(relevant, k) / np.maximum(R, 1), R)


def hit_rate_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Measure:  # noqa: N803
    """1 where any of the first k is a hit, else 0; metric learning calls this Recall@k."""
    return _known(np.minimum(_hits(relevant, k), 1).astype(np.float64), R)


def ndcg_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Measure:  # noqa: N803
    """Discounted gain of the first k over the ideal one: binary gain, Σ rel_i / log2(i + 1), ideal over min(k, R).

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(k, R)]
    first = relevant[..., :k]
    gain = np.where(first, discounts[: first.shape[-1]], 0.0).sum(axis=-1)
    return _known(np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0), R)


def average_precision(ranks: NDArray[np.int64]) -> float:
    """AP: the mean over all R relevant pictures of the precision at their ranks; nan where there is none.

    ``ranks`` (R,) are those of all relevant pictures on the full ranking, counted from 1, rising.
    """
    return float((np.arange(1, len(ranks) + 1) / ranks).mean()) if len(ranks) else float("nan")


def average_precision_at_r(ranks: NDArray[np.int64]) -> float:
    """AP on the first R places only: (1/R) Σ_{i ≤ R} rel_i · precision@i; nan where R = 0. ``ranks`` as above.

    Its mean is mAP@R: Musgrave, Belongie and Lim, "A Metric Learning Reality Check", 2020.
    """
    total = len(ranks)
    if not total:
        return float("nan")
    found = ranks[ranks <= total]
    return float((np.arange(1, len(found) + 1) / found).sum() / total)


def vote(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The label that most of the nearest have: int64 (q,) of ``labels`` (q, v), nearest first, -1 where there is none.

    Between labels with equally many votes the one whose nearest member stands first wins. -1 has no vote, and is the
    result where nobody has one.
    """
    if not labels.shape[-1]:
        return np.full(len(labels), -1, np.int64)
    votes = (labels[:, :, np.newaxis] == labels[:, np.newaxis, :]).sum(axis=2)
    votes[labels < 0] = 0
    # argmax takes the first of equals, and the first place of a label is its nearest member's.
    elected: NDArray[np.int64] = labels[np.arange(len(labels)), votes.argmax(axis=1)]
    return elected


def accuracy(nearest: NDArray[np.int64], labels: NDArray[np.int64], R: NDArray[np.int64]) -> Measure:  # noqa: N803
    """1 where the vote of the ``nearest`` labels (q, v) gives the query's own label (q,), else 0."""
    return _known((vote(nearest) == labels).astype(np.float64), R)


def _hits(relevant: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    if k < 1:
        raise ValueError("k is at least 1")
    hits: NDArray[np.int64] = relevant[..., :k].sum(axis=-1)
    return hits


def _known(values: Measure, R: NDArray[np.int64]) -> Measure:  # noqa: N803
    return np.where(R > 0, values, np.nan)
