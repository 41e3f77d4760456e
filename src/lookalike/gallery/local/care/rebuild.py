"""Write a gallery's database anew from all that is sound: the old one, the records of its rows, and its summary."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.atomic import sync_folder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryDamagedError
from lookalike.file_locks import release_lock
from lookalike.gallery.local import older
from lookalike.gallery.local.care.salvage import DAMAGED, Salvage, salvage
from lookalike.gallery.local.database import DATABASE, connect_new, convert_errors
from lookalike.gallery.local.locks import acquire_lock
from lookalike.gallery.local.rows.records import RECORD, Owner, RowRecords, make_records, read_owner
from lookalike.gallery.local.rows.stamp_rows import Rows, SoundRow, open_rows
from lookalike.gallery.local.sql import embedding_table, entry_table, schema, tables, value_table
from lookalike.gallery.local.sql.embedding_table import NewEmbedding
from lookalike.gallery.local.summary import Summary
from lookalike.search.similarity import are_unit
from lookalike.text import printable

_AT_ONCE: Final = 4096
_NEW: Final = f"{DATABASE}-new"

_ENTRY_COLUMNS: Final = (
    "id, path, path_text, size, mtime_ns, inode, other_format, offline_since, checksum, content, revision"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The numbers of images and embeddings that a rebuilt database has.

    ``columns`` are those that images were annotated with; some or all of their values may be lost.
    """

    images: int
    embeddings: int
    columns: tuple[str, ...] = ()


def rebuild(folder: Path) -> Rebuilt:
    """Replace the database in ``folder`` by one that has all that is sound; the old one stays beside it.

    Images whose embeddings are lost or damaged are kept without one: the next update encodes them. Raises
    :class:`~lookalike.errors.GalleryLockedError`, and :class:`~lookalike.errors.GalleryDamagedError` if the encoder or
    the folder of images is unknown.
    """
    with convert_errors(folder):
        lock = acquire_lock(folder)
    try:
        with convert_errors(folder):
            return _Rebuilding(folder, salvage(folder)).run()
    finally:
        release_lock(lock)


def _all_sound(rows: Rows) -> Iterator[SoundRow]:
    count = rows.available()
    for start in range(0, count, _AT_ONCE):
        yield from rows.sound(start, min(start + _AT_ONCE, count))


def _choose_summary(folder: Path, found: Salvage) -> Summary:
    """What the gallery is: by its database, or by gallery.json if the records of the rows agree with that only.

    The database may be another gallery's, or its encoder damaged.
    """
    candidates = [summary for summary in (found.summary, Summary.read(folder)) if summary is not None]
    if not candidates:
        raise GalleryDamagedError(
            f"{printable(folder)}: neither the database nor gallery.json says which encoder and folder of images "
            "this gallery belongs to, so it can't be repaired. Delete this folder and run lookalike index again"
        )
    return next((summary for summary in candidates if _owns_rows(summary, folder)), candidates[0])


def _owns_rows(summary: Summary, folder: Path) -> bool:
    """Whether files of records belong to this gallery and to its encoders."""
    owners = {Owner(bytes.fromhex(summary.id), stamp.fingerprint) for stamp in summary.stamps}
    found = {read_owner(path) for path in folder.glob("vectors-*.rows")} - {None}
    return bool(found) and found <= owners


class _Rebuilding:
    """The writing of a new database."""

    def __init__(self, folder: Path, found: Salvage) -> None:
        self._folder = folder
        self._summary = _choose_summary(folder, found)
        is_foreign = found.summary is not None and found.summary.id != self._summary.id
        self._found = Salvage() if is_foreign else found

    def run(self) -> Rebuilt:
        """Write the new database and put it in the place of the old one."""
        (self._folder / _NEW).unlink(missing_ok=True)
        with closing(connect_new(self._folder / _NEW)) as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                schema.migrate(connection)
                self._fill(connection)
            counts = "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM embeddings)"
            images, embeddings = connection.execute(counts).fetchone()
            rebuilt = Rebuilt(images, embeddings, tuple(value_table.read_columns(connection)))
            value_table.delete_empty_columns(connection)
        self._replace_database()
        self._summary.write_if_possible(self._folder)
        return rebuilt

    def _fill(self, connection: sqlite3.Connection) -> None:
        self._fill_meta(connection)
        former: dict[bytes, int] = {}
        for stamp in self._summary.stamps:
            rows = open_rows(connection, self._folder, stamp.id, EncoderSpec.from_json(stamp.spec))
            self._make_usable(rows, stamp.id)
            former |= self._fill_rows(connection, rows, stamp.id)
        self._fill_entries(connection)
        self._fill_values(connection)
        entry_table.add_former_ids(connection, former)
        connection.executemany("INSERT OR IGNORE INTO skips VALUES (?, ?, ?, ?, ?, ?, ?)", self._found.skips)
        # The ids of other images that are found anew are larger, so that no two images can be confused.
        highest = max([0, *former.values(), *(entry[0] for entry in self._found.entries)])
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entries'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?)", (highest,))

    def _fill_meta(self, connection: sqlite3.Connection) -> None:
        summary = self._summary
        # Readers that know an earlier revision than removals_after read everything again.
        revision = self._found.revision + 1
        values = {
            "id": bytes.fromhex(summary.id),
            "root": os.fsencode(summary.root),
            "revision": revision,
            "removals_after": revision,
        }
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        for key, text in summary.metadata.items():
            if key != "labels":  # is read again
                tables.write_metadata(connection, key, text)
        for stamp in summary.stamps:
            path = None if stamp.weights is None else Path(stamp.weights)
            tables.insert_stamp(connection, stamp.id, EncoderSpec.from_json(stamp.spec), path, active=stamp.active)

    def _make_usable(self, rows: Rows, stamp_id: int) -> None:
        """Make sure that both files can be written to: what is no file of this gallery is begun anew.

        Where only the records are lost, they are written again from what the database says.
        """
        try:
            count = rows.vectors.available()
        except GalleryDamagedError:
            rows.create()
            return
        with suppress(GalleryDamagedError):
            rows.available()
            return
        if rows.records is not None:
            self._write_records(rows, rows.records, stamp_id, count)

    def _write_records(self, rows: Rows, file: RowRecords, stamp_id: int, count: int) -> None:
        vectors, ids = rows.vectors.rows(count), {entry[-1]: entry[0] for entry in reversed(self._found.entries)}
        records = np.zeros(count, RECORD)
        for _, stamp, digest, row, rules, share in self._found.embeddings:
            if stamp == stamp_id and 0 <= row < count:
                vector = np.array(vectors[row : row + 1])
                if are_unit(vector).all():
                    records[row] = make_records(vector, [digest], [ids.get(digest, 0)], [rules], [share])[0]
        file.create([records])

    def _fill_rows(self, connection: sqlite3.Connection, rows: Rows, stamp_id: int) -> dict[bytes, int]:
        """Add the embeddings at all sound rows; returns the ids of images that they record, by digest."""
        # The database knows of rules that were confirmed after a row was written.
        confirmed = {(stamp, row, digest): rules for _, stamp, digest, row, rules, _ in self._found.embeddings}
        last = {row.digest: row for row in _all_sound(rows)}  # of several rows of a content, the last
        for row in sorted(last.values(), key=lambda one: one.row):
            rules = confirmed.get((stamp_id, row.row, row.digest)) or row.rules or older.FIRST_RULES
            embedding = NewEmbedding(row.digest, rules, row.share)
            embedding_table.add_embeddings(connection, stamp_id, [embedding], row.row)
        embedding_table.set_row_count(connection, stamp_id, rows.available())
        return {row.digest: row.entry for row in last.values() if row.entry > 0}

    def _fill_entries(self, connection: sqlite3.Connection) -> None:
        embedding_table.add_contents(connection, [entry[-1] for entry in self._found.entries])
        content = "(SELECT id FROM contents WHERE digest = ?)"
        connection.executemany(
            f"INSERT OR IGNORE INTO entries ({_ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {content}, 0)",
            self._found.entries,
        )

    def _fill_values(self, connection: sqlite3.Connection) -> None:
        value_table.annotate(connection, self._found.annotations)
        for digest, properties in self._found.properties.items():
            value_table.write_properties(connection, digest, properties)

    def _replace_database(self) -> None:
        """Put the new database in the place of the old one, which is kept under another name.

        SQLite's log must not stay: it would be applied to the new database.
        """
        database, damaged = self._folder / DATABASE, self._folder / DAMAGED
        for suffix in ("", "-wal", "-shm"):
            if database.exists():
                Path(f"{damaged}{suffix}").unlink(missing_ok=True)
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{database}{suffix}").replace(f"{damaged}{suffix}")
        (self._folder / _NEW).replace(database)
        sync_folder(self._folder)
