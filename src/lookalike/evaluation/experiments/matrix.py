"""The similarity matrix of two sets of images, sorted by class and computed block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.embedded import EmbeddedDataset, EmbeddingSource
from lookalike.search.similarity import BLOCK_BYTES, blocks

_SAMPLE: Final = 4_000_000
"""The maximal number of cells from which percentiles are computed."""


@dataclass(frozen=True, slots=True)
class Band:
    """Adjacent rows or columns of one class: from ``start`` to ``stop``, exclusive."""

    label: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class MatrixAxis:
    """The queries (rows) or the gallery (columns) of a matrix, sorted by class and then by path.

    ``vectors`` are float32 (n, d), of length 1; ``paths`` the absolute paths of their files.
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
        """The classes in order; empty where classes are unknown."""
        bands, start = [], 0
        for label, rows in groupby(row.label for row in self.rows):
            stop = start + sum(1 for _ in rows)
            bands.append(Band(label, start, stop))
            start = stop
        return tuple(band for band in bands if band.label)


@dataclass(frozen=True, slots=True)
class CosineRange:
    """The range of the cosines of a matrix: ``minimum`` to ``maximum``, and without outliers ``low`` to ``high``.

    ``low`` and ``high`` are the 0.5th and 99.5th percentiles of up to four million evenly spaced cells, without self.
    """

    minimum: float
    low: float
    high: float
    maximum: float


@dataclass(frozen=True, slots=True)
class ClassMeans:
    """Mean cosines of pairs of the same class and of different classes, without self; None where there are no pairs."""

    same: float | None
    other: float | None


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
    """S = Q Gᵀ, the cosines of every query with every gallery image; the result of :func:`similarity_matrix`.

    It is computed when it is read, in blocks of up to ``block_bytes``. Cells of an image with itself (*self*) are
    excluded from percentiles and means.
    """

    queries: MatrixAxis
    gallery: MatrixAxis
    block_bytes: int = BLOCK_BYTES

    @property
    def spec(self) -> EmbeddingSource:
        """The encoder of both axes."""
        return self.queries.embedded.spec

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of queries and of gallery images."""
        return len(self.queries.rows), len(self.gallery.rows)

    @property
    def values(self) -> NDArray[np.float32]:
        """The matrix: float32 (queries, gallery), cosines -1 to 1."""
        return np.concatenate([block for _, block in self.blocks()])

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The matrix in blocks of queries: float32 (m, gallery)."""
        for part in blocks(self.shape[0], 4 * self.shape[1], self.block_bytes):
            block = self.queries.vectors[part] @ self.gallery.vectors.T
            yield part, np.clip(block, -1, 1, out=block)

    def downsample(self, height: int, width: int) -> NDArray[np.float32]:
        """The matrix averaged over rectangles of about equal size: float32 (height, width), at most its own shape.

        The mean cosine of two sets of unit vectors is the product of their mean vectors, so this needs no full matrix.
        """
        queries, gallery = _means(self.queries.vectors, height), _means(self.gallery.vectors, width)
        return np.asarray(np.clip(queries @ gallery.T, -1, 1), np.float32)

    @cached_property
    def summary(self) -> tuple[CosineRange, ClassMeans]:
        """The range of the cosines, and their means within and between classes."""
        return self._range(), self._class_means()

    def _range(self) -> CosineRange:
        self_columns = self._self_columns()
        step = max(1, self.shape[0] * self.shape[1] // _SAMPLE)
        minimum, maximum, offset = 1.0, -1.0, 0
        samples = []
        for part, block in self.blocks():
            minimum, maximum = min(minimum, float(block.min())), max(maximum, float(block.max()))
            rows = [row for row in range(part.start, part.stop) if row in self_columns]
            block[[row - part.start for row in rows], [self_columns[row] for row in rows]] = np.nan
            cells = block.ravel()[offset::step]  # every step-th cell of the matrix, across blocks
            offset = (offset - block.size) % step
            samples.append(cells[~np.isnan(cells)])
        cells = np.concatenate(samples)
        low, high = np.percentile(cells, (0.5, 99.5)) if len(cells) else (minimum, maximum)
        return CosineRange(minimum, float(low), float(high), maximum)

    def _class_means(self) -> ClassMeans:
        if not (self.queries.bands and self.gallery.bands):
            return ClassMeans(None, None)
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
        for row, column in self._self_columns().items():
            cosine = float(self.queries.vectors[row].astype(np.float64) @ self.gallery.vectors[column])
            if self.queries.rows[row].label == self.gallery.rows[column].label:
                same, same_cells = same - cosine, same_cells - 1
            else:
                other, other_cells = other - cosine, other_cells - 1
        return ClassMeans(same / same_cells if same_cells else None, other / other_cells if other_cells else None)

    def _self_columns(self) -> dict[int, int]:
        """The column of each query that is also in the gallery, by row."""
        columns = {path: column for column, path in enumerate(self.gallery.paths)}
        return {row: columns[path] for row, path in enumerate(self.queries.paths) if path in columns}


def _means(vectors: NDArray[np.float32], parts: int) -> NDArray[np.float64]:
    """The means of ``vectors`` (n, d) over ``parts`` runs of about equal length: float64 (parts, d)."""
    starts = -(-np.arange(parts) * len(vectors) // parts)
    sums = np.add.reduceat(vectors, starts, axis=0, dtype=np.float64)
    means: NDArray[np.float64] = sums / np.diff(starts, append=len(vectors))[:, np.newaxis]
    return means


def _sum(axis: MatrixAxis, band: Band) -> NDArray[np.float64]:
    """The sum of a band's vectors: float64 (d,). Sums of cosines are products of such sums."""
    total: NDArray[np.float64] = axis.vectors[band.start : band.stop].sum(axis=0, dtype=np.float64)
    return total


def similarity_matrix(queries: EmbeddedDataset, gallery: EmbeddedDataset) -> SimilarityMatrix:
    """The similarity matrix of two embedded sets of images; raises ``ValueError`` if their encoders differ."""
    if queries.spec != gallery.spec:
        raise ValueError("queries and gallery must be embedded with the same encoder")
    return SimilarityMatrix(_axis(queries), _axis(gallery))


def _axis(embedded: EmbeddedDataset) -> MatrixAxis:
    rows = embedded.rows
    order = sorted(range(len(rows)), key=lambda number: (rows[number].label, os.fsencode(rows[number].path)))
    ordered = tuple(rows[number] for number in order)
    paths = tuple(os.path.realpath(embedded.dataset.file(row)) for row in ordered)
    return MatrixAxis(embedded, ordered, embedded.vectors[order], paths)
