"""Galleries of an earlier format: they can be searched as they are, and a writer migrates them.

In format 1, vectors were in a file of another layout, and the calibration referred to its rows.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryWriteError
from lookalike.gallery.local.rows.records import RECORD, Owner, RowRecords, make_records
from lookalike.gallery.local.rows.stamp_rows import records_path
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql import tables
from lookalike.gallery.records import Calibration
from lookalike.text import printable

VECTORS_IN_OWN_LAYOUT: Final = 1
"""The last format whose vector files are not ``.npy`` files."""

WITHOUT_REVISIONS: Final = 1
"""The last format that has no log of changes."""

FIRST_RULES: Final = "1"
"""The decoding rules of all embeddings in formats that don't record them."""

_ROWS_AT_ONCE: Final = 4096

_DATABASE_BYTES: Final = 64
"""How much the database may grow for each content."""

_HEADER: Final = struct.Struct("<16sII40x")  # magic, version, dimension
_MAGIC: Final = b"lookalike vector"


class OldVectorFile(VectorFile):
    """A vector file of format 1: a 64-byte header, followed by the rows. It is only read."""

    header_size = _HEADER.size

    def _is_header(self, header: bytes) -> bool:
        return len(header) == _HEADER.size and _HEADER.unpack(header) == (_MAGIC, 1, self.dimension)


def old_vector_file(folder: Path, stamp_id: int, dimension: int) -> OldVectorFile:
    """The vector file of a stamp in format 1."""
    return OldVectorFile(folder / f"vectors-{stamp_id}.f32", dimension)


def read_calibration(connection: sqlite3.Connection, stamp_id: int) -> Calibration | None:
    """The calibration of a stamp in format 1; None if there is none."""
    (count,) = connection.execute("SELECT calibrated_through FROM stamps WHERE id = ?", (stamp_id,)).fetchone()
    if count is None:
        return None
    records = connection.execute(
        "SELECT c.digest, best.digest, score FROM calibration k "
        "JOIN embeddings e ON e.stamp = k.stamp AND e.row = k.row JOIN contents c ON c.id = e.content "
        "JOIN embeddings b ON b.stamp = k.stamp AND b.row = k.best_row JOIN contents best ON best.id = b.content "
        "WHERE k.stamp = ? ORDER BY c.lot",
        (stamp_id,),
    ).fetchall()
    digests, best, scores = zip(*records, strict=True) if records else ((), (), ())
    return Calibration(digests, best, np.array(scores, float), count)


def migrate_vectors(
    folder: Path, connection: sqlite3.Connection, free_bytes: Callable[[Path], int] | None = None
) -> None:
    """Copy the vector files of format 1 to ``.npy`` files, durably; the old ones stay.

    ``free_bytes`` returns the free space on the disk of a folder. Raises
    :class:`~lookalike.errors.GalleryWriteError` if there is too little, and
    :class:`~lookalike.errors.GalleryDamagedError` if vectors are missing.
    """
    files = [
        (stamp_id, EncoderSpec.from_json(spec).dimension, count)
        for stamp_id, spec, count in connection.execute("SELECT id, spec, next_row FROM stamps")
    ]
    needed = sum(VectorFile.header_size + (4 * dimension + _DATABASE_BYTES) * count for _, dimension, count in files)
    free = (free_bytes or _free_bytes)(folder)
    if free < needed:
        raise GalleryWriteError(
            f"{printable(folder)}: converting this gallery to the current format needs {needed / 1e6:,.1f} MB of free "
            f"space, and this disk has {free / 1e6:,.1f} MB. Free some space and run the same command again. Until "
            "then, the gallery can be searched as it is"
        )
    for stamp_id, dimension, count in files:
        rows = old_vector_file(folder, stamp_id, dimension).rows(count)
        VectorFile(folder / tables.vector_file_name(stamp_id), dimension).create(count, [rows])


def write_records(folder: Path, connection: sqlite3.Connection) -> None:
    """Create the records of each vector file, durably, in a database that is migrated but for them."""
    (gallery,) = connection.execute("SELECT value FROM meta WHERE key = 'id'").fetchone()
    for stamp_id, spec, count in connection.execute("SELECT id, spec, next_row FROM stamps").fetchall():
        stamp = EncoderSpec.from_json(spec)
        vectors = VectorFile(folder / tables.vector_file_name(stamp_id), stamp.dimension)
        owner = Owner(bytes(gallery), bytes.fromhex(stamp.fingerprint))
        RowRecords(records_path(vectors.path), owner).create([_records_of(connection, stamp_id, vectors.rows(count))])


def _records_of(connection: sqlite3.Connection, stamp_id: int, rows: NDArray[np.float32]) -> NDArray[np.void]:
    """The records of all rows; those that belong to no content are zero."""
    records = np.zeros(len(rows), RECORD)
    found = connection.execute(
        "SELECT row, digest, rules, share, (SELECT min(id) FROM entries WHERE entries.content = c.id) "
        "FROM embeddings JOIN contents c ON c.id = content WHERE stamp = ? ORDER BY row",
        (stamp_id,),
    )
    while page := found.fetchmany(_ROWS_AT_ONCE):
        numbers, digests, rules, shares, ids = (list(column) for column in zip(*page, strict=True))
        records[numbers] = make_records(rows[numbers], digests, [number or 0 for number in ids], rules, shares)
    return records


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
