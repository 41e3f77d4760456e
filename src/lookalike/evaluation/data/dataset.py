"""A dataset: labelled photographs, and what is known of each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lookalike.images.files import Skipped

Split = Literal["query", "gallery"]
Layout = Literal["class folders", "flat names", "CSV", "unlabelled"]


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled photograph.

    ``path`` is relative to the dataset's root, with ``/`` between its parts, or absolute. ``label`` is empty where the
    class is unknown, which no experiment but the similarity matrix allows. ``group`` is one scene,
    ``visit`` one inspection round; a row without one is alone in its own. ``split`` says which side of a fixed split
    it is on. ``mask`` is the path of a picture that is white where the subject is, relative like ``path``.
    """

    path: str
    label: str
    group: str | None = None
    visit: str | None = None
    split: Split | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled photographs, read but not yet opened.

    ``rows`` are in the order of the CSV, or of the paths' bytes. ``source`` is the file or folder that they were read
    from, ``understood`` says in a sentence how. ``notes`` state what is left out of figures and why (a class with one
    picture, pictures that no row names), ``skipped`` are files that can't even be listed (a link that leads nowhere).
    ``gallery`` is the gallery that the photographs lie in, whose embeddings can be used again.
    """

    name: str
    root: Path
    rows: tuple[Row, ...]
    layout: Layout
    source: Path
    understood: str
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    gallery: Path | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names, sorted."""
        return tuple(sorted({row.label for row in self.rows}))

    @property
    def has_split(self) -> bool:
        """Whether every row says which side of a split it is on; if not, each picture queries all others."""
        return any(row.split for row in self.rows)

    @property
    def has_groups(self) -> bool:
        """Whether any row names the scene that it shows."""
        return any(row.group for row in self.rows)

    @property
    def has_visits(self) -> bool:
        """Whether any row names the inspection round that it was taken on."""
        return any(row.visit for row in self.rows)

    @property
    def has_masks(self) -> bool:
        """Whether any row has a mask of its subject."""
        return any(row.mask for row in self.rows)

    def counts(self) -> dict[str, int]:
        """The number of rows of each class, classes sorted."""
        return dict(sorted(Counter(row.label for row in self.rows).items()))

    def file(self, row: Row) -> Path:
        """Where the photograph of ``row`` is."""
        return self.root / row.path

    def mask(self, row: Row) -> Path | None:
        """Where the mask of ``row`` is; None where it has none."""
        return None if row.mask is None else self.root / row.mask


def sides(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Numbers of the rows that query and of those that are searched: all, twice over, where there is no split."""
    if not any(row.split for row in rows):
        everything = list(range(len(rows)))
        return everything, everything
    return (
        [number for number, row in enumerate(rows) if row.split == "query"],
        [number for number, row in enumerate(rows) if row.split == "gallery"],
    )
