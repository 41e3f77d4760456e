"""The store in a local folder: a SQLite database of images, and an append-only file of their vectors.

The two are only valid together. Vectors are written and synced before the transaction that refers to their rows is
committed, so every row that is referred to exists, even after a power cut. Rows that no transaction refers to are
overwritten by the next write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.gallery.local import schema, tables
from lookalike.gallery.local.database import DATABASE, damage_error
from lookalike.gallery.local.replacement import LocalReplacement, discard_unfinished
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.vector_file import VectorFile
from lookalike.gallery.store import Calibration, Changes, Entry, EntryChange
from lookalike.images.files import Skipped
from lookalike.search.index import ExactIndex, Vectors
from lookalike.text import printable


class LocalStore:
    """A gallery in a local folder; implements :class:`~lookalike.gallery.store.Store`.

    Opened for reading, it never writes; opened for writing, it holds the writer's lock until closed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        try:
            self._load_stamp()
        except BaseException:
            self.close()
            raise

    def _load_stamp(self) -> None:
        """Read the active encoder and the image folder from the database."""
        with self.snapshot():
            schema.check_latest(self._session.connection, self.folder / DATABASE)
            stamp = self._session.first_row("SELECT id, spec, location FROM stamps WHERE serving = 1")
            root = self._session.first_row("SELECT value FROM meta WHERE key = 'root'")
        try:
            self._root = Path(os.path.normpath(self.folder.resolve() / os.fsdecode(root[0])))
            weights_path = None if stamp[2] is None else Path(os.fsdecode(stamp[2]))
            self._set_stamp(stamp[0], EncoderSpec.from_json(stamp[1]), weights_path)
        except (TypeError, ValueError, KeyError) as error:
            raise damage_error(
                self.folder / DATABASE, f"its encoder or image folder is missing or invalid ({error!r})"
            ) from error

    def _set_stamp(self, stamp_id: int, stamp: EncoderSpec, weights_path: Path | None) -> None:
        self._stamp_id = stamp_id
        self._stamp = stamp
        self._weights_path = weights_path
        self._file = VectorFile(self.folder / tables.vector_file_name(stamp_id), stamp.dimension)
        self._index: ExactIndex | None = None
        self._index_version: tuple[int, ...] | None = None

    @classmethod
    def create(cls, folder: Path, root: Path, stamp: EncoderSpec, weights_path: Path | None = None) -> Self:
        """Create an empty gallery of ``root`` in ``folder``, open for writing.

        ``weights_path`` is None for catalogue encoders. Raises :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError` if the folder can't be written to.
        """

        def fill(connection: sqlite3.Connection) -> None:
            VectorFile(folder / vectors, stamp.dimension).create()
            tables.insert_stamp(connection, 1, stamp, weights_path, active=True)
            connection.execute("INSERT INTO meta VALUES ('root', ?)", (tables.encode_root(folder, root),))

        folder, vectors = folder.absolute(), tables.vector_file_name(1)
        return cls(Session.create(folder, [vectors], fill))

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Self:
        """Open the gallery in ``folder``; for ``writing``, take the lock and migrate an older gallery.

        Raises :class:`~lookalike.errors.GalleryLockedError` if another process is writing, and
        :class:`~lookalike.errors.GalleryDamagedError` if the files can't be read.
        """
        return cls(Session.open(folder, writing=writing))

    @property
    def folder(self) -> Path:
        """See :class:`Store`."""
        return self._session.folder

    @property
    def stamp(self) -> EncoderSpec:
        """See :class:`Store`."""
        return self._stamp

    @property
    def root(self) -> Path:
        """See :class:`Store`."""
        return self._root

    @property
    def is_writable(self) -> bool:
        """See :class:`Store`."""
        return self._session.is_writable

    @property
    def weights_path(self) -> Path | None:
        """See :class:`Store`."""
        return self._weights_path

    def set_weights_path(self, path: Path) -> None:
        """See :class:`Store`."""
        with self._session.transaction():
            values = (tables.encode_weights_path(path), self._stamp_id)
            self._session.connection.execute("UPDATE stamps SET location = ? WHERE id = ?", values)
        self._weights_path = path.absolute()

    def set_root(self, root: Path) -> None:
        """See :class:`Store`."""
        with self._session.transaction():
            stored = tables.encode_root(self.folder, root)
            self._session.connection.execute("UPDATE meta SET value = ? WHERE key = 'root'", (stored,))
        self._root = root

    def snapshot(self) -> AbstractContextManager[None]:
        """See :class:`Store`."""
        return self._session.snapshot()

    def entries(self) -> list[Entry]:
        """See :class:`Store`."""
        with self.snapshot():
            return list(tables.read_entries(self._session.connection))

    def skips(self) -> list[Skipped]:
        """See :class:`Store`."""
        with self.snapshot():
            try:
                return list(tables.read_skips(self._session.connection))
            except ValueError as error:
                raise damage_error(
                    self.folder / DATABASE, f"a skipped file has an unknown kind of problem ({error})"
                ) from error

    def paths(self, ids: Sequence[int]) -> list[str]:
        """See :class:`Store`."""
        with self.snapshot():
            rows = [self._session.first_row("SELECT path FROM entries WHERE id = ?", number) for number in ids]
            return ["" if row is None else os.fsdecode(row[0]) for row in rows]

    def ids_of_digest(self, digest: bytes) -> NDArray[np.int64]:
        """See :class:`Store`."""
        return self._read_integers(
            "SELECT e.id FROM entries e JOIN contents c ON c.id = e.content WHERE digest = ?", digest
        )

    def vectors(self) -> Vectors:
        """See :class:`Store`."""
        return self._current_index().vectors

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """See :class:`Store`."""
        try:
            return self._current_index().candidates(query, k, without)
        except ArithmeticError as error:
            raise damage_error(self._file.path, f"damaged ({error})") from error

    def calibration(self) -> Calibration | None:
        """See :class:`Store`."""
        with self.snapshot():
            return tables.read_calibration(self._session.connection, self._stamp_id)

    def sample_rows(self, size: int) -> NDArray[np.int64]:
        """See :class:`Store`."""
        statement = (
            "SELECT row FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ? ORDER BY lot LIMIT ?"
        )
        return np.sort(self._read_integers(statement, self._stamp_id, size))

    def check_vectors(self) -> None:
        """See :class:`Store`."""
        self._file.rows(self.row_count())

    def row_count(self) -> int:
        """See :class:`Store`."""
        with self.snapshot():
            return int(self._session.first_row("SELECT next_row FROM stamps WHERE id = ?", self._stamp_id)[0])

    def commit(self, changes: Changes) -> None:
        """See :class:`Store`."""
        connection = self._session.connection
        with self._session.exclusive():
            vectors = self._new_vectors(changes.upserts)
            first_row = self.row_count()
            if vectors:
                self._file.write(first_row, np.stack(list(vectors.values())))
            with self._session.transaction():
                tables.add_embeddings(connection, self._stamp_id, list(vectors), first_row)
                for change in changes.upserts:
                    tables.upsert_entry(connection, change)
                tables.delete_entries(connection, changes.removed)
                tables.delete_skips(connection, changes.unskipped)
                for skipped in changes.skipped:
                    tables.upsert_skip(connection, skipped)

    def delete_unused(self) -> None:
        """See :class:`Store`."""
        with self.snapshot():
            if not tables.has_unused(self._session.connection):
                return
        with self._session.transaction():
            tables.delete_unused(self._session.connection, self._stamp_id)

    def save_calibration(self, calibration: Calibration) -> None:
        """See :class:`Store`."""
        with self._session.transaction():
            tables.replace_calibration(self._session.connection, self._stamp_id, calibration)

    def open_replacement(self, stamp: EncoderSpec, weights_path: Path | None) -> LocalReplacement:
        """See :class:`Store`."""
        return LocalReplacement(self._session, stamp, weights_path, on_activate=self._load_stamp)

    def discard_replacement(self) -> None:
        """See :class:`Store`."""
        discard_unfinished(self._session, self._stamp_id)

    def close(self) -> None:
        """See :class:`Store`."""
        self._index = None
        self._session.close()

    def _new_vectors(self, changes: Iterable[EntryChange]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors among ``changes`` that are not stored yet, by digest."""
        return {
            change.digest: change.vector
            for change in changes
            if change.vector is not None
            and self._session.first_row(
                "SELECT 1 FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ? WHERE digest = ?",
                self._stamp_id,
                change.digest,
            )
            is None
        }

    def _current_index(self) -> ExactIndex:
        """The index of what is committed now; reused until the next commit."""
        with self.snapshot():
            version = self._session.version
            if self._index is None or self._index_version != version:
                self._index = ExactIndex(self._load_vectors())
                self._index_version = version
            return self._index

    def _load_vectors(self) -> Vectors:
        if self._session.first_row("SELECT 1 FROM stamps WHERE id = ?", self._stamp_id) is None:
            raise GalleryError(
                f"{printable(self.folder)}: another process converted this gallery to another encoder; open it again"
            )
        # On 100,000 images, reading columns and joining them here takes a third of the time of a join in SQL.
        ids, wanted = tables.read_columns(
            self._session.connection, "SELECT id, content AS number FROM entries ORDER BY path"
        )
        contents, rows = tables.read_columns(
            self._session.connection,
            "SELECT content AS id, row AS number FROM embeddings WHERE stamp = ? ORDER BY content",
            self._stamp_id,
        )
        positions = np.searchsorted(contents, wanted)
        embedded = np.append(contents, -1)[positions] == wanted
        used, matrix = rows[positions[embedded]], self._file.rows(self.row_count())
        if len(used) and not 0 <= used.min() <= used.max() < len(matrix):
            raise damage_error(self.folder / DATABASE, "refers to vectors that were never written")
        return Vectors(ids[embedded], used, matrix)

    def _read_integers(self, statement: str, *values: object) -> NDArray[np.int64]:
        with self.snapshot():
            records = self._session.connection.execute(statement, values).fetchall()
        return np.array(records, np.int64).reshape(-1)
