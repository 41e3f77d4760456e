"""Exact copies, found by content, and near duplicates, found by the cosine of their embeddings."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import integer_codes

NEAR_THRESHOLD: Final = 0.97
"""Two images are near duplicates above this cosine of their :data:`NEAR_ENCODER` embeddings."""

NEAR_ENCODER: Final = "efficientnet-lite2"
"""The default encoder for near duplicates: fixed, so that results are comparable, and available on every machine."""

Kind = Literal["labels", "groups", "group"]
"""A pair of near duplicates: of different labels; of one label but different groups; of one label and one group."""

_BLOCK_ROWS: Final = 256
# Threads rank nearby queries at the same time, so a few blocks are enough.
_CACHED_BLOCKS: Final = 4


@dataclass(frozen=True, slots=True)
class NearDuplicatePair:
    """Two images of different content whose ``cosine`` is above the threshold."""

    first: Row
    second: Row
    cosine: float


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """All pairs of near duplicates: the number of each kind, and the closest of each kind.

    ``images`` is the number of images with a near duplicate, ``max_cosine`` the highest cosine of two images of
    different content, above the threshold or not; None where there are no two such images.
    """

    threshold: float
    max_cosine: float | None
    images: int
    counts: dict[Kind, int]
    closest: dict[Kind, tuple[NearDuplicatePair, ...]]

    @property
    def pairs(self) -> int:
        """The number of pairs of all kinds."""
        return sum(self.counts.values())


class NearDuplicateIndex:
    """The near duplicates of each row, computed a block of rows at a time, so that memory stays bounded."""

    def __init__(
        self, vectors: NDArray[np.float32], threshold: float = NEAR_THRESHOLD, *, block_rows: int = _BLOCK_ROWS
    ) -> None:
        """Take unit ``vectors`` float32 (n, d) of the encoder for which the cosine ``threshold`` is meant."""
        self._block_rows = block_rows
        self._vectors = vectors
        self._threshold = threshold
        self._blocks: OrderedDict[int, list[NDArray[np.intp]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, row: int) -> NDArray[np.intp]:
        """The numbers, ascending, of the other rows whose cosine with ``row`` is above the threshold."""
        number, place = divmod(row, self._block_rows)
        with self._lock:
            if number not in self._blocks:
                self._blocks[number] = self._block(number)
                while len(self._blocks) > _CACHED_BLOCKS:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(number)
            return self._blocks[number][place]

    def _block(self, number: int) -> list[NDArray[np.intp]]:
        start = number * self._block_rows
        near = self._vectors[start : start + self._block_rows] @ self._vectors.T > self._threshold
        near[np.arange(len(near)), start + np.arange(len(near))] = False
        return [np.flatnonzero(row) for row in near]


def exact_copies(embedded: EmbeddedDataset) -> tuple[tuple[Row, ...], ...]:
    """The rows that share their content with another, in sets of equal content; sets and rows in order of the rows."""
    by_content: defaultdict[bytes, list[Row]] = defaultdict(list)
    for row, digest in zip(embedded.rows, embedded.digests, strict=True):
        by_content[digest].append(row)
    return tuple(tuple(rows) for rows in by_content.values() if len(rows) > 1)


def find_near_duplicates(
    embedded: EmbeddedDataset, threshold: float = NEAR_THRESHOLD, *, keep: int = 100, block_rows: int = _BLOCK_ROWS
) -> NearDuplicates:
    """Find all pairs of rows of different content with a cosine above ``threshold``; list the ``keep`` closest.

    Compares every row with every other, ``block_rows`` rows at a time; memory grows with the number of rows, not with
    its square.
    """
    rows = embedded.rows
    labels, groups, contents = (
        integer_codes(values)
        for values in (
            [row.label for row in rows],
            [row.group or f"\0{n}" for n, row in enumerate(rows)],
            embedded.digests,
        )
    )
    counts: dict[Kind, int] = {"labels": 0, "groups": 0, "group": 0}
    closest = {kind: _Closest(keep) for kind in counts}
    has_duplicate = np.zeros(len(rows), bool)
    max_cosine = -np.inf
    for a, b, scores, block_max in _pair_blocks(embedded.vectors, contents, threshold, block_rows):
        max_cosine = max(max_cosine, block_max)
        has_duplicate[a] = has_duplicate[b] = True
        same_label, same_group = labels[a] == labels[b], groups[a] == groups[b]
        kinds: dict[Kind, NDArray[np.bool_]] = {
            "labels": ~same_label,
            "groups": same_label & ~same_group,
            "group": same_label & same_group,
        }
        for kind, which in kinds.items():
            counts[kind] += int(np.count_nonzero(which))
            closest[kind].add(a[which], b[which], scores[which])
    return NearDuplicates(
        threshold,
        None if max_cosine == -np.inf else float(min(max_cosine, 1.0)),
        int(np.count_nonzero(has_duplicate)),
        counts,
        {
            kind: tuple(NearDuplicatePair(rows[a], rows[b], score) for a, b, score in pairs.sorted())
            for kind, pairs in closest.items()
        },
    )


class _Closest:
    """The ``keep`` pairs of highest cosine among those added, ties in order of the rows."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._first = np.empty(0, np.intp)
        self._second = np.empty(0, np.intp)
        self._scores = np.empty(0, np.float32)

    def add(self, first: NDArray[np.intp], second: NDArray[np.intp], scores: NDArray[np.float32]) -> None:
        if not len(scores):
            return
        all_first, all_second = np.concatenate([self._first, first]), np.concatenate([self._second, second])
        all_scores = np.concatenate([self._scores, scores])
        best = np.lexsort((all_second, all_first, -all_scores))[: self._keep]
        self._first, self._second, self._scores = all_first[best], all_second[best], all_scores[best]

    def sorted(self) -> Iterator[tuple[int, int, float]]:
        return zip(self._first.tolist(), self._second.tolist(), self._scores.tolist(), strict=True)


def _pair_blocks(
    vectors: NDArray[np.float32], contents: NDArray[np.intp], threshold: float, block_rows: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], float]]:
    """Rows and cosines of the pairs above ``threshold``, lower row first, and the highest cosine, by block of rows.

    Each pair occurs once, pairs of equal content never. The highest cosine may be below the threshold.
    """
    for start in range(0, len(vectors), block_rows):
        # Pairs with earlier rows belong to earlier blocks.
        scores = vectors[start : start + block_rows] @ vectors[start:].T
        scores[np.tri(*scores.shape, dtype=np.bool_)] = -np.inf
        scores[contents[start : start + block_rows, np.newaxis] == contents[start:]] = -np.inf
        first, second = np.nonzero(scores > threshold)
        yield first + start, second + start, np.minimum(scores[first, second], 1), float(scores.max())
