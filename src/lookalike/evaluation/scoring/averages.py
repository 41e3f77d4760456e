"""The metrics of every query, and their means over queries and over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.ranking.full_ranking import Rankings
from lookalike.evaluation.statistics.metrics import VOTERS, first_metrics

_AT_K: Final = ("precision", "recall", "hit_rate", "ndcg")


@dataclass(frozen=True, slots=True)
class Averages:
    """Means of per-query metrics.

    ``micro`` is the mean over all scored queries, ``classes`` the means over those of each label, and ``macro`` the
    mean of ``classes``, each weighted equally. ``excluded`` counts the queries of each label that were not scored; a
    class without a scored query is in ``excluded`` but not in ``classes``. A mean over no queries is nan.
    """

    micro: dict[str, float]
    macro: dict[str, float]
    classes: dict[Any, dict[str, float]]
    excluded: dict[Any, int]


def metric_names(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of all metrics.

    "precision@k", "recall@k", "hit_rate@k" and "ndcg@k" for each k, then "map", "map@r" and "accuracy".
    """
    return (*(f"{name}@{k}" for name in _AT_K for k in ks), "map", "map@r", "accuracy")


def compared_metrics(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of the metrics that encoders are compared by."""
    return (*dict.fromkeys((f"precision@{min(ks)}", f"precision@{max(ks)}")), "map", "accuracy")


def required_depth(ks: Sequence[int]) -> int:
    """The number of first places that a ranking must keep for the metrics at ``ks``."""
    return max(*ks, VOTERS)


def query_metrics(rankings: Rankings, ks: Sequence[int], labels: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """All metrics of every query: float64 (q,) for each of :func:`metric_names`, 0 to 1, nan where R = 0.

    ``labels`` (rows,) are the label codes of all rows of the dataset. "map" and "map@r" are AP and AP@R; they are nan
    for all queries if only the first places were ranked. Raises ``ValueError`` where the rankings keep fewer places
    than :func:`required_depth`.
    """
    if rankings.rows.shape[1] < required_depth(ks):
        raise ValueError(
            f"metrics at {list(ks)} need rankings of {required_depth(ks)} places, not {rankings.rows.shape[1]}"
        )
    relevant, total = rankings.relevant, rankings.R
    nearest = np.where(rankings.rows >= 0, labels[rankings.rows], -1)
    values = first_metrics(relevant, nearest, labels[rankings.queries], total, ks)
    values |= {"map": rankings.ap, "map@r": rankings.ap_at_r}
    return {name: values[name] for name in metric_names(ks)}


def averages(values: Mapping[str, NDArray[np.float64]], labels: NDArray[Any], scored: NDArray[np.bool_]) -> Averages:
    """Micro and macro means of ``values`` (each (q,)) over the ``scored`` queries (q,).

    ``labels`` (q,) of the queries may be codes or names; they are the keys of ``classes`` and ``excluded``.
    """
    distinct = np.unique(labels)
    classes = {
        label.item(): {name: float(metric[of_class].mean()) for name, metric in values.items()}
        for label in distinct
        if (of_class := scored & (labels == label)).any()
    }
    return Averages(
        micro={name: _mean(metric[scored]) for name, metric in values.items()},
        macro={name: _mean(np.array([means[name] for means in classes.values()])) for name in values},
        classes=classes,
        excluded={label.item(): int(np.count_nonzero(~scored & (labels == label))) for label in distinct},
    )


def _mean(metric: NDArray[np.float64]) -> float:
    return float(metric.mean()) if len(metric) else float("nan")
