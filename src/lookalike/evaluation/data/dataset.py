"""A dataset: labelled images with the metadata of each."""

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
    """One labelled image.

    ``path`` is relative to the dataset's root, with ``/`` as the separator, or absolute. ``label`` is empty where the
    class is unknown, which only the similarity matrix allows. ``group`` names the scene, ``visit`` the inspection
    round; a row without one forms a group or visit of its own. ``split`` is set in datasets that divide their rows into
    queries and gallery. ``mask`` is the path of an image that is white where the subject is, relative like ``path``.
    """

    path: str
    label: str
    group: str | None = None
    visit: str | None = None
    split: Split | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A list of labelled images, none of which has been opened yet.

    ``rows`` are in the order of the CSV, or sorted by the bytes of their paths. ``source`` is the file or folder they
    were read from, ``description`` one sentence on how it was read. ``notes`` state what is excluded from metrics and
    why (a class with one image, images without a row), ``skipped`` are files that can't be listed (broken links).
    ``gallery`` is the gallery that contains the images, whose embeddings can be reused. If ``requires_all`` is set, an
    image that can't be used is an error; otherwise it is skipped, and counted.
    """

    name: str
    root: Path
    rows: tuple[Row, ...]
    layout: Layout
    source: Path
    description: str
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    gallery: Path | None = None
    requires_all: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names, sorted."""
        return tuple(sorted({row.label for row in self.rows}))

    @property
    def has_split(self) -> bool:
        """Whether rows are divided into queries and gallery; if not, each image is a query against all others."""
        return any(row.split for row in self.rows)

    @property
    def has_groups(self) -> bool:
        """Whether any row names its scene."""
        return any(row.group for row in self.rows)

    @property
    def has_visits(self) -> bool:
        """Whether any row names its inspection round."""
        return any(row.visit for row in self.rows)

    @property
    def has_masks(self) -> bool:
        """Whether any row has a mask of its subject."""
        return any(row.mask for row in self.rows)

    def counts(self) -> dict[str, int]:
        """The number of rows of each class, sorted by class."""
        return dict(sorted(Counter(row.label for row in self.rows).items()))

    def file(self, row: Row) -> Path:
        """The path of the image of ``row``."""
        return self.root / row.path

    def mask(self, row: Row) -> Path | None:
        """The path of the mask of ``row``; None where it has none."""
        return None if row.mask is None else self.root / row.mask


def split_rows(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """The row numbers of the queries and of the gallery; both are all rows where there is no split."""
    if not any(row.split for row in rows):
        every = list(range(len(rows)))
        return every, every
    return (
        [number for number, row in enumerate(rows) if row.split == "query"],
        [number for number, row in enumerate(rows) if row.split == "gallery"],
    )
