"""Export a gallery to files, in one of four forms."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from lookalike.errors import OutputError
from lookalike.gallery.gallery import Gallery
from lookalike.progress import Progress
from lookalike.report.document.files import output_folder, report_writer, write_files
from lookalike.report.document.json import csv_cell
from lookalike.report.export import Format
from lookalike.report.export.arrays import array_writer
from lookalike.report.export.rows import about, batches, fields, value_fields
from lookalike.report.export.tables import table_writer
from lookalike.text import printable

_COLUMNS: Final = ("id", "path", "file", "sha256", "bytes", "modified")

_PROJECTOR_CONFIG: Final = """\
embeddings {
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def export(gallery: Gallery, out: Path, form: Format, *, images: bool = True, progress: Progress | None = None) -> int:
    """Write all images and their embeddings to ``out``, and return how many there are.

    For ``parquet`` that is a file, otherwise a folder. ``images`` puts thumbnails into it. Memory is bounded;
    ``progress`` is called with the number of images done and of all. Raises :class:`~lookalike.errors.OutputError`.
    """
    if form == "parquet":
        return _parquet(gallery, out, images=images, progress=progress)
    write: Callable[[Gallery, Path, Progress | None], int]
    write = {"npy": _npy, "clip-retrieval": _clip_retrieval, "projector": _projector}[form]
    return write(gallery, output_folder(out), progress)


def _parquet(gallery: Gallery, file: Path, *, images: bool, progress: Progress | None) -> int:
    if file.is_dir():
        raise OutputError(f"{printable(file)}: a folder; name a file for Parquet, such as {printable(file)}.parquet")
    count = 0
    with table_writer(file, gallery, images=images) as writer:
        for batch in batches(gallery, progress):
            writer.write(batch)
            count += len(batch.images)
    return count


def _npy(gallery: Gallery, folder: Path, progress: Progress | None) -> int:
    with ExitStack() as stack:
        array = stack.enter_context(array_writer(folder / "embeddings.npy", gallery.stamp.dimension))
        table = stack.enter_context(report_writer(folder / "images.csv"))
        values = value_fields(gallery, ("row", *_COLUMNS))
        _write_line(table.write, ("row", *_COLUMNS, *map(csv_cell, values)))
        for batch in batches(gallery, progress):
            for number, image in enumerate(batch.images, array.count):
                row = fields(image)
                cells = [
                    *(str(row[name]) for name in _COLUMNS),
                    *(image.values.get(name, "") for name in values.values()),
                ]
                _write_line(table.write, (number, *map(csv_cell, cells)))
            array.write(batch.vectors)
    write_files(folder, {"about.json": about(gallery, array.count)})
    return array.count


def _clip_retrieval(gallery: Gallery, folder: Path, progress: Progress | None) -> int:
    """The folders that ``clip-retrieval inference`` writes, which its ``index`` and ``back`` read."""
    places = [output_folder(folder / name) for name in ("img_emb", "metadata")]
    with ExitStack() as stack:
        table = stack.enter_context(
            table_writer(places[1] / "metadata_0.parquet", gallery, images=False, embeddings=False)
        )
        array = stack.enter_context(array_writer(places[0] / "img_emb_0.npy", gallery.stamp.dimension))
        for batch in batches(gallery, progress):
            table.write(batch)
            array.write(batch.vectors)
    return array.count


def _projector(gallery: Gallery, folder: Path, progress: Progress | None) -> int:
    """What TensorBoard's embedding projector loads."""
    count = 0
    with ExitStack() as stack:
        vectors = stack.enter_context(report_writer(folder / "vectors.tsv"))
        names = stack.enter_context(report_writer(folder / "metadata.tsv"))
        names.write(b"path\tfolder\n")
        for batch in batches(gallery, progress):
            for image, vector in zip(batch.images, batch.vectors, strict=True):
                vectors.write("\t".join(f"{value:.8g}" for value in vector.tolist()).encode() + b"\n")
                names.write(f"{printable(image.path)}\t{printable(image.path.rpartition('/')[0])}\n".encode())
            count += len(batch.images)
    write_files(folder, {"projector_config.pbtxt": _PROJECTOR_CONFIG})
    return count


def _write_line(write: Callable[[bytes], object], values: tuple[object, ...]) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    write(line.getvalue().encode())
