"""Pictures that show nearly the same: exact copies by content, near ones by the cosine of their embeddings."""

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
from lookalike.evaluation.data.relevance import codes

NEAR: Final = 0.97
"""Above this cosine, by :data:`NEAR_ENCODER`, two pictures are near copies of one another."""

NEAR_ENCODER: Final = "efficientnet-lite2"
"""The encoder that near copies are told by unless another is asked for: fixed, and on every machine."""

Kind = Literal["labels", "groups", "group"]
"""How the labels and groups of two near copies go together: different labels; one label, but no common group; one
label and one group."""

_BLOCK: Final = 256
# Blocks of neighbours held at a time: threads that rank neighbouring queries ask for neighbouring blocks.
_HELD: Final = 4


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures of different content whose embeddings' ``cosine`` is above the threshold."""

    first: Row
    second: Row
    cosine: float


@dataclass(frozen=True, slots=True)
class NearPairs:
    """All pairs of near copies: how many of each kind, and the closest of them.

    ``pictures`` is how many pictures have a near copy, ``greatest`` the greatest cosine of two pictures of different
    content, whether above the threshold or not; None where there are no two.
    """

    threshold: float
    greatest: float | None
    pictures: int
    counts: dict[Kind, int]
    closest: dict[Kind, tuple[NearPair, ...]]

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return sum(self.counts.values())


class Neighbours:
    """Which rows are near copies of which, computed a block of rows at a time, so that memory stays bounded."""

    def __init__(self, vectors: NDArray[np.float32], threshold: float = NEAR) -> None:
        """Take ``vectors`` float32 (n, d), of length 1, by the encoder that ``threshold`` (a cosine) is meant for."""
        self._vectors = vectors
        self._threshold = threshold
        self._held: OrderedDict[int, list[NDArray[np.intp]]] = OrderedDict()
        self._turn = threading.Lock()

    def of(self, row: int) -> NDArray[np.intp]:
        """Numbers, rising, of the other rows whose cosine with ``row`` is above the threshold."""
        number, place = divmod(row, _BLOCK)
        with self._turn:
            if number not in self._held:
                self._held[number] = self._block(number)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(number)
            return self._held[number][place]

    def _block(self, number: int) -> list[NDArray[np.intp]]:
        start = number * _BLOCK
        near = self._vectors[start : start + _BLOCK] @ self._vectors.T > self._threshold
        near[np.arange(len(near)), start + np.arange(len(near))] = False
        return [np.flatnonzero(row) for row in near]


def exact_copies(embedded: EmbeddedDataset) -> tuple[tuple[Row, ...], ...]:
    """The rows that share their content with another, in sets of equal content; sets and rows in the rows' order."""
    by_content: defaultdict[bytes, list[Row]] = defaultdict(list)
    for row, digest in zip(embedded.rows, embedded.digests, strict=True):
        by_content[digest].append(row)
    return tuple(tuple(rows) for rows in by_content.values() if len(rows) > 1)


def near_pairs(embedded: EmbeddedDataset, threshold: float = NEAR, *, keep: int = 100) -> NearPairs:
    """All pairs of rows of different content whose cosine is above ``threshold``, the ``keep`` closest of each kind.

    Compares all with all a block at a time; memory grows with the number of rows, not with its square.
    """
    rows = embedded.rows
    labels, groups, contents = (
        codes(values)
        for values in (
            [row.label for row in rows],
            [row.group or f"\0{n}" for n, row in enumerate(rows)],
            embedded.digests,
        )
    )
    counts: dict[Kind, int] = {"labels": 0, "groups": 0, "group": 0}
    closest = {kind: _Closest(keep) for kind in counts}
    touched = np.zeros(len(rows), bool)
    greatest = -np.inf
    for a, b, scores, most in _blocks(embedded.vectors, contents, threshold):
        greatest = max(greatest, most)
        touched[a] = touched[b] = True
        same_label, same_group = labels[a] == labels[b], groups[a] == groups[b]
        kinds: dict[Kind, NDArray[np.bool_]] = {
            "labels": ~same_label,
            "groups": same_label & ~same_group,
            "group": same_label & same_group,
        }
        for kind, which in kinds.items():
            counts[kind] += int(np.count_nonzero(which))
            closest[kind].add(a[which], b[which], scores[which])
    return NearPairs(
        threshold,
        None if greatest == -np.inf else float(min(greatest, 1.0)),
        int(np.count_nonzero(touched)),
        counts,
        {
            kind: tuple(NearPair(rows[a], rows[b], score) for a, b, score in best.pairs())
            for kind, best in closest.items()
        },
    )


class _Closest:
    """The pairs of greatest cosine among those added; equal ones in the rows' order."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._first = np.empty(0, np.intp)
        self._second = np.empty(0, np.intp)
        self._scores = np.empty(0, np.float32)

    def add(self, first: NDArray[np.intp], second: NDArray[np.intp], scores: NDArray[np.float32]) -> None:
        if not len(scores):
            return
        firsts, seconds = np.concatenate([self._first, first]), np.concatenate([self._second, second])
        every = np.concatenate([self._scores, scores])
        best = np.lexsort((seconds, firsts, -every))[: self._keep]
        self._first, self._second, self._scores = firsts[best], seconds[best], every[best]

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        return zip(self._first.tolist(), self._second.tolist(), self._scores.tolist(), strict=True)


def _blocks(
    vectors: NDArray[np.float32], contents: NDArray[np.intp], threshold: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32], float]]:
    """Rows and cosines of the pairs above ``threshold``, lower row first, a block of rows at a time.

    Each pair comes once, pairs of equal content never; the last is the block's greatest cosine, whatever the threshold.
    """
    for start in range(0, len(vectors), _BLOCK):
        # Rows before this block have met it already.
        scores = vectors[start : start + _BLOCK] @ vectors[start:].T
        scores[np.tri(*scores.shape, dtype=np.bool_)] = -np.inf
        scores[contents[start : start + _BLOCK, np.newaxis] == contents[start:]] = -np.inf
        first, second = np.nonzero(scores > threshold)
        yield first + start, second + start, np.minimum(scores[first, second], 1), float(scores.max())
