"""Embeddings in Parquet files, which data frames, databases and Embedding Atlas read. They need pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.errors import ImageError, OutputError
from lookalike.gallery.contents.images import GalleryImage
from lookalike.gallery.gallery import Gallery
from lookalike.images.thumbnails import thumbnail
from lookalike.report.document.files import report_writer
from lookalike.report.export.rows import Batch, about, fields, value_fields

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_SIDE: Final = 256
"""The longer side of the thumbnails in a table, in pixels."""


class TableWriter:
    """Writes batches to an open Parquet file: one row an image, with its embedding and, if wanted, a thumbnail."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema, values: Mapping[str, str]) -> None:
        self._writer = writer
        self._schema = schema
        self._values = values

    def write(self, batch: Batch) -> None:
        """Append a batch."""
        import pyarrow as pa

        rows: list[dict[str, Any]] = [fields(image) for image in batch.images]
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
        if "embedding" in self._schema.names:
            flat = pa.array(batch.vectors.ravel(), pa.float32())
            columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, batch.vectors.shape[1])
        if "image" in self._schema.names:
            columns["image"] = [_thumbnail(image) for image in batch.images]
        columns["image_path"] = columns["file"]  # its name in clip-retrieval
        for column, name in self._values.items():
            is_number = self._schema.field(column).type == pa.int32()
            values = [image.values.get(name) for image in batch.images]
            columns[column] = [value and int(value) for value in values] if is_number else values
        self._writer.write_table(pa.table({name: columns[name] for name in self._schema.names}, schema=self._schema))


@contextmanager
def table_writer(file: Path, gallery: Gallery, *, images: bool, embeddings: bool = True) -> Iterator[TableWriter]:
    """A writer of a table of images: with their embeddings, and with thumbnails if ``images``.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise OutputError('Parquet files need pyarrow: pip install "lookalike[parquet]"') from error
    columns = [
        ("id", pa.string()),
        ("path", pa.string()),
        ("image_path", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("modified", pa.timestamp("us", "UTC")),
    ]
    values = value_fields(gallery, [name for name, _ in columns] + ["embedding", "image"])
    numbers = {"width", "height"} - {name.casefold() for name in gallery.columns()}
    columns += [(column, pa.int32() if column in numbers else pa.string()) for column in values]
    if embeddings:
        columns.append(("embedding", pa.list_(pa.float32(), gallery.stamp.dimension)))
    if images:
        columns.append(("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    metadata = {"lookalike": json.dumps(about(gallery, gallery.count()))}
    schema = pa.schema(columns, metadata)
    with report_writer(file) as opened, pq.ParquetWriter(opened, schema, compression="zstd") as writer:
        yield TableWriter(writer, schema, values)


def _thumbnail(image: GalleryImage) -> dict[str, object] | None:
    try:
        return {"bytes": thumbnail(image.file, _SIDE), "path": None}
    except ImageError:  # it is gone or has changed; the row is of use without it
        return None
