"""The first store: SQLite says which pictures exist, their vectors lie in an append-only file beside it.

Both together are the truth. Vectors are written and synced before the transaction that names their rows is committed,
so a row that is named is there, whenever the power goes; rows that nobody names are overwritten by the next write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.gallery.local import schema, tables
from lookalike.gallery.local.database import DATABASE, damaged
from lookalike.gallery.local.replacement import LocalReplacement, forget_unfinished
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.vector_file import VectorFile
from lookalike.gallery.store import Calibration, Changes, Entry, Write
from lookalike.images.files import Skipped
from lookalike.search.index import ExactIndex, Vectors
from lookalike.text import shown

_UNUSED: Final = "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM entries)"
_SWEEP: Final = (
    f"CREATE TEMP TABLE unused AS {_UNUSED}",
    "CREATE TEMP TABLE dead AS SELECT row FROM embeddings WHERE stamp = :stamp AND content IN unused",
    "DELETE FROM calibration WHERE stamp = :stamp AND (row IN dead OR best_row IN dead)",
    "DELETE FROM embeddings WHERE content IN unused",
    "DELETE FROM contents WHERE id IN unused",
    "DROP TABLE unused",
    "DROP TABLE dead",
)


class LocalStore:
    """A gallery in one folder of this machine; implements :class:`~lookalike.gallery.store.Store`.

    Opened for reading, it never writes; opened for writing, it holds the writer's lock until closed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        try:
            self._identify()
        except BaseException:
            self.close()
            raise

    def _identify(self) -> None:
        """Read which encoder serves now, and where the photographs are."""
        with self.snapshot():
            schema.check_readable(self._session.connection, self.folder / DATABASE)
            stamp = self._session.one("SELECT id, spec, location FROM stamps WHERE serving = 1")
            root = self._session.one("SELECT value FROM meta WHERE key = 'root'")
        try:
            self._root = Path(os.path.normpath(self.folder.resolve() / os.fsdecode(root[0])))
            location = None if stamp[2] is None else Path(os.fsdecode(stamp[2]))
            self._use(stamp[0], EncoderSpec.from_json(stamp[1]), location)
        except (TypeError, ValueError, KeyError) as error:
            raise damaged(
                self.folder / DATABASE, f"it names no encoder or folder that this program knows ({error!r})"
            ) from error

    def _use(self, stamp_id: int, stamp: EncoderSpec, location: Path | None) -> None:
        self._stamp_id = stamp_id
        self._stamp = stamp
        self._location = location
        self._file = VectorFile(self.folder / tables.vector_file_name(stamp_id), stamp.dimension)
        self._index: ExactIndex | None = None
        self._index_version: tuple[int, ...] | None = None

    @classmethod
    def create(cls, folder: Path, root: Path, stamp: EncoderSpec, location: Path | None = None) -> Self:
        """Make an empty gallery of ``root`` in ``folder``, open for writing.

        ``location`` is the path of the encoder's weights, where they are not those of the catalogue.

        Raises :class:`~lookalike.errors.GalleryExistsError`, and :class:`~lookalike.errors.GalleryWriteError` where
        the folder can't be written to.
        """

        def fill(connection: sqlite3.Connection) -> None:
            VectorFile(folder / vectors, stamp.dimension).create()
            tables.name_stamp(connection, 1, stamp, location, serving=True)
            connection.execute("INSERT INTO meta VALUES ('root', ?)", (tables.stored_root(folder, root),))

        folder, vectors = folder.absolute(), tables.vector_file_name(1)
        return cls(Session.create(folder, [vectors], fill))

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Self:
        """Open the gallery in ``folder``; for ``writing``, take the lock and bring an older gallery up to date.

        Raises :class:`~lookalike.errors.GalleryLockedError` where another process is writing, and
        :class:`~lookalike.errors.GalleryDamagedError` where the files can't be read.
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
    def location(self) -> Path | None:
        """See :class:`Store`."""
        return self._location

    def move_weights(self, location: Path) -> None:
        """See :class:`Store`."""
        with self._session.writing():
            values = (tables.stored_location(location), self._stamp_id)
            self._session.connection.execute("UPDATE stamps SET location = ? WHERE id = ?", values)
        self._location = location.absolute()

    def move_root(self, root: Path) -> None:
        """See :class:`Store`."""
        with self._session.writing():
            stored = tables.stored_root(self.folder, root)
            self._session.connection.execute("UPDATE meta SET value = ? WHERE key = 'root'", (stored,))
        self._root = root

    def snapshot(self) -> AbstractContextManager[None]:
        """See :class:`Store`."""
        return self._session.snapshot()

    def entries(self) -> list[Entry]:
        """See :class:`Store`."""
        with self.snapshot():
            return list(tables.entries(self._session.connection))

    def skips(self) -> list[Skipped]:
        """See :class:`Store`."""
        with self.snapshot():
            try:
                return list(tables.skips(self._session.connection))
            except ValueError as error:
                raise damaged(
                    self.folder / DATABASE, f"a skipped file has a reason that isn't known ({error})"
                ) from error

    def paths(self, ids: Sequence[int]) -> list[str]:
        """See :class:`Store`."""
        with self.snapshot():
            found = (self._session.one("SELECT path FROM entries WHERE id = ?", number) for number in ids)
            return ["" if row is None else os.fsdecode(row[0]) for row in found]

    def filter(self, *, digest: bytes) -> NDArray[np.int64]:
        """See :class:`Store`."""
        with self.snapshot():
            return _integers(
                self._session.connection.execute(
                    "SELECT e.id FROM entries e JOIN contents c ON c.id = e.content WHERE digest = ?", (digest,)
                )
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
            raise damaged(self._file.path, f"damaged ({error})") from error

    def calibration(self) -> Calibration | None:
        """See :class:`Store`."""
        with self.snapshot():
            stamp = self._session.one("SELECT calibrated_through FROM stamps WHERE id = ?", self._stamp_id)
            if stamp is None or stamp[0] is None:
                return None
            table = self._session.connection.execute(
                "SELECT row, best_row, score FROM calibration WHERE stamp = ? ORDER BY row", (self._stamp_id,)
            ).fetchall()
        rows, best_rows, scores = zip(*table, strict=True) if table else ((), (), ())
        return Calibration(np.array(rows, np.int64), np.array(best_rows, np.int64), np.array(scores, float), stamp[0])

    def sample(self, size: int) -> NDArray[np.int64]:
        """See :class:`Store`."""
        with self.snapshot():
            return np.sort(
                _integers(
                    self._session.connection.execute(
                        "SELECT row FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ? "
                        "ORDER BY lot LIMIT ?",
                        (self._stamp_id, size),
                    )
                )
            )

    def check(self) -> None:
        """See :class:`Store`."""
        self._file.rows(self.written())

    def written(self) -> int:
        """See :class:`Store`."""
        with self.snapshot():
            return int(self._session.one("SELECT next_row FROM stamps WHERE id = ?", self._stamp_id)[0])

    def commit(self, changes: Changes) -> None:
        """See :class:`Store`."""
        with self._session.turn():
            fresh = self._fresh(changes.writes)
            first = self.written()
            if fresh:
                self._file.write(first, np.stack(list(fresh.values())))
            with self._session.writing():
                tables.embed(self._session.connection, self._stamp_id, list(fresh), first)
                for write in changes.writes:
                    tables.enter(self._session.connection, write)
                self._many("DELETE FROM entries WHERE path = ?", [(os.fsencode(path),) for path in changes.removed])
                self._many("DELETE FROM skips WHERE path = ?", [(os.fsencode(path),) for path in changes.unskipped])
                for skipped in changes.skipped:
                    tables.skip(self._session.connection, skipped)

    def sweep(self) -> None:
        """See :class:`Store`."""
        with self.snapshot():
            if self._session.one(f"{_UNUSED} LIMIT 1") is None:
                return
        with self._session.writing():
            for statement in _SWEEP:
                self._session.connection.execute(statement, {"stamp": self._stamp_id})

    def calibrate(self, calibration: Calibration) -> None:
        """See :class:`Store`."""
        table = zip(calibration.rows.tolist(), calibration.best_rows.tolist(), calibration.scores.tolist(), strict=True)
        with self._session.writing():
            self._session.connection.execute("DELETE FROM calibration WHERE stamp = ?", (self._stamp_id,))
            self._many("INSERT INTO calibration VALUES (?, ?, ?, ?)", [(self._stamp_id, *row) for row in table])
            self._session.connection.execute(
                "UPDATE stamps SET calibrated_through = ? WHERE id = ?", (calibration.through, self._stamp_id)
            )

    def replacement(self, stamp: EncoderSpec, location: Path | None) -> LocalReplacement:
        """See :class:`Store`."""
        return LocalReplacement(self._session, stamp, location, promoted=self._identify)

    def forget_replacement(self) -> None:
        """See :class:`Store`."""
        forget_unfinished(self._session, self._stamp_id)

    def close(self) -> None:
        """See :class:`Store`."""
        self._index = None
        self._session.close()

    def _fresh(self, writes: Iterable[Write]) -> dict[bytes, NDArray[np.float32]]:
        """The contents that come with a vector and have none here yet."""
        return {
            write.digest: write.vector
            for write in writes
            if write.vector is not None
            and self._session.one(
                "SELECT 1 FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ? WHERE digest = ?",
                self._stamp_id,
                write.digest,
            )
            is None
        }

    def _current_index(self) -> ExactIndex:
        """The index over what is committed now; the last one while nothing has been committed since."""
        with self.snapshot():
            version = self._session.version
            if self._index is None or self._index_version != version:
                self._index = ExactIndex(self._load())
                self._index_version = version
            return self._index

    def _load(self) -> Vectors:
        if self._session.one("SELECT 1 FROM stamps WHERE id = ?", self._stamp_id) is None:
            raise GalleryError(
                f"{shown(self.folder)}: this gallery has been moved to another encoder meanwhile; open it again"
            )
        # Joined here rather than in SQL, and read packed: on 100,000 pictures that takes a third of the time.
        ids, wanted = tables.packed(self._session.connection, "SELECT id, content AS number FROM entries ORDER BY path")
        contents, rows = tables.packed(
            self._session.connection,
            "SELECT content AS id, row AS number FROM embeddings WHERE stamp = ? ORDER BY content",
            self._stamp_id,
        )
        places = np.searchsorted(contents, wanted)
        embedded = np.append(contents, -1)[places] == wanted
        used, matrix = rows[places[embedded]], self._file.rows(self.written())
        if len(used) and not 0 <= used.min() <= used.max() < len(matrix):
            raise damaged(self.folder / DATABASE, "it names vectors that were never written")
        return Vectors(ids[embedded], used, matrix)

    def _many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._session.connection.executemany(statement, rows)


def _integers(cursor: sqlite3.Cursor) -> NDArray[np.int64]:
    return np.array(cursor.fetchall(), np.int64).reshape(-1)
