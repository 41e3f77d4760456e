"""Choose some of many rows: seeded, classes and groups in turn, so that few of them still stand for all."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset, Row


def drawn(seed: int, *what: bytes) -> bytes:
    """A seeded hash of ``what`` (32 bytes): to sort by, for an order that is random and the same every time."""
    return hashlib.sha256(b"\0".join([str(seed).encode(), *what])).digest()


def by_group(rows: Sequence[Row], numbers: Iterable[int]) -> list[list[int]]:
    """The ``numbers`` by the groups of their rows, a row without one being a group of its own."""
    groups: dict[str | int, list[int]] = defaultdict(list)
    for number in numbers:
        groups[rows[number].group or number].append(number)
    return list(groups.values())


def in_turn(lists: Iterable[Sequence[int]], most: int) -> list[int]:
    """The first of each list, then the second of each, and so on, up to ``most`` in all."""
    remaining, taken = list(lists), list[int]()
    for place in range(max(map(len, remaining), default=0)):
        taken += [one[place] for one in remaining if len(one) > place]
        if len(taken) >= most:
            break
    return taken[:most]


def subset(dataset: Dataset, most: int, *, seed: int) -> Dataset:
    """At most ``most`` pictures of each class (and of each side of a split), drawn by ``seed``, groups in turn.

    What was left out is said in the dataset's notes. Raises :class:`~lookalike.errors.EvaluationError` below 2, where
    nothing could be found.
    """
    if most < 2:  # noqa: PLR2004  a query and something to find
        raise EvaluationError(f"at most {most} of each class leaves nothing to find; take at least 2")
    shuffled = sorted(range(len(dataset.rows)), key=lambda n: drawn(seed, os.fsencode(dataset.rows[n].path)))
    parts: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number in shuffled:
        parts[dataset.rows[number].label, dataset.rows[number].split].append(number)
    kept = sorted(number for part in parts.values() for number in in_turn(by_group(dataset.rows, part), most))
    if len(kept) == len(dataset.rows):
        return dataset
    note = f"{len(kept):,} of {len(dataset.rows):,} pictures, at most {most} of each class, drawn by the seed {seed}"
    return replace(dataset, rows=tuple(dataset.rows[number] for number in kept), notes=(*dataset.notes, note))
