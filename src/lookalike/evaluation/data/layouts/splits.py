"""Datasets whose folders are the parts of a split, such as ``train`` and ``test``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset, Row, Split
from lookalike.text import plural, printable


@dataclass(frozen=True, slots=True)
class SplitFolders:
    """The folders of a dataset that have the queries, and the images that are searched."""

    query: str
    gallery: str

    @property
    def parts(self) -> dict[str, Split]:
        """The folders by their names."""
        return {self.query: "query", self.gallery: "gallery"}

    def check(self, folder: Path) -> None:
        """Raise :class:`~lookalike.errors.DatasetError` unless both are different folders in ``folder``."""
        if self.query == self.gallery:
            raise DatasetError(f"{printable(self.query)}: queries and gallery can't be in one folder. Name two")
        missing = next((name for name in self.parts if not (folder / name).is_dir()), None)
        if missing is not None:
            there = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
            has = f" It has {', '.join(map(printable, there))}" if there else ""
            raise DatasetError(f"{printable(folder)}: no folder called {printable(missing)}.{has}")


def split_by_folder(dataset: Dataset, folder: Path, folders: SplitFolders) -> Dataset:
    """The rows whose files are in the folders of a split, marked as queries and gallery."""
    names = [Path(os.path.relpath(dataset.file(row), folder)).parts[0] for row in dataset.rows]
    missing = next((name for name in folders.parts if name not in names), None)
    if missing is not None:
        raise DatasetError(f"{printable(dataset.source)}: no row is in the folder {printable(missing)}")
    rows = [
        replace(row, split=folders.parts[name])
        for row, name in zip(dataset.rows, names, strict=True)
        if name in folders.parts
    ]
    others = Counter(name for name in names if name not in folders.parts)
    return replace(dataset, rows=tuple(rows), notes=(*dataset.notes, *_left_out(others)))


def _left_out(others: Counter[str]) -> Iterator[str]:
    if others:
        yield f"{plural(others.total(), 'row')} left out, in {', '.join(map(printable, sorted(others)))}"


def joined(folder: Path, parts: Mapping[str, Dataset], folders: SplitFolders) -> Dataset:
    """One dataset of the datasets in the folders of a split, with paths relative to ``folder``."""

    def moved(part: Dataset, path: str) -> str:
        return os.path.relpath(part.root / path, folder).replace(os.sep, "/")

    def rows_of(name: str, part: Dataset) -> Iterator[Row]:
        for row in part.rows:
            mask = None if row.mask is None else moved(part, row.mask)
            yield replace(row, path=moved(part, row.path), mask=mask, split=folders.parts[name])

    counts = [f"{plural(len(part.rows), 'image')} in {printable(name)}" for name, part in parts.items()]
    return replace(
        parts[folders.query],
        name=folder.name,
        root=folder,
        rows=tuple(row for name, part in parts.items() for row in rows_of(name, part)),
        source=folder,
        description=f"{printable(folder)}: {', '.join(counts)}",
        notes=tuple(f"{printable(name)}: {note}" for name, part in parts.items() for note in part.notes),
        skipped=tuple(replace(one, path=moved(part, one.path)) for part in parts.values() for one in part.skipped),
    )
