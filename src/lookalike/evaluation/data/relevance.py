"""Which gallery images are relevant to a query, which are wrong, and which are junk: neither, and never ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

MISSING: Final = -1
"""The code of a missing group, visit, content or label; a row with it forms a unit of its own."""

Junk = Literal["group", "visit", "none"]
"""The junk rule: images with the query's label are junk if they share its group (one scene) or its visit (one
inspection round); with "none" only the query itself and its exact copies are."""


def integer_codes(values: Sequence[str | None] | Sequence[bytes]) -> NDArray[np.int64]:
    """``values`` as integers, int64 (n,): equal for equal values, ``MISSING`` for "" and None.

    Codes count up from 0 in the order of first appearance.
    """
    known: dict[str | bytes, int] = {}
    return np.array([known.setdefault(value, len(known)) if value else MISSING for value in values], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class RowCodes:
    """The metadata of a dataset's rows as integer codes: four int64 arrays (n,).

    ``labels`` decide relevance, ``groups`` are the scenes, ``visits`` the inspection rounds, ``contents`` the files'
    contents (equal for exact copies). Missing values are ``MISSING``. Raises ``ValueError`` where lengths differ.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    visits: NDArray[np.int64]
    contents: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len({len(self.labels), len(self.groups), len(self.visits), len(self.contents)}) != 1:
            raise ValueError("labels, groups, visits and contents must have the same length")

    def __len__(self) -> int:
        return len(self.labels)


class Relevance:
    """The relevance of every gallery image to every query.

    ``queries`` (q,) and ``gallery`` (n,) are row numbers, by default all rows; gallery rows must be unique. Junk is
    removed before ranks are counted: the query's own row, exact copies of its content, the rows of its unit (``junk``)
    that have its label, and the gallery rows that ``extra_junk`` returns for a query's row. Of the rest, those with the
    query's label are relevant; all others are wrong, including images of the same unit with another label. Raises
    ``ValueError`` for an unknown ``junk`` rule, row numbers out of range and duplicate gallery rows.
    """

    def __init__(
        self,
        rows: RowCodes,
        *,
        junk: Junk = "group",
        queries: NDArray[np.intp] | None = None,
        gallery: NDArray[np.intp] | None = None,
        extra_junk: Callable[[int], NDArray[np.intp]] | None = None,
    ) -> None:
        if junk not in get_args(Junk):
            raise ValueError(f"junk must be {' or '.join(get_args(Junk))}, not {junk!r}")
        every = np.arange(len(rows), dtype=np.intp)
        self.rows: Final = rows
        self.junk: Final = junk
        self.queries: Final = every if queries is None else _row_numbers(queries, len(rows))
        self.gallery: Final = every if gallery is None else _row_numbers(gallery, len(rows))
        if len(np.unique(self.gallery)) != len(self.gallery):
            raise ValueError("gallery rows must be unique")
        self.gallery_labels: Final = rows.labels[self.gallery]
        self._extra_junk = extra_junk
        self._place = np.full(len(rows), -1, np.intp)
        self._place[self.gallery] = np.arange(len(self.gallery))
        self._copies = Members(rows.contents[self.gallery])
        units = {"group": rows.groups, "visit": rows.visits, "none": np.full(len(rows), MISSING, np.int64)}[junk]
        self._unit_of = units
        self._unit = Members(units[self.gallery])

    def __len__(self) -> int:
        """The number of queries."""
        return len(self.queries)

    def excluded(self, query: int) -> NDArray[np.intp]:
        """Gallery positions, ascending, of the images removed for the query at position ``query``."""
        row = int(self.queries[query])
        own = self._place[row : row + 1]
        unit = self._unit.of(int(self._unit_of[row]))
        parts = [
            own[own >= 0],
            self._copies.of(int(self.rows.contents[row])),
            unit[self.gallery_labels[unit] == self.rows.labels[row]],
        ]
        if self._extra_junk is not None:
            extra = self._place[self._extra_junk(row)]
            parts.append(extra[extra >= 0])
        removed: NDArray[np.intp] = np.unique(np.concatenate(parts))
        return removed

    def relevant(self, query: int, positions: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
        """Which gallery images have the label of the query at position ``query``: bool (n,), junk included.

        Of those at ``positions`` (p,), if given.
        """
        label = int(self.rows.labels[self.queries[query]])
        labels = self.gallery_labels if positions is None else self.gallery_labels[positions]
        same: NDArray[np.bool_] = labels == (label if label != MISSING else MISSING - 1)
        return same

    def label_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The labels of the gallery images at ``positions`` (any shape); ``MISSING`` for a negative position."""
        found = positions >= 0
        labels = np.full(positions.shape, MISSING, np.int64)
        labels[found] = self.gallery_labels[positions[found]]
        return labels

    @cached_property
    def R(self) -> NDArray[np.int64]:  # noqa: N802 - the standard symbol
        """The number of relevant gallery images of each query after removal of junk: int64 (q,)."""
        return self._counts[0]

    @cached_property
    def size(self) -> NDArray[np.int64]:
        """The number of gallery images of each query after removal of junk: int64 (q,)."""
        return self._counts[1]

    @cached_property
    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels, counts = np.unique(self.gallery_labels, return_counts=True)
        by_label = dict(zip(labels.tolist(), counts.tolist(), strict=True)) | {MISSING: 0}
        query_labels = self.rows.labels[self.queries].tolist()
        relevant = np.array([by_label.get(label, 0) for label in query_labels], np.int64)
        size = np.full(len(self), len(self.gallery), np.int64)
        for query, label in enumerate(query_labels):
            removed = self.excluded(query)
            size[query] -= len(removed)
            if label != MISSING:
                relevant[query] -= np.count_nonzero(self.gallery_labels[removed] == label)
        return relevant, size


class Members:
    """The positions of each code."""

    def __init__(self, units: NDArray[np.int64]) -> None:
        """Take the codes ``units`` (n,); ``MISSING`` stands for none."""
        self._order = np.argsort(units, kind="stable")
        names, starts, numbers = np.unique(units[self._order], return_index=True, return_counts=True)
        self._spans = {
            int(name): (int(start), int(start + number))
            for name, start, number in zip(names, starts, numbers, strict=True)
            if name != MISSING
        }

    def of(self, unit: int) -> NDArray[np.intp]:
        """Positions, ascending, of the code ``unit``; none for ``MISSING``."""
        start, stop = self._spans.get(unit, (0, 0))
        members: NDArray[np.intp] = self._order[start:stop]
        return members


def _row_numbers(numbers: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """``numbers`` as an array of valid row indices."""
    indices = np.asarray(numbers, np.intp)
    if len(indices) and not 0 <= indices.min() <= indices.max() < rows:
        raise ValueError(f"row numbers must be 0 to {rows - 1}")
    return indices
