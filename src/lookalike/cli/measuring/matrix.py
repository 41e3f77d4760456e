"""``lookalike matrix``: the similarity matrix of two sets of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from lookalike.cli.measuring.experiment import deliver, embed, own_or_named, with_notes
from lookalike.cli.measuring.options import allow_outside_option
from lookalike.cli.options.command import Options, command
from lookalike.cli.options.encoder import encoder_options, view_option
from lookalike.cli.options.shared import json_option
from lookalike.cli.terminal.messages import note

if TYPE_CHECKING:
    from pathlib import Path

    from lookalike.evaluation.experiments.matrix import SimilarityMatrix

_DETAILS = """\
QUERIES and GALLERY may each be a folder of images (with classes, labels.csv, or neither), a CSV of labels, a gallery,
or one image. FOLDER gets similarity.png, the matrix as an image (rows and columns in order of class, where classes
are known); similarity.npy, for numpy.load (float32); similarity.csv, with paths; and similarity.json, with the order of
rows and columns."""


@command("matrix", details=_DETAILS)
@click.argument("queries", metavar="QUERIES")
@click.argument("gallery", metavar="GALLERY")
@encoder_options(
    "The encoder: a name (see lookalike encoders), or the path of a checkpoint (default: the encoder of the gallery "
    "that contains GALLERY's images, else the best on this machine)."
)
@view_option()
@click.option("--out", metavar="FOLDER", required=True, allow_from_autoenv=False, help="Write the files there.")
@allow_outside_option
@click.option(
    "--csv", is_flag=True, allow_from_autoenv=False, help="Write the CSV even if it has more than 25 million cells."
)
@json_option
def matrix(options: Options) -> int:
    """Write the similarity matrix of two sets of images, as an image and as numbers."""
    from lookalike.evaluation.data.load import load_images
    from lookalike.evaluation.experiments.matrix import similarity_matrix
    from lookalike.report.document.files import output_folder
    from lookalike.report.matrix import matrix_document, matrix_json

    folder = output_folder(options.out)
    paths = (options.queries, options.gallery)
    queries, gallery = (with_notes(load_images(path, allow_outside=options.allow_outside)) for path in paths)
    encoder = own_or_named(options, gallery, options.encoder)
    columns = embed(gallery, encoder)
    rows = columns if queries == gallery else embed(queries, encoder)
    matrix = similarity_matrix(rows, columns)
    written = _write(matrix, folder, csv_anyway=options.csv)
    return deliver(
        options,
        folder,
        document=lambda: matrix_document(matrix),
        answer=lambda: matrix_json(matrix),
        written=written,
    )


def _write(matrix: SimilarityMatrix, folder: Path, *, csv_anyway: bool) -> list[str]:
    """Write the matrix in every form, and return the files' names; a CSV of very many cells only on request."""
    from lookalike.report.document.files import report_writer, write_files
    from lookalike.report.matrix import CSV_CELLS, matrix_json, write_csv, write_npy
    from lookalike.report.rasters.matrix_plot import matrix_plot

    with report_writer(folder / "similarity.png") as file:
        matrix_plot(matrix).save(file, "PNG")
    write_npy(folder / "similarity.npy", matrix)
    write_files(folder, {"similarity.json": matrix_json(matrix)})
    names = ["similarity.png", "similarity.npy", "similarity.json"]
    rows, columns = matrix.shape
    if rows * columns <= CSV_CELLS or csv_anyway:
        write_csv(folder / "similarity.csv", matrix)
        return [*names, "similarity.csv"]
    note(
        f"similarity.csv was not written: {rows:,} x {columns:,} cells would take about "
        f"{rows * columns * 9 / 1e9:.1f} GB; use similarity.npy, or force it with --csv"
    )
    return names
