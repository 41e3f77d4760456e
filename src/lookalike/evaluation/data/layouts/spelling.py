"""Spellings of names: composed and decomposed letters are the same letter, capitals are not."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from lookalike.evaluation.data.dataset import Dataset
from lookalike.text import printable


def composed(text: str) -> str:
    """``text`` in Unicode's form NFC, in which a letter and its accent are one character where that exists."""
    return unicodedata.normalize("NFC", text)


def with_one_spelling(dataset: Dataset) -> Dataset:
    """The dataset with labels, groups and visits in one spelling, and notes on labels that differ by spelling.

    Labels that are equal except for composed and decomposed letters become one class. Labels that differ in case only
    stay apart.
    """
    labels = {row.label for row in dataset.rows}
    rows = tuple(
        replace(
            row,
            label=composed(row.label),
            group=None if row.group is None else composed(row.group),
            visit=None if row.visit is None else composed(row.visit),
        )
        for row in dataset.rows
    )
    return replace(dataset, rows=rows, notes=(*dataset.notes, *_notes(labels)))


def existing_spelling(root: Path, path: str) -> str | None:
    """``path`` as it is spelled below ``root``, with ``/``; None if there is no such file in any spelling.

    A name is looked for as it is, and then with composed and decomposed letters taken as equal, as file systems and
    archives of Macs spell it.
    """
    if os.path.lexists(root / path):
        return path
    found = root
    parts: list[str] = []
    for part in path.split("/"):
        name = part if os.path.lexists(found / part) else _equal_name(found, part)
        if name is None:
            return None
        found, parts = found / name, [*parts, name]
    return "/".join(parts)


def _equal_name(folder: Path, name: str) -> str | None:
    try:
        names = os.listdir(folder)  # noqa: PTH208  names, not paths
    except OSError:
        return None
    return next((other for other in sorted(names) if composed(other) == composed(name)), None)


def _notes(labels: Iterable[str]) -> Iterator[str]:
    spellings, cases = defaultdict(set), defaultdict(set)
    for label in labels:
        spellings[composed(label)].add(label)
        cases[composed(label).casefold()].add(composed(label))
    for label, spelled in sorted(spellings.items()):
        if len(spelled) > 1:
            name = printable(label)
            yield f"the label {name} is spelled in {len(spelled)} Unicode forms, which are taken as one class"
    for _, spelled in sorted(cases.items()):
        if len(spelled) > 1:
            names = ", ".join(map(printable, sorted(spelled)))
            yield f"the labels {names} differ in case only; they are taken as different classes"
