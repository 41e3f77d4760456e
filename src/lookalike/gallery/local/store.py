"""The store in a local folder: a SQLite database of images, and an append-only file of their vectors.

The two are only valid together. Vectors are written and synced before the transaction that refers to their rows is
committed, so every row that is referred to exists, even after a power cut. Rows that no transaction refers to are
overwritten by the next write. The number of rows in the vector file's header is updated last.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryDamagedError
from lookalike.gallery.local import older
from lookalike.gallery.local.database import BUSY_SECONDS, DATABASE, damage_error, has_database
from lookalike.gallery.local.reader import LocalReader
from lookalike.gallery.local.rows.stamp_rows import open_rows, write_rows
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import embedding_table, entry_table, revisions, schema, tables, value_table
from lookalike.gallery.local.sql.embedding_table import NewEmbedding
from lookalike.gallery.local.stamps.compaction import compact
from lookalike.gallery.local.stamps.replacement import LocalReplacement, delete_other_vector_files, discard_unfinished
from lookalike.gallery.local.stamps.settling import settle_rows
from lookalike.gallery.local.summary import NAME as SUMMARY
from lookalike.gallery.local.summary import Summary
from lookalike.gallery.records import Calibration, Changes
from lookalike.search.index import ExactIndex, IndexKind

_LOG: Final = logging.getLogger(__name__)


class LocalStore(LocalReader):
    """A gallery in a local folder; implements :class:`~lookalike.gallery.store.Store`.

    Opened for reading, it never writes; opened for writing, it holds the writer's lock until closed.
    """

    def __init__(self, session: Session, index: IndexKind = ExactIndex) -> None:
        super().__init__(session, index)
        if session.is_writable:
            try:
                with session.exclusive():
                    delete_other_vector_files(session)
                    self._settle_rows()
                    self._write_summary()
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(cls, folder: Path, root: Path, stamp: EncoderSpec, weights_path: Path | None = None) -> Self:
        """Create an empty gallery of ``root`` in ``folder``, open for writing.

        ``weights_path`` is None for catalogue encoders. Raises :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError` if the folder can't be written to.
        """

        def fill(connection: sqlite3.Connection) -> None:
            tables.insert_stamp(connection, 1, stamp, weights_path, active=True)
            open_rows(connection, folder, 1, stamp).create()
            connection.execute("INSERT INTO meta VALUES ('root', ?)", (tables.encode_root(folder, root),))

        folder = folder.absolute()
        if not has_database(folder) and has_remains(folder):
            raise lost_database_error(folder)
        return cls(Session.create(folder, _is_own, fill))

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        writing: bool = False,
        index: IndexKind = ExactIndex,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Self:
        """Open the gallery in ``folder``; for ``writing``, take the lock and migrate an older gallery.

        ``index`` makes the index that searches use. A writer waits up to ``busy_seconds`` for other programs that have
        locked the database.

        Raises :class:`~lookalike.errors.GalleryLockedError` if another process is writing, and
        :class:`~lookalike.errors.GalleryDamagedError` if the files can't be read.
        """

        def migrate(connection: sqlite3.Connection) -> None:
            version = schema.version(connection)
            if version <= older.VECTORS_IN_OWN_LAYOUT:
                older.migrate_vectors(folder, connection)
            schema.migrate(connection)
            if version <= schema.WITHOUT_RECORDS:
                older.write_records(folder, connection)

        return cls(Session.open(folder, writing=writing, migrate=migrate, busy_seconds=busy_seconds), index)

    def set_weights_path(self, path: Path) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.transaction():
            values = (tables.encode_weights_path(path), self._active.id)
            self._session.connection.execute("UPDATE stamps SET location = ? WHERE id = ?", values)
        self._active.weights_path = path.absolute()
        self._write_summary()

    def set_root(self, root: Path) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.transaction():
            stored = tables.encode_root(self.folder, root)
            self._session.connection.execute("UPDATE meta SET value = ? WHERE key = 'root'", (stored,))
        self._active.root = root
        self._write_summary()

    def set_metadata(self, key: str, text: str) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.transaction():
            tables.write_metadata(self._session.connection, key, text)
        self._write_summary()

    def save_calibration(self, calibration: Calibration) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.transaction():
            embedding_table.replace_calibration(self._session.connection, self._active.id, calibration)

    def commit(self, changes: Changes) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        connection = self._session.connection
        with self._session.exclusive():
            embedded = self._new_embeddings(changes)
            first_row = self.vector_count()
            with self._session.transaction():
                embedding_table.add_embeddings(connection, self._active.id, list(embedded), first_row)
                embedding_table.confirm_embeddings(connection, self._active.id, changes.confirmed, changes.rules)
                if changes.upserts or changes.removed:
                    self._change_entries(changes, [one.digest for one in embedded])
                for change in changes.upserts:
                    if change.properties is not None:
                        value_table.write_properties(connection, change.digest, change.properties)
                entry_table.set_offline(connection, changes.offline, time.time_ns())
                entry_table.set_offline(connection, changes.returned, None)
                entry_table.delete_skips(connection, changes.unskipped)
                for skipped in changes.skipped:
                    entry_table.upsert_skip(connection, skipped, changes.rules)
                if embedded:  # last, when the ids of new entries are known, but before the transaction is committed
                    vectors = np.stack(list(embedded.values()))
                    write_rows(connection, self._active.rows, first_row, list(embedded), vectors)
            if embedded:
                self._active.rows.vectors.publish(first_row + len(embedded))

    def annotate(self, values: Mapping[str, Mapping[str, str]], deleted: Collection[str] = ()) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.transaction():
            value_table.delete_columns(self._session.connection, deleted)
            value_table.annotate(self._session.connection, values)
        self._write_summary()

    def _change_entries(self, changes: Changes, embedded: list[bytes]) -> None:
        connection = self._session.connection
        revision = revisions.new_revision(connection)
        embedding_table.note_returning(connection, [change.digest for change in changes.upserts])
        for change in changes.upserts:
            entry_table.upsert_entry(connection, change, revision)
        entry_table.mark_changed(connection, embedded, revision)
        for path in changes.removed:
            entry_table.delete_entries(connection, "path = ?", (os.fsencode(path),), revision)
        if changes.removed:
            revisions.trim_removals(connection)

    def delete_unused(self, digests: Collection[bytes]) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        if digests:
            with self._session.transaction():
                embedding_table.delete_unused(self._session.connection, digests)

    def compact(self) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        if compact(self._session, self._active.rows, self._active.id, self._active.stamp):
            _LOG.info("gave back the space of deleted embeddings")
            self._reload_active()
            self._write_summary()
            with self._session.exclusive():
                delete_other_vector_files(self._session)

    def open_replacement(self, stamp: EncoderSpec, weights_path: Path | None) -> LocalReplacement:
        """See :class:`~lookalike.gallery.store.Store`."""
        return LocalReplacement(self._session, stamp, weights_path, on_activate=self._reload_active)

    def discard_replacement(self) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        discard_unfinished(self._session, self._active.id)

    def _reload_active(self) -> None:
        with self._session.snapshot():
            self._active.reload()

    def _write_summary(self) -> None:
        with self._session.exclusive():
            Summary.of(self._session.connection).write_if_possible(self.folder)

    def _settle_rows(self) -> None:
        """Bring the database in line with the rows that are there, of each stamp.

        Rows that it doesn't know, as after a killed run or in a copy without SQLite's log, are added: their contents
        need not be encoded again. Rows that are not there, as in a copy whose vectors are older, are dropped: their
        images will be.
        """
        connection = self._session.connection
        for stamp_id, spec in connection.execute("SELECT id, spec FROM stamps").fetchall():
            rows = open_rows(connection, self.folder, stamp_id, EncoderSpec.from_json(spec))
            rows.vectors.publish(settle_rows(self._session, rows, stamp_id))

    def _new_embeddings(self, changes: Changes) -> dict[NewEmbedding, NDArray[np.float32]]:
        """The embeddings in ``changes`` that are not stored yet, or only under other rules."""
        by_digest = {
            change.digest: change
            for change in changes.upserts
            if change.vector is not None
            and not embedding_table.has_embedding(
                self._session.connection, self._active.id, change.digest, changes.rules
            )
        }
        return {
            NewEmbedding(digest, changes.rules, change.share): change.vector
            for digest, change in by_digest.items()
            if change.vector is not None
        }


def has_remains(folder: Path) -> bool:
    """Whether a gallery is in ``folder``, even if it has lost its database."""
    return has_database(folder) or (Summary.read(folder) is not None and any(folder.glob("vectors-*.npy")))


def lost_database_error(folder: Path) -> GalleryDamagedError:
    """The error for a gallery that has lost its database."""
    return damage_error(folder / DATABASE, "missing, but there are embeddings")


def _is_own(name: str) -> bool:
    """Whether a file in a gallery's folder is one that a deleted gallery may have left."""
    return tables.is_vector_file_name(name) or name.startswith(SUMMARY)
