"""Metrics of one or many rankings: pure functions of which of the first places are relevant.

``relevant`` is bool (..., k): the first places of a ranking, best first, self and junk removed; where the gallery is
smaller than k, the row is padded with False. ``R`` (...) is the number of relevant images in each query's gallery.
Where R = 0, every metric is nan. All results are float64 of the shape of ``R``, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Metric = NDArray[np.float64]

VOTERS: Final = 10
"""How many of the nearest images vote on a query's class."""


def first_names(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of the metrics of the first places, in the order of :func:`first_metrics`."""
    return (*(f"{name}@{k}" for name in ("precision", "recall", "hit_rate", "ndcg") for k in ks), "accuracy")


def first_metrics(
    relevant: NDArray[np.bool_],
    nearest: NDArray[np.int64],
    labels: NDArray[np.int64],
    R: NDArray[np.int64],  # noqa: N803
    ks: Sequence[int],
) -> dict[str, Metric]:
    """All metrics (q,) of the first places ``relevant`` (q, d) whose labels are ``nearest`` (q, d).

    The keys are "precision@k", "recall@k", "hit_rate@k" and "ndcg@k" for each of ``ks``, and "accuracy". ``labels``
    (q,) are the queries' own; d is at least every k and the number of voters, or the size of the gallery.
    """
    at_k = {"precision": precision_at, "recall": recall_at, "hit_rate": hit_rate_at, "ndcg": ndcg_at}
    values = {f"{name}@{k}": metric(relevant, R, k) for name, metric in at_k.items() for k in ks}
    return {**values, "accuracy": accuracy(nearest[:, :VOTERS], labels, R)}


def ceilings(R: NDArray[np.int64], ks: Sequence[int]) -> dict[str, Metric]:  # noqa: N803
    """The highest possible "precision@k", min(k, R) / k, and "recall@k", min(k, R) / R, for each of ``ks``."""
    precision = {f"precision@{k}": _nan_if_none(np.minimum(k, R) / k, R) for k in ks}
    return precision | {f"recall@{k}": _nan_if_none(np.minimum(k, R) / np.maximum(R, 1), R) for k in ks}


def precision_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Metric:  # noqa: N803
    """Hits in the first k, divided by k, even where R or the gallery is smaller."""
    return _nan_if_none(_hits(relevant, k) / k, R)


def recall_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Metric:  # noqa: N803
    """Hits in the first k, divided by R."""
    return _nan_if_none(_hits(relevant, k) / np.maximum(R, 1), R)


def hit_rate_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Metric:  # noqa: N803
    """1 where any of the first k is a hit, else 0; called Recall@k in metric learning."""
    return _nan_if_none(np.minimum(_hits(relevant, k), 1).astype(np.float64), R)


def ndcg_at(relevant: NDArray[np.bool_], R: NDArray[np.int64], k: int) -> Metric:  # noqa: N803
    """Normalised DCG, binary gain: Σ rel_i / log2(i + 1) over the first k, divided by the sum for min(k, R) hits.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))[np.minimum(k, R)]
    first = relevant[..., :k]
    gain = np.where(first, discounts[: first.shape[-1]], 0.0).sum(axis=-1)
    return _nan_if_none(np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0), R)


def average_precision(ranks: NDArray[np.int64]) -> float:
    """AP: the mean of the precision at the ranks of all R relevant images; nan where R = 0.

    ``ranks`` (R,) are the ranks of all relevant images on the full ranking, counted from 1, ascending.
    """
    return float((np.arange(1, len(ranks) + 1) / ranks).mean()) if len(ranks) else float("nan")


def average_precision_at_r(ranks: NDArray[np.int64]) -> float:
    """AP@R: (1/R) Σ_{i ≤ R} rel_i · precision@i; nan where R = 0. ``ranks`` (R,) as for :func:`average_precision`.

    Its mean is mAP@R: Musgrave, Belongie and Lim, "A Metric Learning Reality Check", 2020.
    """
    total = len(ranks)
    if not total:
        return float("nan")
    first = ranks[ranks <= total]
    return float((np.arange(1, len(first) + 1) / first).sum() / total)


def vote(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The majority label of the nearest images: int64 (q,) of ``labels`` (q, v), nearest first, padded with -1.

    Of labels with equally many votes, the one that occurs first wins. -1 does not vote, and is the result where there
    are no votes.
    """
    if not labels.shape[-1]:
        return np.full(len(labels), -1, np.int64)
    votes = (labels[:, :, np.newaxis] == labels[:, np.newaxis, :]).sum(axis=2)
    votes[labels < 0] = 0
    # argmax returns the first maximum, which is the nearest image with a winning label.
    majority: NDArray[np.int64] = labels[np.arange(len(labels)), votes.argmax(axis=1)]
    return majority


def accuracy(nearest: NDArray[np.int64], labels: NDArray[np.int64], R: NDArray[np.int64]) -> Metric:  # noqa: N803
    """1 where the majority of the ``nearest`` labels (q, v) is the query's own label (q,), else 0."""
    return _nan_if_none((vote(nearest) == labels).astype(np.float64), R)


def _hits(relevant: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    if k < 1:
        raise ValueError("k must be at least 1")
    hits: NDArray[np.int64] = relevant[..., :k].sum(axis=-1)
    return hits


def _nan_if_none(values: Metric, R: NDArray[np.int64]) -> Metric:  # noqa: N803
    return np.where(R > 0, values, np.nan)
