"""One process's connection to a gallery's SQLite database: consistent reads, atomic writes, and the writer's lock."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lookalike.atomic import make_folder
from lookalike.errors import GalleryError, GalleryExistsError, GalleryWriteError
from lookalike.file_locks import release_lock
from lookalike.gallery.local.database import (
    BUSY_SECONDS,
    DATABASE,
    connect_to_read,
    connect_to_write,
    convert_errors,
    database_state,
    new_database,
)
from lookalike.gallery.local.locks import LOCK, acquire_lock
from lookalike.gallery.local.sql import schema
from lookalike.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import FileLock


class Session:
    """An open database in ``folder``; if opened for writing, it holds the writer's lock until closed.

    It can be used from any thread; a mutex serialises access.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, lock: FileLock | None = None, *, sees_commits: bool = True
    ) -> None:
        self.folder = folder
        self.connection = connection
        self._lock = lock
        self._mutex = threading.RLock()
        # A connection that does not see commits by other processes is reopened when the file's state changes.
        self._state = None if sees_commits else database_state(folder)
        self._reopened = 0

    @classmethod
    def create(cls, folder: Path, is_own: Callable[[str], object], fill: Callable[[sqlite3.Connection], None]) -> Self:
        """Create a database in ``folder``, filled by ``fill``, and open it for writing.

        The folder must be empty, or new, except for files left by an interrupted creation or a deleted gallery:
        ``is_own`` tells whether a name is such a file's. Raises :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError` if the folder can't be written to or contains other files.
        """
        folder = folder.absolute()
        with convert_errors(folder):
            make_folder(folder)
            _check_no_other_files(folder, is_own)
        with convert_errors(folder):
            lock = acquire_lock(folder)
        try:
            _check_no_gallery(folder)
            with convert_errors(folder):
                with new_database(folder) as connection:
                    schema.migrate(connection)
                    fill(connection)
                return cls(folder, connect_to_write(folder), lock)
        except BaseException:
            release_lock(lock)
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        writing: bool = False,
        migrate: Callable[[sqlite3.Connection], None] = schema.migrate,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Self:
        """Open the database in ``folder``; for ``writing``, take the lock and migrate an older database.

        ``migrate`` is called in one transaction if the database is older. While another program has locked the
        database, a writer waits up to ``busy_seconds``.

        Raises :class:`~lookalike.errors.GalleryLockedError` if another process is writing, and
        :class:`~lookalike.errors.GalleryDamagedError` if the file can't be read.
        """
        with convert_errors(folder):
            lock = acquire_lock(folder) if writing else None
        try:
            with convert_errors(folder):
                connection, sees_commits = (
                    (connect_to_write(folder, busy_seconds), True) if writing else connect_to_read(folder)
                )
                schema.check_supported(connection, folder / DATABASE)
                if writing:
                    with connection:
                        connection.execute("BEGIN IMMEDIATE")
                        if not schema.is_latest(connection):
                            migrate(connection)
                return cls(folder, connection, lock, sees_commits=sees_commits)
        except BaseException:
            if lock is not None:
                release_lock(lock)
            raise

    @property
    def is_writable(self) -> bool:
        """Whether the session was opened for writing."""
        return self._lock is not None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A context in which all reads see the same commit."""
        with self._mutex, convert_errors(self.folder):
            if self.connection.in_transaction:
                yield
                return
            self._reopen_if_changed()
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.rollback()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """A context that other threads wait for."""
        with self._mutex, convert_errors(self.folder):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A context whose writes are committed together, or not at all if it raises."""
        if self._lock is None:
            raise read_only_error(self.folder)
        with self._mutex, convert_errors(self.folder), self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield

    @property
    def version(self) -> tuple[int, ...]:
        """A value that changes with every commit of this or another process."""
        return self._reopened, self.first_row("PRAGMA data_version")[0], self.connection.total_changes

    def _reopen_if_changed(self) -> None:
        if self._state is not None and self._state != (state := database_state(self.folder)):
            self.connection.close()
            self.connection, sees_commits = connect_to_read(self.folder)
            self._state = None if sees_commits else state
            self._reopened += 1

    def first_row(self, statement: str, *values: object) -> Any:
        """The first row of ``statement``; None if it returns no rows."""
        return self.connection.execute(statement, values).fetchone()

    def close(self) -> None:
        """Close the connection and release the lock."""
        with self._mutex:
            self.connection.close()
            if self._lock is not None:
                release_lock(self._lock)


def read_only_error(folder: Path) -> GalleryError:
    """The error for writing to a gallery that was opened read-only."""
    return GalleryError(f"{printable(folder)}: this gallery was opened read-only. Open it with writing=True")


def _check_no_other_files(folder: Path, is_own: Callable[[str], object]) -> None:
    names = (entry.name for entry in folder.iterdir())
    other = next((name for name in names if not name.startswith((DATABASE, LOCK)) and not is_own(name)), None)
    if other is not None:
        raise GalleryWriteError(
            f"{printable(folder)}: this folder contains other files ({printable(other)}). Choose a new or empty "
            "folder for the gallery: --gallery PATH"
        )


def _check_no_gallery(folder: Path) -> None:
    if (folder / DATABASE).exists():
        raise GalleryExistsError(
            f"{printable(folder)}: a gallery already exists here. To update it: lookalike index --gallery "
            f"{printable(folder)}"
        )
