"""The chance level of accuracy: how often the query's class wins the vote in a random order, computed exactly.

The first v images of a random order are a random subset of the gallery, and of classes with equally many votes each is
equally likely to come first. With x votes for the query's own class, of R images, and y_j for another of n_j, there are
C(R, x) Π C(n_j, y_j) such subsets. Where no y_j exceeds x and t of them equal it, the class wins in 1 / (t + 1), which
is the integral of s^t over s from 0 to 1. So the subsets that win are counted, for every x, by the coefficient of
z^(v - x) in the integral of Π_j (Σ_{y < x} C(n_j, y) z^y + s C(n_j, x) z^x).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import MISSING, Relevance
from lookalike.evaluation.statistics.metrics import VOTERS

Floats = NDArray[np.float64]

# The integrand is a polynomial in s of degree t, at most 9, which five points integrate exactly.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_S: Final = (_POINTS + 1) / 2
_OWN_VOTES: Final = np.arange(1, VOTERS + 1)[:, np.newaxis, np.newaxis]
_VOTES: Final = np.arange(VOTERS + 1)


def vote_chances(relevance: Relevance) -> Floats:
    """The probability that the own class of each query wins the vote of a random order: float64 (q,).

    Images without a label don't vote. nan where R = 0.
    """
    winners = _Winners(relevance)
    result = np.full(len(relevance), np.nan)
    for query in np.flatnonzero(relevance.R > 0).tolist():
        result[query] = winners.share(query)
    return result


class _Winners:
    """The share of random orders in which a query's class wins; queries with galleries alike share the work."""

    def __init__(self, relevance: Relevance) -> None:
        self._relevance = relevance
        labels, counts = np.unique(relevance.gallery_labels, return_counts=True)
        self._sizes = dict(zip(labels.tolist(), counts.tolist(), strict=True))
        self._classes = Counter(size for label, size in self._sizes.items() if label != MISSING)
        self._rivals: dict[tuple[int, ...], Floats] = {}
        self._shares: dict[tuple[int, ...], float] = {}

    def share(self, query: int) -> float:
        own = int(self._relevance.rows.labels[self._relevance.queries[query]])
        R, size = int(self._relevance.R[query]), int(self._relevance.size[query])  # noqa: N806
        others = self._others_removed(query, own)
        key = (R, size, self._sizes[own], *others)
        if key not in self._shares:
            votes = min(VOTERS, size)
            own_votes = np.arange(1, min(R, votes) + 1)
            subsets = np.array([float(comb(R, x)) for x in own_votes.tolist()])
            winning = self._rivals_of(self._sizes[own], others)[own_votes - 1, votes - own_votes]
            self._shares[key] = float(subsets @ winning) / comb(size, votes)
        return self._shares[key]

    def _others_removed(self, query: int, own: int) -> tuple[int, ...]:
        """The sizes of other classes from whose images junk is removed, before and after; 0 is put for no label."""
        labels = self._relevance.gallery_labels[self._relevance.excluded(query)]
        removed = Counter(labels[labels != own].tolist())
        if not removed:
            return ()
        pairs = sorted((self._sizes[label], count, label == MISSING) for label, count in removed.items())
        return tuple(int(number) for pair in pairs for number in pair)

    def _rivals_of(self, own_size: int, removed: tuple[int, ...]) -> Floats:
        """The number of subsets that don't outvote x own votes, for every x and number of images: (10, 11)."""
        key = (own_size, *removed)
        if key not in self._rivals:
            unlabelled = self._sizes.get(MISSING, 0)
            classes = self._classes - Counter([own_size])
            for before, count, has_no_label in zip(removed[::3], removed[1::3], removed[2::3], strict=True):
                if has_no_label:
                    unlabelled -= count
                else:
                    classes = classes - Counter([before]) + Counter([before - count])
            self._rivals[key] = _products(classes, unlabelled) @ (_WEIGHTS / 2)
        return self._rivals[key]


def _products(classes: Mapping[int, int], unlabelled: int) -> Floats:
    """The product of all ``classes`` (their number by size): (x, number of images, s)."""
    result = np.zeros((VOTERS, VOTERS + 1, len(_S)))
    result += _binomials(unlabelled)[:, np.newaxis]
    for size, number in sorted(classes.items()):
        result = _times(result, _power(_class(size), number))
    return result


def _class(size: int) -> Floats:
    """The polynomial of a class of ``size`` images: (x, y, s)."""
    votes = _VOTES[:, np.newaxis]
    return _binomials(size)[:, np.newaxis] * np.where(votes < _OWN_VOTES, 1.0, np.where(votes == _OWN_VOTES, _S, 0.0))


def _binomials(size: int) -> Floats:
    return np.array([float(comb(size, votes)) for votes in range(VOTERS + 1)])


def _power(factor: Floats, exponent: int) -> Floats:
    result = np.zeros_like(factor)
    result[:, 0] = 1.0
    while exponent:
        if exponent % 2:
            result = _times(result, factor)
        factor, exponent = _times(factor, factor), exponent // 2
    return result


def _times(one: Floats, other: Floats) -> Floats:
    """The product of two polynomials in z up to z^10."""
    result = np.zeros_like(one)
    for power in range(VOTERS + 1):
        result[:, power:] += other[:, [power]] * one[:, : VOTERS + 1 - power]
    return result
