"""Chance levels: the exact expectation of each metric under a random order of the gallery.

``R`` of ``size`` images are relevant to a query; in a random order each image is equally likely at every rank.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.statistics.vote_chance import vote_chances

Expected = NDArray[np.float64]
Counts = NDArray[np.int64]


def chance_levels(relevance: Relevance, ks: Sequence[int]) -> dict[str, Expected]:
    """The expected metrics of every query under a random order: float64 (q,) each, 0 to 1, nan where R = 0.

    Keys are "precision@k", "recall@k", "hit_rate@k" and "ndcg@k" for each k, "map", "map@r" and "accuracy".
    """
    relevant, size = relevance.R, relevance.size
    scored = relevant > 0
    r, n = relevant[scored], size[scored]
    levels: dict[str, Expected] = {}
    for k in ks:
        first = np.minimum(k, n)
        levels[f"precision@{k}"] = first * r / n / k
        levels[f"recall@{k}"] = first / n
        levels[f"hit_rate@{k}"] = 1 - _no_hit_probability(r, n, k)
        levels[f"ndcg@{k}"] = r / n * _discount_sums(first) / _discount_sums(np.minimum(k, r))
    levels["map"] = expected_average_precision(r, n)
    levels["map@r"] = _expected_precision_sum(r, n, r)
    levels["accuracy"] = vote_chances(relevance)[scored]
    return {name: _nan_unless_scored(values, scored) for name, values in levels.items()}


def expected_average_precision(relevant: Counts, size: Counts) -> Expected:
    """The expected AP under a random order of ``size`` images, of which ``relevant`` (at least 1) are relevant.

    An image at rank i is relevant with probability R/n; given that, each of the i - 1 before it with (R - 1)/(n - 1).
    So E[AP] = (1/R) Σ_i (R/n) (1 + (i - 1)(R - 1)/(n - 1)) / i = (1/n) (H_n + (n - H_n)(R - 1)/(n - 1)), where H_n is
    the n-th harmonic number (Bestgen, "Exact expected average precision of the random baseline", 2015).
    """
    return _expected_precision_sum(relevant, size, size)


def _expected_precision_sum(relevant: Counts, size: Counts, depth: Counts) -> Expected:
    """The same sum up to rank ``depth``."""
    harmonic = _harmonic_numbers(depth)
    others = (relevant - 1) / np.maximum(size - 1, 1)
    return (harmonic + (depth - harmonic) * others) / size


def _no_hit_probability(relevant: Counts, size: Counts, k: int) -> Expected:
    """The probability that none of the first k is relevant: Π_{i < k} (size - R - i) / (size - i)."""
    result = np.ones(len(size))
    for i in range(min(k, int(size.max(initial=0)))):
        result *= np.clip(size - relevant - i, 0, None) / np.maximum(size - i, 1)
    return result


def _harmonic_numbers(numbers: Counts) -> Expected:
    return _partial_sums(1 / np.arange(1, numbers.max(initial=0) + 1))[numbers]


def _discount_sums(numbers: Counts) -> Expected:
    return _partial_sums(1 / np.log2(np.arange(2, numbers.max(initial=0) + 2)))[numbers]


def _partial_sums(terms: Expected) -> Expected:
    return np.concatenate(([0.0], np.cumsum(terms)))


def _nan_unless_scored(values: Expected, scored: NDArray[np.bool_]) -> Expected:
    result = np.full(len(scored), np.nan)
    result[scored] = values
    return result
