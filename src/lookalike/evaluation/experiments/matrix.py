"""The similarity matrix of two sets of pictures, in order of class, a block at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.search.similarity import blocks

# As many cells as this are looked at to choose the range of colours.
_SAMPLED: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Band:
    """Neighbouring rows or columns of one class: from ``start`` up to, not including, ``stop``."""

    label: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The queries or the gallery of a matrix, sorted by class and, within it, by path.

    ``vectors`` are float32 (n, d), of length 1. ``paths`` tell which files they are of, as absolute paths.
    """

    embedded: EmbeddedDataset
    rows: tuple[Row, ...]
    vectors: NDArray[np.float32]
    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.embedded.dataset.name

    @property
    def bands(self) -> tuple[Band, ...]:
        """The classes in their order; none where classes are unknown."""
        found, start = [], 0
        for label, rows in groupby(row.label for row in self.rows):
            stop = start + sum(1 for _ in rows)
            found.append(Band(label, start, stop))
            start = stop
        return tuple(band for band in found if band.label)


@dataclass(frozen=True, slots=True)
class Range:
    """The cosines of a matrix: all of them, and those between which nearly all lie.

    ``low`` and ``high`` are the 0.5th and 99.5th percentile of up to four million cells, taken at even steps, self
    left out.
    """

    least: float
    low: float
    high: float
    greatest: float


@dataclass(frozen=True, slots=True)
class Means:
    """Mean cosines of pairs of one class and of pairs of two, self left out; None where there are no such pairs."""

    same: float | None
    other: float | None


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
    """S = Q Gᵀ, cosines of every query with every gallery picture; :func:`similarity_of` makes one.

    It is computed when it is read. A picture that is on both sides is *self*, which is left out of range and means.
    """

    queries: Side
    gallery: Side

    @property
    def spec(self) -> EncoderSpec:
        """The encoder."""
        return self.queries.embedded.spec

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of queries and of gallery pictures."""
        return len(self.queries.rows), len(self.gallery.rows)

    @property
    def values(self) -> NDArray[np.float32]:
        """The whole matrix: float32 (queries, gallery), cosines -1 to 1."""
        return np.concatenate([block for _, block in self.blocks()])

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The matrix a block of queries at a time, each float32 (m, gallery) of up to 32 MiB."""
        for part in blocks(self.shape[0], 4 * self.shape[1]):
            block = self.queries.vectors[part] @ self.gallery.vectors.T
            yield part, np.clip(block, -1, 1, out=block)

    def shrunk(self, height: int, width: int) -> NDArray[np.float32]:
        """Means of about equal rectangles of cells: float32 (height, width), neither greater than the matrix.

        The mean of the cosines of two sets of unit vectors is the product of the sets' mean vectors.
        """
        queries, gallery = _means(self.queries.vectors, height), _means(self.gallery.vectors, width)
        return np.asarray(np.clip(queries @ gallery.T, -1, 1), np.float32)

    @cached_property
    def summary(self) -> tuple[Range, Means]:
        """The range of the cosines, and their means within and between classes."""
        return self._range(), self._class_means()

    def _range(self) -> Range:
        selves = self._selves()
        step = max(1, self.shape[0] * self.shape[1] // _SAMPLED)
        least, greatest, skipped = 1.0, -1.0, 0
        sampled = []
        for part, block in self.blocks():
            least, greatest = min(least, float(block.min())), max(greatest, float(block.max()))
            inside = [row for row in range(part.start, part.stop) if row in selves]
            block[[row - part.start for row in inside], [selves[row] for row in inside]] = np.nan
            cells = block.ravel()[skipped::step]  # as if it were one long row of cells
            skipped = (skipped - block.size) % step
            sampled.append(cells[~np.isnan(cells)])
        cells = np.concatenate(sampled)
        low, high = np.percentile(cells, (0.5, 99.5)) if len(cells) else (least, greatest)
        return Range(least, float(low), float(high), greatest)

    def _class_means(self) -> Means:
        if not (self.queries.bands and self.gallery.bands):
            return Means(None, None)
        columns = {band.label: _sum(self.gallery, band) for band in self.gallery.bands}
        total = np.sum([_sum(self.queries, band) for band in self.queries.bands], axis=0) @ np.sum(
            list(columns.values()), axis=0
        )
        cells = self.shape[0] * self.shape[1]
        same, same_cells = 0.0, 0
        counts = {band.label: band.stop - band.start for band in self.gallery.bands}
        for band in self.queries.bands:
            if band.label in columns:
                same += float(_sum(self.queries, band) @ columns[band.label])
                same_cells += (band.stop - band.start) * counts[band.label]
        other, other_cells = float(total) - same, cells - same_cells
        for row, column in self._selves().items():
            cosine = float(self.queries.vectors[row].astype(np.float64) @ self.gallery.vectors[column])
            if self.queries.rows[row].label == self.gallery.rows[column].label:
                same, same_cells = same - cosine, same_cells - 1
            else:
                other, other_cells = other - cosine, other_cells - 1
        return Means(same / same_cells if same_cells else None, other / other_cells if other_cells else None)

    def _selves(self) -> dict[int, int]:
        """The column of each query that is in the gallery, too."""
        places = {path: column for column, path in enumerate(self.gallery.paths)}
        return {row: places[path] for row, path in enumerate(self.queries.paths) if path in places}


def _means(vectors: NDArray[np.float32], parts: int) -> NDArray[np.float64]:
    """The means of ``parts`` about equal runs of ``vectors`` (n, d): float64 (parts, d)."""
    starts = -(-np.arange(parts) * len(vectors) // parts)
    sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    means: NDArray[np.float64] = sums / np.diff(starts, append=len(vectors))[:, np.newaxis]
    return means


def _sum(side: Side, band: Band) -> NDArray[np.float64]:
    """The sum of a band's vectors: float64 (d,). Sums of cosines are products of such sums."""
    total: NDArray[np.float64] = side.vectors[band.start : band.stop].sum(axis=0, dtype=np.float64)
    return total


def similarity_of(queries: EmbeddedDataset, gallery: EmbeddedDataset) -> SimilarityMatrix:
    """The similarity matrix of two embedded sets of pictures; raises ``ValueError`` if their encoders differ."""
    if queries.spec != gallery.spec:
        raise ValueError("queries and gallery are embedded by different encoders, which can't be compared")
    return SimilarityMatrix(_side(queries), _side(gallery))


def _side(embedded: EmbeddedDataset) -> Side:
    rows = embedded.rows
    order = sorted(range(len(rows)), key=lambda number: (rows[number].label, os.fsencode(rows[number].path)))
    chosen = tuple(rows[number] for number in order)
    paths = tuple(os.path.realpath(embedded.dataset.file(row)) for row in chosen)
    return Side(embedded, chosen, embedded.vectors[order], paths)
