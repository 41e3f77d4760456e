"""Seeded samples of rows that take classes and groups in turn, so that small samples stay representative."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset, Row


def seeded_key(seed: int, *parts: bytes) -> bytes:
    """A sort key (32 bytes) for a random but reproducible order: a hash of ``seed`` and ``parts``."""
    return hashlib.sha256(b"\0".join([str(seed).encode(), *parts])).digest()


def rows_by_group(rows: Sequence[Row], numbers: Iterable[int]) -> list[list[int]]:
    """Row ``numbers`` by the group of their rows; a row without one forms a group of its own."""
    groups: dict[str | int, list[int]] = defaultdict(list)
    for number in numbers:
        groups[rows[number].group or number].append(number)
    return list(groups.values())


def round_robin(lists: Iterable[Sequence[int]], limit: int) -> list[int]:
    """The first item of each list, then the second of each, and so on, up to ``limit`` items in total."""
    sources, result = list(lists), list[int]()
    for place in range(max(map(len, sources), default=0)):
        result += [source[place] for source in sources if len(source) > place]
        if len(result) >= limit:
            break
    return result[:limit]


def subset(dataset: Dataset, limit: int, *, seed: int) -> Dataset:
    """A random sample of at most ``limit`` images per class (and per part of a split), taking groups in turn.

    The dataset's notes state how many were taken. Raises :class:`~lookalike.errors.EvaluationError` where ``limit`` is
    below 2, so that a query would have nothing to find.
    """
    if limit < 2:  # noqa: PLR2004  a query and one relevant image
        raise EvaluationError(f"{limit} image per class leaves nothing to find. Use a limit of at least 2")
    shuffled = sorted(range(len(dataset.rows)), key=lambda n: seeded_key(seed, os.fsencode(dataset.rows[n].path)))
    parts: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number in shuffled:
        parts[dataset.rows[number].label, dataset.rows[number].split].append(number)
    sample = sorted(
        number for part in parts.values() for number in round_robin(rows_by_group(dataset.rows, part), limit)
    )
    if len(sample) == len(dataset.rows):
        return dataset
    note = f"{len(sample):,} of {len(dataset.rows):,} images, at most {limit} per class, a random sample (seed {seed})"
    return replace(dataset, rows=tuple(dataset.rows[number] for number in sample), notes=(*dataset.notes, note))
