"""The report of a similarity matrix: its blocks, its JSON, and the matrix itself as .npy and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lookalike.report.document.blocks import Document, Facts
from lookalike.report.document.files import report_writer
from lookalike.report.document.json import csv_cell, path_fields, stamp_fields, utf8
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.matrix import MatrixAxis, SimilarityMatrix

VERSION: Final = 1

CSV_CELLS: Final = 25_000_000
"""A CSV of more cells (about 250 MB) is written only on request."""


def matrix_document(matrix: SimilarityMatrix) -> Document:
    """What is compared with what, and how similar it is."""
    extent, means = matrix.summary
    rows, columns = matrix.shape
    facts = [
        ("queries", f"{rows:,} of {matrix.queries.name}"),
        ("gallery", f"{columns:,} of {matrix.gallery.name}"),
        ("encoder", matrix.spec.name),
        ("cosines", f"{extent.minimum:.3f} to {extent.maximum:.3f}, 99 % from {extent.low:.3f} to {extent.high:.3f}"),
    ]
    if means.same is not None and means.other is not None:
        facts.append(
            ("classes", f"mean {means.same:.3f} within a class, {means.other:.3f} between classes (self left out)")
        )
    return Document(
        kind="Similarity matrix",
        title=f"{matrix.queries.name} against {matrix.gallery.name}",
        lead=f"{plural(rows, 'query', 'queries')}, {plural(columns, 'image')} in the gallery.",
        blocks=(Facts(tuple(facts)),),
    )


def matrix_json(matrix: SimilarityMatrix) -> dict[str, Any]:
    """What the matrix is of: paths and classes of its rows and columns, in order, and the distribution of cosines."""
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
        "stamp": stamp_fields(matrix.spec),
    }


def _side(side: MatrixAxis) -> dict[str, Any]:
    return {
        "dataset": utf8(side.name),
        "folder": path_fields(side.embedded.dataset.root)["path"],
        "images": [{**path_fields(row.path), "label": utf8(row.label) or None} for row in side.rows],
    }


def write_npy(file: Path, matrix: SimilarityMatrix) -> Path:
    """Write ``matrix`` as float32 (queries, gallery) for ``numpy.load``, a block at a time.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with report_writer(file) as opened:
        header = {"descr": "<f4", "fortran_order": False, "shape": matrix.shape}
        np.lib.format.write_array_header_1_0(opened, header)
        for _, block in matrix.blocks():
            opened.write(np.ascontiguousarray(block, "<f4").tobytes())
    return file


def write_csv(file: Path, matrix: SimilarityMatrix) -> Path:
    """Write ``matrix`` with the gallery's paths in the first row and the queries' in the first column, six digits.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with report_writer(file) as opened:
        text = io.TextIOWrapper(opened, encoding="utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", *(csv_cell(utf8(row.path)) for row in matrix.gallery.rows)])
        for part, block in matrix.blocks():
            for row, values in zip(matrix.queries.rows[part], block, strict=True):
                writer.writerow([csv_cell(utf8(row.path)), *map("%.6f".__mod__, values.tolist())])
        text.flush()
        text.detach()
    return file
