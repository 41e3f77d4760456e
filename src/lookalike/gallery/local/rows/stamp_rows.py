"""The rows of one stamp: its vectors, and the records that say whose they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local.rows.records import Owner, RowRecords, are_sound, make_records
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql import entry_table, schema, tables
from lookalike.gallery.local.sql.embedding_table import NewEmbedding

_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class SoundRow:
    """A row with an undamaged record.

    It is the embedding of the content ``digest`` under ``rules`` ("" if the record doesn't say); ``entry`` was the id
    of an image with this content, ``share`` is as in :class:`~lookalike.gallery.records.EntryChange`.
    """

    row: int
    digest: bytes
    entry: int
    rules: str
    share: float | None

    @classmethod
    def of(cls, row: int, record: np.void) -> Self:
        """The row with this record."""
        share = float(record["share"])
        return cls(
            row,
            record["digest"].tobytes(),
            int(record["entry"]),
            record["rules"].decode("ascii", "replace"),
            None if np.isnan(share) else share,
        )


class Rows:
    """The vector file and the file of records of a stamp.

    ``owner`` is None for galleries of earlier formats, which have no records: nothing can be checked there. The caller
    passes how many rows are valid, from the database.
    """

    def __init__(self, vectors: VectorFile, owner: Owner | None) -> None:
        self.vectors = vectors
        self.records = None if owner is None else RowRecords(records_path(vectors.path), owner)

    def create(self) -> None:
        """Create both files empty, durably."""
        self.vectors.create()
        if self.records is not None:
            self.records.create()

    def hold(self) -> None:
        """Keep both files open until :meth:`close`: they can then be read even if another process deletes them."""
        self.vectors.held.hold()
        if self.records is not None:
            self.records.held.hold()

    def close(self) -> None:
        """Release both files, once what was read is no longer used."""
        self.vectors.held.release()
        if self.records is not None:
            self.records.close()

    def write(self, first: int, vectors: NDArray[np.float32], records: NDArray[np.void]) -> None:
        """Write ``vectors`` (n, dimension) and their ``records`` (n,) at row ``first`` and after, durably."""
        self.vectors.write(first, vectors)
        if self.records is not None:
            self.records.write(first, records)

    def sizes(self, count: int) -> list[tuple[Path, int]]:
        """The path of each file, and how many bytes of it hold the first ``count`` rows."""
        sizes = [(self.vectors.path, self.vectors.size(count))]
        if self.records is not None:
            sizes.append((self.records.path, self.records.size(count)))
        return sizes

    def available(self) -> int:
        """The number of rows that are complete in both files."""
        count = self.vectors.available()
        return count if self.records is None else min(count, self.records.count())

    def unsound(
        self, rows: NDArray[np.int64], vectors: NDArray[np.float32], digests: Sequence[bytes] | None = None
    ) -> NDArray[np.int64]:
        """Those of ``rows`` (n,) of the file ``vectors`` (r, dimension) that are damaged, or whose record is.

        With ``digests`` (n,), also those that belong to another content.
        """
        if self.records is None or not len(rows):
            return rows[:0]
        records = self.records.read(len(vectors))
        sound = np.ones(len(rows), bool)
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found = records[rows[part]]
            sound[part] = are_sound(found, vectors[rows[part]])
            if digests is not None:
                sound[part] &= found["digest"] == np.frombuffer(b"".join(digests[part]), "V32")
        return rows[~sound]

    def sound(self, start: int, end: int) -> list[SoundRow]:
        """The undamaged ones of the rows from ``start`` to ``end``, all of them available."""
        if self.records is None:
            return []
        records, vectors = self.records.read(end)[start:], self.vectors.rows(end)[start:]
        places = np.flatnonzero(are_sound(records, vectors)).tolist()
        return [SoundRow.of(start + place, records[place]) for place in places]


def open_rows(connection: sqlite3.Connection, folder: Path, stamp_id: int, stamp: EncoderSpec) -> Rows:
    """The rows of a stamp of the gallery in ``folder``, in the current format or the one before it."""
    owner = None
    if schema.version(connection) > schema.WITHOUT_RECORDS:
        owner = Owner(bytes(tables.read_value(connection, "id")), bytes.fromhex(stamp.fingerprint))
    return Rows(VectorFile(folder / tables.vector_file_name(stamp_id), stamp.dimension), owner)


def write_rows(
    connection: sqlite3.Connection,
    rows: Rows,
    first: int,
    embedded: Sequence[NewEmbedding],
    vectors: NDArray[np.float32],
) -> None:
    """Write new ``vectors`` and their records at row ``first``, before the transaction that adds them is committed."""
    ids = entry_table.first_ids(connection, [one.digest for one in embedded])
    records = make_records(
        vectors,
        [one.digest for one in embedded],
        [ids.get(one.digest, 0) for one in embedded],
        [one.rules for one in embedded],
        [one.share for one in embedded],
    )
    rows.write(first, vectors, records)


def vector_files(connection: sqlite3.Connection, folder: Path) -> list[Path]:
    """The files of rows that the database of the gallery in ``folder`` refers to."""
    stamps = connection.execute("SELECT id FROM stamps").fetchall()
    vectors = [folder / tables.vector_file_name(stamp_id) for (stamp_id,) in stamps]
    return [*vectors, *map(records_path, vectors)]


def records_path(vectors: Path) -> Path:
    """Where the records of the vector file ``vectors`` are."""
    return vectors.with_suffix(".rows")
