"""What a dataset looks like: counts, sizes, orientation, groups, copies, and pictures to show of each class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from lookalike.errors import PictureError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Relevance
from lookalike.evaluation.ranking.near_copies import NEAR, NearPairs, exact_copies, near_pairs
from lookalike.images.decode import Extent, picture_extent

Orientation = Literal["landscape", "portrait", "square"]
Unit = Literal["group", "visit"]

ORIENTATIONS: Final[tuple[Orientation, ...]] = ("landscape", "portrait", "square")

_SHEET: Final = 12
"""Pictures of a class on the contact sheet, unless asked for otherwise."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Upright sizes (width, height) in pixels; ``median`` is that of the middle picture by number of pixels."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Units:
    """The groups, or the visits, of a set of pictures.

    ``several`` is how many different ones there are, ``largest`` how many pictures the largest has, ``mixed`` how many
    hold pictures of several classes, ``without`` how many pictures have none.
    """

    several: int
    largest: int
    mixed: int
    without: int


@dataclass(frozen=True, slots=True)
class Part:
    """What there is of one class, or of the whole dataset.

    ``pictures`` are those that can be used; ``queries`` and ``gallery`` how many of them query and are searched;
    ``skipped`` how many rows can't be used. ``sizes`` is None and ``orientations`` all 0 where no picture can be
    measured any more; ``turned`` counts those that EXIF asks to be turned or mirrored. ``units`` has ``group`` and
    ``visit`` where the dataset has them. ``answerless`` is the number of queries with nothing to find (R = 0), by junk
    rule.
    """

    pictures: int
    queries: int
    gallery: int
    skipped: int
    sizes: Sizes | None
    orientations: Mapping[Orientation, int]
    turned: int
    units: Mapping[Unit, Units]
    answerless: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class DatasetDisplay:
    """What a dataset looks like; :func:`display_dataset` makes one.

    ``classes`` are sorted by name. ``sizes`` are the upright sizes (width, height) of the embedded rows, in their
    order, None for a picture that can't be measured any more. ``copies`` are sets of rows of equal content, ``near``
    the pairs of near copies by the encoder of ``embedded``. ``sheet`` has the pictures drawn for each class's contact
    sheet.
    """

    embedded: EmbeddedDataset
    whole: Part
    classes: Mapping[str, Part]
    sizes: tuple[tuple[int, int] | None, ...]
    copies: tuple[tuple[Row, ...], ...]
    near: NearPairs
    sheet: Mapping[str, tuple[Row, ...]]
    seed: int

    @property
    def dataset(self) -> Dataset:
        """The dataset that is shown."""
        return self.embedded.dataset


def display_dataset(
    embedded: EmbeddedDataset, *, near: float = NEAR, pictures: int = _SHEET, seed: int = 0
) -> DatasetDisplay:
    """Measure every picture of a dataset and compare all with all.

    ``near`` is the cosine, by the encoder that embedded it, above which two pictures are near copies. ``pictures`` of
    each class are drawn for the contact sheet: those of least SHA-256(seed, path), in the rows' order.
    """
    facts = _Facts(embedded)
    whole = range(len(embedded.rows))
    by_class: defaultdict[str, list[int]] = defaultdict(list)
    for number in whole:
        by_class[embedded.rows[number].label].append(number)
    labels = embedded.dataset.labels  # also those of which no picture can be used
    return DatasetDisplay(
        embedded=embedded,
        whole=facts.part(whole, [row.path for row in embedded.dataset.rows]),
        classes={
            label: facts.part(by_class[label], [row.path for row in embedded.dataset.rows if row.label == label])
            for label in labels
        },
        sizes=tuple(None if extent is None else extent.size for extent in facts.extents),
        copies=exact_copies(embedded),
        near=near_pairs(embedded, near),
        sheet={label: drawn([embedded.rows[n] for n in by_class[label]], pictures, seed) for label in labels},
        seed=seed,
    )


def drawn(rows: Sequence[Row], count: int, seed: int) -> tuple[Row, ...]:
    """``count`` of ``rows``, drawn at random but the same every time: those of least SHA-256(seed, path)."""

    def lot(row: Row) -> bytes:
        return hashlib.sha256(f"lookalike contact sheet, seed {seed}: ".encode() + os.fsencode(row.path)).digest()

    least = set(sorted(map(lot, rows))[:count])
    return tuple(row for row in rows if lot(row) in least)


class _Facts:
    """What is known of each usable row of a dataset."""

    def __init__(self, embedded: EmbeddedDataset) -> None:
        self.rows = embedded.rows
        dataset = embedded.dataset
        self.extents = [_extent(dataset, row) for row in self.rows]
        self.unusable = {skipped.path for skipped in embedded.skipped}
        queries, gallery = embedded.sides()
        self.queries, self.gallery = set(queries.tolist()), set(gallery.tolist())
        self.units: dict[Unit, list[str | None]] = {}
        if dataset.has_groups:
            self.units["group"] = [row.group for row in self.rows]
        if dataset.has_visits:
            self.units["visit"] = [row.visit for row in self.rows]
        self.answerless: dict[str, set[int]] = {}
        rows = embedded.statistics_rows()
        rules: tuple[Literal["none"] | Unit, ...] = ("none", *self.units)
        for junk in rules:
            relevance = Relevance(rows, junk=junk, queries=queries, gallery=gallery)
            self.answerless[junk] = set(queries[relevance.R == 0].tolist())

    def part(self, numbers: Iterable[int], paths: Iterable[str]) -> Part:
        """What there is of the rows ``numbers``; ``paths`` are all of theirs, also those that can't be used."""
        chosen = list(numbers)
        extents = [extent for number in chosen if (extent := self.extents[number]) is not None]
        shapes = Counter(_orientation(extent.size) for extent in extents)
        return Part(
            pictures=len(chosen),
            queries=sum(number in self.queries for number in chosen),
            gallery=sum(number in self.gallery for number in chosen),
            skipped=sum(path in self.unusable for path in paths),
            sizes=_sizes([extent.size for extent in extents]),
            orientations={name: shapes[name] for name in ORIENTATIONS},
            turned=sum(extent.turned for extent in extents),
            units={
                name: _units([(units[number], self.rows[number].label) for number in chosen])
                for name, units in self.units.items()
            },
            answerless={junk: sum(number in without for number in chosen) for junk, without in self.answerless.items()},
        )


def _extent(dataset: Dataset, row: Row) -> Extent | None:
    try:
        return picture_extent(dataset.file(row))
    except PictureError:  # it was there when it was embedded
        return None


def _sizes(sizes: list[tuple[int, int]]) -> Sizes | None:
    if not sizes:
        return None
    ordered = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return Sizes(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])


def _orientation(size: tuple[int, int]) -> Orientation:
    width, height = size
    return "square" if width == height else "landscape" if width > height else "portrait"


def _units(pictures: list[tuple[str | None, str]]) -> Units:
    counts: Counter[str] = Counter()
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for unit, label in pictures:
        if unit:
            counts[unit] += 1
            labels[unit].add(label)
    return Units(
        several=len(counts),
        largest=max(counts.values(), default=0),
        mixed=sum(len(several) > 1 for several in labels.values()),
        without=sum(not unit for unit, _ in pictures),
    )
