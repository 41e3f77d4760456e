"""``lookalike matrix``: the similarity matrix of two sets of images."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lookalike.cli.arguments import add_command
from lookalike.cli.encoder_options import add_encoder, add_view
from lookalike.cli.measuring.experiment import add_allow_outside, deliver, embed, own_or_named, with_notes

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.cli.arguments import Commands
    from lookalike.evaluation.experiments.matrix import SimilarityMatrix

_DETAILS = """\
QUERIES and GALLERY may each be a folder of images (with classes, labels.csv, or neither), a CSV of labels, a gallery,
or one image. FOLDER gets similarity.png, the matrix as an image (rows and columns in order of class, where classes
are known); similarity.npy, for numpy.load (float32); similarity.csv, with paths; and similarity.json, with the order of
rows and columns."""


def add_to(commands: Commands) -> None:
    """Add this command to the command line."""
    parser = add_command(
        commands,
        "matrix",
        "write the similarity matrix of two sets of images, as an image and as numbers",
        run,
        _DETAILS,
    )
    parser.add_argument("queries", metavar="QUERIES", help="the matrix's rows")
    parser.add_argument("gallery", metavar="GALLERY", help="the matrix's columns")
    add_encoder(
        parser,
        "the encoder: a name (see lookalike encoders), or the path of a checkpoint (default: the encoder of the "
        "gallery that contains GALLERY's images, else the best on this machine)",
    )
    add_view(parser)
    parser.add_argument("--out", metavar="FOLDER", required=True, help="write the files there")
    add_allow_outside(parser)
    parser.add_argument("--csv", action="store_true", help="write the CSV even if it has more than 25 million cells")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(options: argparse.Namespace) -> int:
    """Carry out the command."""
    from lookalike.evaluation.data.load import load_images
    from lookalike.evaluation.experiments.matrix import similarity_matrix
    from lookalike.report.document.files import output_folder
    from lookalike.report.matrix import matrix_document, matrix_json

    folder = output_folder(options.out)
    paths = (options.queries, options.gallery)
    queries, gallery = (with_notes(load_images(path, allow_outside=options.allow_outside)) for path in paths)
    encoder = own_or_named(options, gallery)
    columns = embed(gallery, encoder)
    rows = columns if queries == gallery else embed(queries, encoder)
    matrix = similarity_matrix(rows, columns)
    options.files = _write(matrix, folder, csv_anyway=options.csv)
    return deliver(options, folder, document=lambda: matrix_document(matrix), answer=lambda: matrix_json(matrix))


def _write(matrix: SimilarityMatrix, folder: Path, *, csv_anyway: bool) -> list[str]:
    """Write the matrix in every form, and return the files' names; a CSV of very many cells only on request."""
    from lookalike.report.document.files import report_writer, write_files
    from lookalike.report.drawings.matrix_plot import matrix_plot
    from lookalike.report.matrix import CSV_CELLS, matrix_json, write_csv, write_npy

    with report_writer(folder / "similarity.png") as file:
        matrix_plot(matrix).save(file, "PNG")
    write_npy(folder / "similarity.npy", matrix)
    write_files(folder, {"similarity.json": matrix_json(matrix)})
    names = ["similarity.png", "similarity.npy", "similarity.json"]
    rows, columns = matrix.shape
    if rows * columns <= CSV_CELLS or csv_anyway:
        write_csv(folder / "similarity.csv", matrix)
        return [*names, "similarity.csv"]
    print(
        f"lookalike: similarity.csv was not written: {rows:,} x {columns:,} cells would take about "
        f"{rows * columns * 9 / 1e9:.1f} GB; use similarity.npy, or force it with --csv",
        file=sys.stderr,
    )
    return names
