"""The figures of an evaluation: every measure of every query, and their means over queries and over classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.ranking.full_ranking import Rankings
from lookalike.evaluation.statistics.metrics import (
    accuracy,
    hit_rate_at,
    ndcg_at,
    precision_at,
    precision_ceiling_at,
    recall_at,
)

VOTERS: Final = 10
"""How many of the nearest vote on a query's class."""

_AT_K: Final = ("precision", "ceiling", "recall", "hit_rate", "ndcg")


@dataclass(frozen=True, slots=True)
class Averages:
    """Means of per-query figures.

    ``micro`` is over all scored queries, ``classes`` over each label's, ``macro`` over those classes' means, each class
    counting alike. ``excluded`` counts each label's queries that were not scored; classes without a scored query are
    in it, and not in ``classes``. Means of nothing are nan.
    """

    micro: dict[str, float]
    macro: dict[str, float]
    classes: dict[Any, dict[str, float]]
    excluded: dict[Any, int]


def figure_names(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of all figures.

    "precision@k", "ceiling@k", "recall@k", "hit_rate@k" and "ndcg@k" for each k, then "map", "map@r" and "accuracy".
    """
    return (*(f"{name}@{k}" for name in _AT_K for k in ks), "map", "map@r", "accuracy")


def deepest(ks: Sequence[int]) -> int:
    """How many first places a ranking must keep for the figures at ``ks``."""
    return max(*ks, VOTERS)


def per_query(rankings: Rankings, ks: Sequence[int], labels: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Every figure of every query: float64 (q,) for each of :func:`figure_names`, 0 to 1, nan where R = 0.

    ``labels`` (rows,) are those of all the dataset's rows. "map" and "map@r" hold AP and AP@R; they are nan throughout
    where only the first places were ranked. Raises ``ValueError`` where the rankings keep fewer places than
    :func:`deepest` says.
    """
    if rankings.rows.shape[1] < deepest(ks):
        raise ValueError(f"figures at {list(ks)} need rankings of {deepest(ks)} places, not {rankings.rows.shape[1]}")
    relevant, total = rankings.relevant, rankings.R
    values: dict[str, NDArray[np.float64]] = {}
    for k in ks:
        values[f"precision@{k}"] = precision_at(relevant, total, k)
        values[f"ceiling@{k}"] = precision_ceiling_at(total, k)
        values[f"recall@{k}"] = recall_at(relevant, total, k)
        values[f"hit_rate@{k}"] = hit_rate_at(relevant, total, k)
        values[f"ndcg@{k}"] = ndcg_at(relevant, total, k)
    values["map"] = rankings.ap
    values["map@r"] = rankings.ap_at_r
    first = rankings.rows[:, :VOTERS]
    nearest = np.where(first >= 0, labels[first], -1)
    values["accuracy"] = accuracy(nearest, labels[rankings.queries], total)
    return {name: values[name] for name in figure_names(ks)}


def averages(values: Mapping[str, NDArray[np.float64]], labels: NDArray[Any], scored: NDArray[np.bool_]) -> Averages:
    """Micro and macro means of ``values`` (each (q,)) over the ``scored`` queries (q,).

    The queries' ``labels`` (q,) may be codes or names: they are the keys of ``classes`` and ``excluded``.
    """
    everyone = np.unique(labels)
    classes = {
        label.item(): {name: float(figures[chosen].mean()) for name, figures in values.items()}
        for label in everyone
        if (chosen := scored & (labels == label)).any()
    }
    return Averages(
        micro={name: _mean(figures[scored]) for name, figures in values.items()},
        macro={name: _mean(np.array([means[name] for means in classes.values()])) for name in values},
        classes=classes,
        excluded={label.item(): int(np.count_nonzero(~scored & (labels == label))) for label in everyone},
    )


def _mean(figures: NDArray[np.float64]) -> float:
    return float(figures.mean()) if len(figures) else float("nan")
