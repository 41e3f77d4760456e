"""A similarity matrix as files (numpy's own, a CSV, JSON about both), and what it comes to in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.evaluation.experiments.matrix import MatrixAxis, SimilarityMatrix
from lookalike.report.document.files import atomic_writer
from lookalike.report.document.json_text import path_fields
from lookalike.report.evaluation_json import stamp, words
from lookalike.text import printable

VERSION: Final = 1

CSV_CELLS: Final = 25_000_000
"""A CSV of more cells than this (about 250 MB) is written only where it is asked for."""


def write_npy(file: Path, matrix: SimilarityMatrix) -> Path:
    """Write ``matrix`` as float32 (queries, gallery) for ``numpy.load``, a block at a time.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with atomic_writer(file) as opened:
        header = {"descr": "<f4", "fortran_order": False, "shape": matrix.shape}
        np.lib.format.write_array_header_1_0(opened, header)
        for _, block in matrix.blocks():
            opened.write(np.ascontiguousarray(block, "<f4").tobytes())
    return file


def write_csv(file: Path, matrix: SimilarityMatrix) -> Path:
    """Write ``matrix`` with the gallery's paths in the first row and the queries' in the first column, six digits.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with atomic_writer(file) as opened:
        text = io.TextIOWrapper(opened, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", *(words(row.path) for row in matrix.gallery.rows)])
        for part, block in matrix.blocks():
            for row, values in zip(matrix.queries.rows[part], block, strict=True):
                writer.writerow([words(row.path), *map("%.6f".__mod__, values.tolist())])
        text.flush()
        text.detach()
    return file


def matrix_answer(matrix: SimilarityMatrix) -> dict[str, Any]:
    """What the matrix is of: paths and classes of its rows and columns, in order, and how its cosines lie."""
    extent, means = matrix.summary
    return {
        "version": VERSION,
        "queries": _side(matrix.queries),
        "gallery": _side(matrix.gallery),
        "shape": list(matrix.shape),
        "least": extent.minimum,
        "percentile_0.5": extent.low,
        "percentile_99.5": extent.high,
        "greatest": extent.maximum,
        "mean_same_class": means.same,
        "mean_other_class": means.other,
        "stamp": stamp(matrix.spec),
    }


def _side(side: MatrixAxis) -> dict[str, Any]:
    return {
        "dataset": words(side.name),
        "folder": path_fields(side.embedded.dataset.root)["path"],
        "images": [{**path_fields(row.path), "label": words(row.label) or None} for row in side.rows],
    }


def matrix_text(matrix: SimilarityMatrix) -> str:
    """Lines for people: what is compared with what, and how similar it is."""
    return "\n".join(_facts(matrix))


def _facts(matrix: SimilarityMatrix) -> Iterator[str]:
    extent, means = matrix.summary
    rows, columns = matrix.shape
    yield f"queries    {rows:,} of {printable(matrix.queries.name)}"
    yield f"gallery    {columns:,} of {printable(matrix.gallery.name)}"
    yield f"encoder    {matrix.spec.name}"
    yield f"cosines    {extent.minimum:.3f} to {extent.maximum:.3f}, 99 % from {extent.low:.3f} to {extent.high:.3f}"
    if means.same is not None and means.other is not None:
        yield f"classes    {means.same:.3f} on average within one, {means.other:.3f} between two (self left out)"
