"""How the images of a dataset were drawn: whole groups, independently, within classes.

Images of one scene resemble each other, so only groups are independent. The number of groups of each class is taken as
given, as it was when the dataset was composed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.relevance import MISSING, Relevance

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MIN_GROUPS: Final = 10
"""With fewer groups there is no interval."""

APPROXIMATE_BELOW: Final = 30
"""With fewer groups an interval is only approximate."""

CLASS_GROUPS: Final = 10
"""Likewise where a class has fewer groups than this."""

MACRO_GROUPS: Final = 3
"""Where a class has fewer groups than this, there is no interval of the mean over classes."""


class Basis(NamedTuple):
    """The number of ``groups`` that an interval is based on, and that of its ``smallest`` class."""

    groups: int
    smallest: int

    @property
    def suffices(self) -> bool:
        """Whether there are enough groups for an interval."""
        return self.groups >= MIN_GROUPS

    @property
    def approximate(self) -> bool:
        """Whether there are so few groups that an interval is only approximate."""
        return self.groups < APPROXIMATE_BELOW or self.smallest < CLASS_GROUPS


class Factor:
    """A code for each of n items, as of groups or classes: sums by code, and values centred within each code."""

    def __init__(self, codes: Integers, size: int) -> None:
        """Take ``codes`` from 0 to ``size`` - 1."""
        self.codes: Final = codes
        self.counts: Final = np.bincount(codes, minlength=size)
        self._order = np.argsort(codes, kind="stable")
        self._present = np.flatnonzero(self.counts)
        self._starts = (np.cumsum(self.counts) - self.counts)[self._present]

    def of(self, members: NDArray[np.intp]) -> Factor:
        """The same for the ``members`` (b,) alone."""
        return Factor(self.codes[members], len(self.counts))

    def sums(self, values: Floats) -> Floats:
        """The sums (size, ...) of ``values`` (n, ...)."""
        result = np.zeros((len(self.counts), *values.shape[1:]))
        if len(self._present):
            result[self._present] = np.add.reduceat(values[self._order], self._starts, axis=0, dtype=np.float64)
        return result

    def centred(self, values: Floats) -> Floats:
        """``values`` (n, ...) minus the mean of their code."""
        counts = np.maximum(self.counts, 1).reshape(-1, *[1] * (values.ndim - 1))
        result: Floats = values - (self.sums(values) / counts)[self.codes]
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Sampling:
    """The groups of the scored queries (s,) and of the gallery (n,).

    ``scored`` are the positions of the scored queries, ``labels`` int64 (s,) their classes. ``query_units`` and
    ``gallery_units`` are the groups of both, numbered from 0 to g - 1. ``strata`` (g,) is the class of most images of
    each group; groups of queries only, of gallery images only, and of both are in strata of their own, and strata of a
    single group are merged. ``shares`` (g,) are the groups' shares of the images of their stratum. ``class_groups``
    are the numbers of groups of each class with a scored query.
    """

    scored: NDArray[np.intp]
    labels: Integers
    query_units: Factor
    gallery_units: Factor
    strata: Factor
    shares: Floats
    class_groups: Mapping[int, int]

    @classmethod
    def of(cls, relevance: Relevance, labels: Integers, units: Integers) -> Sampling:
        """The sampling of the queries that ``relevance`` gives a relevant image, and of its gallery.

        ``labels`` and ``units`` (rows,) are the classes and groups of all rows as codes; a row without a group is a
        group of its own.
        """
        scored = np.flatnonzero(relevance.R > 0)
        queries, gallery = relevance.queries[scored], relevance.gallery
        used = np.concatenate([queries, gallery])
        numbers = np.unique(independent_units(units)[used], return_inverse=True)[1]
        asked, searched = numbers[: len(queries)], numbers[len(queries) :]
        size = int(numbers.max(initial=-1)) + 1
        sides = np.zeros((2, size), bool)
        sides[0, asked] = sides[1, searched] = True
        strata = _merge_singles(_majority(labels[used], numbers, size) * 4 + sides[0] + 2 * sides[1])
        sizes = np.bincount(numbers, minlength=size)
        pairs = np.unique(np.stack([labels[queries], asked]), axis=1)
        found, counts = np.unique(pairs[0], return_counts=True)
        return cls(
            scored=scored,
            labels=labels[queries],
            query_units=Factor(asked, size),
            gallery_units=Factor(searched, size),
            strata=Factor(strata, int(strata.max(initial=-1)) + 1),
            shares=sizes / np.bincount(strata, sizes)[strata],
            class_groups=dict(zip(found.tolist(), counts.tolist(), strict=True)),
        )

    def __len__(self) -> int:
        """The number of groups."""
        return len(self.strata.codes)

    @property
    def basis(self) -> Basis:
        """The groups of queries or of the gallery, whichever are fewer."""
        groups = min(int(np.count_nonzero(units.counts)) for units in (self.query_units, self.gallery_units))
        return Basis(groups, min(self.class_groups.values(), default=0))


def independent_units(units: Integers) -> Integers:
    """``units`` (n,) with a new code for every item without one."""
    missing = units == MISSING
    codes = units.copy()
    codes[missing] = units.max(initial=0) + 1 + np.arange(np.count_nonzero(missing))
    return codes


def _majority(labels: Integers, units: Integers, size: int) -> Integers:
    """The label of most items of each unit (size,); of those that are equally frequent, the lowest."""
    pairs, counts = np.unique(np.stack([units, labels]), axis=1, return_counts=True)
    order = np.lexsort((-pairs[1], counts))
    result = np.zeros(size, np.int64)
    result[pairs[0][order]] = pairs[1][order]  # the last assignment, of the highest count, is what stays
    return result


def _merge_singles(strata: Integers) -> Integers:
    """``strata`` (g,) numbered from 0, merged so that each has at least two groups, since one shows no variance."""
    number, sizes = np.unique(strata, return_inverse=True, return_counts=True)[1:]
    single = sizes[number] == 1
    if single.any():
        merged = len(sizes)
        number = np.where(single, merged, number)
        if np.count_nonzero(single) == 1 and len(sizes) > 1:
            others = np.where(sizes > 1, sizes, sizes.max() + 1)
            number[single] = int(others.argmin())
    renumbered: Integers = np.unique(number, return_inverse=True)[1]
    return renumbered
