"""Which gallery pictures are right for a query, which are wrong, and which are junk: neither, and never ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

ALONE: Final = -1
"""The code of a missing group, visit, content or label: whatever has it is alone in its own unit."""

Junk = Literal["group", "visit", "none"]
"""Whose pictures with the query's label are junk: its group's (one scene), its visit's (one inspection round), or
nobody's but the query's own and its exact copies."""


def codes(values: Sequence[str | None] | Sequence[bytes]) -> NDArray[np.int64]:
    """Numbers in the place of ``values``: int64 (n,), equal where they are; ``ALONE`` for "" and None.

    They count up from 0 in the order in which the values first appear.
    """
    known: dict[str | bytes, int] = {}
    return np.array([known.setdefault(value, len(known)) if value else ALONE for value in values], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is known of a dataset's rows, as codes: four int64 arrays (n,).

    ``labels`` are what is looked for, ``groups`` the scenes, ``visits`` the inspection rounds, ``contents`` the
    files' contents (equal for exact copies). ``ALONE`` stands for what is missing.
    Raises ``ValueError`` where they differ in length.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    visits: NDArray[np.int64]
    contents: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len({len(self.labels), len(self.groups), len(self.visits), len(self.contents)}) != 1:
            raise ValueError("labels, groups, visits and contents tell of different numbers of rows")

    def __len__(self) -> int:
        return len(self.labels)


class Relevance:
    """Judges every gallery picture for every query.

    ``queries`` (q,) and ``gallery`` (n,) are numbers of rows, by default all; each gallery row stands there once.
    Junk is removed before ranks are counted: the query's own row, exact copies of its content, the rows of its unit
    (``junk``) that have its label, and the gallery rows that ``also_junk`` names for a query's row. Of the rest, those
    with the query's label are relevant; all others are wrong, the same unit's pictures of another label among them.
    Raises ``ValueError`` for an unknown ``junk`` and for row numbers that don't exist or stand twice in the gallery.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        junk: Junk = "group",
        queries: NDArray[np.intp] | None = None,
        gallery: NDArray[np.intp] | None = None,
        also_junk: Callable[[int], NDArray[np.intp]] | None = None,
    ) -> None:
        if junk not in get_args(Junk):
            raise ValueError(f"junk is {' or '.join(get_args(Junk))}, not {junk!r}")
        every = np.arange(len(rows), dtype=np.intp)
        self.rows: Final = rows
        self.junk: Final = junk
        self.queries: Final = every if queries is None else _row_numbers(queries, len(rows))
        self.gallery: Final = every if gallery is None else _row_numbers(gallery, len(rows))
        if len(np.unique(self.gallery)) != len(self.gallery):
            raise ValueError("a row stands in the gallery twice")
        self.gallery_labels: Final = rows.labels[self.gallery]
        self._also_junk = also_junk
        self._place = np.full(len(rows), -1, np.intp)
        self._place[self.gallery] = np.arange(len(self.gallery))
        self._copies = _Members(rows.contents[self.gallery])
        units = {"group": rows.groups, "visit": rows.visits, "none": np.full(len(rows), ALONE, np.int64)}[junk]
        self._unit_of = units
        self._unit = _Members(units[self.gallery])

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.queries)

    def excluded(self, query: int) -> NDArray[np.intp]:
        """Places in the gallery, rising, of what is removed for the query at place ``query``."""
        row = int(self.queries[query])
        own = self._place[row : row + 1]
        unit = self._unit.of(int(self._unit_of[row]))
        parts = [
            own[own >= 0],
            self._copies.of(int(self.rows.contents[row])),
            unit[self.gallery_labels[unit] == self.rows.labels[row]],
        ]
        if self._also_junk is not None:
            also = self._place[self._also_junk(row)]
            parts.append(also[also >= 0])
        removed: NDArray[np.intp] = np.unique(np.concatenate(parts))
        return removed

    def relevant(self, query: int) -> NDArray[np.bool_]:
        """Which gallery pictures have the label of the query at place ``query``: bool (n,), junk not taken off."""
        label = int(self.rows.labels[self.queries[query]])
        same: NDArray[np.bool_] = self.gallery_labels == (label if label != ALONE else ALONE - 1)
        return same

    @cached_property
    def R(self) -> NDArray[np.int64]:  # noqa: N802 - the field's own name for it
        """How many relevant gallery pictures each query has after removal: int64 (q,)."""
        return self._counts[0]

    @cached_property
    def size(self) -> NDArray[np.int64]:
        """How many gallery pictures each query has after removal: int64 (q,)."""
        return self._counts[1]

    @cached_property
    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels, number = np.unique(self.gallery_labels, return_counts=True)
        having = dict(zip(labels.tolist(), number.tolist(), strict=True)) | {ALONE: 0}
        wanted = self.rows.labels[self.queries].tolist()
        relevant = np.array([having.get(label, 0) for label in wanted], np.int64)
        size = np.full(len(self), len(self.gallery), np.int64)
        for query, label in enumerate(wanted):
            removed = self.excluded(query)
            size[query] -= len(removed)
            if label != ALONE:
                relevant[query] -= np.count_nonzero(self.gallery_labels[removed] == label)
        return relevant, size


class _Members:
    """The places of each code, found without going through all of them."""

    def __init__(self, units: NDArray[np.int64]) -> None:
        self._order = np.argsort(units, kind="stable")
        names, starts, numbers = np.unique(units[self._order], return_index=True, return_counts=True)
        self._spans = {
            int(name): (int(start), int(start + number))
            for name, start, number in zip(names, starts, numbers, strict=True)
            if name != ALONE
        }

    def of(self, unit: int) -> NDArray[np.intp]:
        """Places, rising, of those that have the code ``unit``; none for ``ALONE``."""
        start, stop = self._spans.get(unit, (0, 0))
        members: NDArray[np.intp] = self._order[start:stop]
        return members


def _row_numbers(numbers: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """``numbers`` as an array of indices, each of which exists."""
    checked = np.asarray(numbers, np.intp)
    if len(checked) and not 0 <= checked.min() <= checked.max() < rows:
        raise ValueError(f"row numbers go from 0 to {rows - 1}")
    return checked
