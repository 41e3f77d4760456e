"""Inspect a dataset: counts, sizes, orientations, groups, duplicates, and a contact sheet of each class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lookalike.errors import ImageError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.ranking.near_duplicates import (
    NEAR_THRESHOLD,
    NearDuplicates,
    exact_copies,
    find_near_duplicates,
)
from lookalike.images.decode import Extent, image_extent

Orientation = Literal["landscape", "portrait", "square"]
Unit = Literal["group", "visit"]

ORIENTATIONS: Final[tuple[Orientation, ...]] = ("landscape", "portrait", "square")

_IMAGES: Final = 12
"""The default number of images of each class on the contact sheet."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Upright sizes (width, height) in pixels; ``median`` is the size of the median image by number of pixels."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, slots=True)
class UnitSummary:
    """Counts of the groups or visits of a set of images.

    ``count`` is the number of groups, ``largest`` the number of images in the largest, ``mixed`` the number of groups
    with images of several classes, ``without`` the number of images that have none.
    """

    count: int
    largest: int
    mixed: int
    without: int


@dataclass(frozen=True, slots=True)
class PartSummary:
    """Counts for one class, or for the whole dataset.

    ``images`` is the number of usable images, ``queries`` and ``gallery`` how many of them are in each part of the
    split, ``skipped`` the number of unusable rows. ``sizes`` is None and ``orientations`` are all 0 where no image can
    be measured any more; ``turned`` is the number of images that EXIF rotates or mirrors. ``units`` has ``group`` and
    ``visit`` where the dataset has them. ``without_relevant`` is the number of queries with R = 0, by junk rule.
    """

    images: int
    queries: int
    gallery: int
    skipped: int
    sizes: Sizes | None
    orientations: Mapping[Orientation, int]
    turned: int
    units: Mapping[Unit, UnitSummary]
    without_relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetInspection:
    """The result of :func:`inspect_dataset`.

    ``classes`` are sorted by name. ``sizes`` are the upright sizes (width, height) of the embedded rows, in order, None
    for an image that can't be measured any more. ``copies`` are sets of rows of equal content, ``near`` the pairs of
    near duplicates by the encoder of ``embedded``. ``contact_sheet`` has a random sample of the images of each class.
    """

    embedded: EmbeddedDataset
    overall: PartSummary
    classes: Mapping[str, PartSummary]
    sizes: tuple[tuple[int, int] | None, ...]
    copies: tuple[tuple[Row, ...], ...]
    near: NearDuplicates
    contact_sheet: Mapping[str, tuple[Row, ...]]
    seed: int

    @property
    def dataset(self) -> Dataset:
        """The dataset inspected."""
        return self.embedded.dataset


def inspect_dataset(
    embedded: EmbeddedDataset, *, near: float = NEAR_THRESHOLD, images: int = _IMAGES, seed: int = 0
) -> DatasetInspection:
    """Measure every image of a dataset and compare all pairs.

    ``near`` is the cosine, by the encoder of ``embedded``, above which two images are near duplicates. ``images`` is
    the number of images of each class on the contact sheet: those of lowest SHA-256(seed, path), in order of the rows.
    """
    metadata = _RowMetadata(embedded)
    numbers = range(len(embedded.rows))
    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for number in numbers:
        by_class[embedded.rows[number].label].append(number)
    labels = embedded.dataset.labels  # includes classes without a usable image
    return DatasetInspection(
        embedded=embedded,
        overall=metadata.summary(numbers, [row.path for row in embedded.dataset.rows]),
        classes={
            label: metadata.summary(by_class[label], [row.path for row in embedded.dataset.rows if row.label == label])
            for label in labels
        },
        sizes=tuple(None if extent is None else extent.size for extent in metadata.extents),
        copies=exact_copies(embedded),
        near=find_near_duplicates(embedded, near),
        contact_sheet={
            label: draw_sample([embedded.rows[n] for n in by_class[label]], images, seed) for label in labels
        },
        seed=seed,
    )


def draw_sample(rows: Sequence[Row], count: int, seed: int) -> tuple[Row, ...]:
    """A reproducible random sample of ``count`` of ``rows``: those of lowest SHA-256(seed, path)."""

    def key(row: Row) -> bytes:
        return hashlib.sha256(f"lookalike contact sheet, seed {seed}: ".encode() + os.fsencode(row.path)).digest()

    lowest = set(sorted(map(key, rows))[:count])
    return tuple(row for row in rows if key(row) in lowest)


class _RowMetadata:
    """Metadata of each usable row of a dataset, for counting."""

    def __init__(self, embedded: EmbeddedDataset) -> None:
        self.rows = embedded.rows
        dataset = embedded.dataset
        self.extents = [_extent(dataset, row) for row in self.rows]
        self.unusable = {skipped.path for skipped in embedded.skipped}
        queries, gallery = embedded.split_rows()
        self.queries, self.gallery = set(queries.tolist()), set(gallery.tolist())
        self.units: dict[Unit, list[str | None]] = {}
        if dataset.has_groups:
            self.units["group"] = [row.group for row in self.rows]
        if dataset.has_visits:
            self.units["visit"] = [row.visit for row in self.rows]
        self.without_relevant: dict[str, set[int]] = {}
        rows = embedded.row_codes()
        rules: tuple[Literal["none"] | Unit, ...] = ("none", *self.units)
        for junk in rules:
            relevance = Relevance(rows, junk=junk, queries=queries, gallery=gallery)
            self.without_relevant[junk] = set(queries[relevance.R == 0].tolist())

    def summary(self, numbers: Sequence[int], paths: Iterable[str]) -> PartSummary:
        """Counts for the rows ``numbers``; ``paths`` are those of all rows of the part, including unusable ones."""
        extents = [extent for number in numbers if (extent := self.extents[number]) is not None]
        orientations = Counter(_orientation(extent.size) for extent in extents)
        return PartSummary(
            images=len(numbers),
            queries=sum(number in self.queries for number in numbers),
            gallery=sum(number in self.gallery for number in numbers),
            skipped=sum(path in self.unusable for path in paths),
            sizes=_sizes([extent.size for extent in extents]),
            orientations={name: orientations[name] for name in ORIENTATIONS},
            turned=sum(extent.turned for extent in extents),
            units={
                name: _units([(units[number], self.rows[number].label) for number in numbers])
                for name, units in self.units.items()
            },
            without_relevant={
                junk: sum(number in queries for number in numbers) for junk, queries in self.without_relevant.items()
            },
        )


def _extent(dataset: Dataset, row: Row) -> Extent | None:
    try:
        return image_extent(dataset.file(row))
    except ImageError:  # deleted or changed since it was embedded
        return None


def _sizes(sizes: list[tuple[int, int]]) -> Sizes | None:
    if not sizes:
        return None
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return Sizes(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])


def _orientation(size: tuple[int, int]) -> Orientation:
    width, height = size
    return "square" if width == height else "landscape" if width > height else "portrait"


def _units(images: list[tuple[str | None, str]]) -> UnitSummary:
    counts: Counter[str] = Counter()
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for unit, label in images:
        if unit:
            counts[unit] += 1
            labels[unit].add(label)
    return UnitSummary(
        count=len(counts),
        largest=max(counts.values(), default=0),
        mixed=sum(len(of_unit) > 1 for of_unit in labels.values()),
        without=sum(not unit for unit, _ in images),
    )
