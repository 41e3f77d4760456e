"""One process's connection to a gallery's SQLite file: what is read belongs to one commit, what is written is one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lookalike.errors import GalleryError, GalleryExistsError, GalleryWriteError
from lookalike.gallery.local import schema
from lookalike.gallery.local.database import (
    DATABASE,
    LOCK,
    connect_to_read,
    connect_to_write,
    locked,
    new_database,
    refusals,
    state_of,
)
from lookalike.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import FileLock


class Session:
    """An open gallery file in ``folder``; opened for writing, it holds the writer's lock until closed.

    It may be used from any thread; threads take turns.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, lock: FileLock | None = None, *, shared: bool = True
    ) -> None:
        self.folder = folder
        self.connection = connection
        self._lock = lock
        self._turn = threading.RLock()
        # Where commits of others aren't seen, the file's own time and size tell of them.
        self._state = None if shared else state_of(folder)
        self._reopened = 0

    @classmethod
    def create(cls, folder: Path, ours: Sequence[str], fill: Callable[[sqlite3.Connection], None]) -> Self:
        """Make a gallery file in ``folder``, open for writing, once ``fill`` has put into it what belongs there.

        Names of files that begin like one of ``ours`` may lie in the folder already, left by a creation that was
        interrupted. Raises :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError` where the folder can't be written to, or holds other things.
        """
        folder = folder.absolute()
        with refusals(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(folder, (DATABASE, LOCK, *ours))
        lock = locked(folder)
        try:
            _refuse_existing(folder)
            with refusals(folder):
                with new_database(folder) as connection:
                    schema.migrate(connection)
                    fill(connection)
                return cls(folder, connect_to_write(folder), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, folder: Path, *, writing: bool = False) -> Self:
        """Open the gallery file in ``folder``; for ``writing``, take the lock and bring an older file up to date.

        Raises :class:`~lookalike.errors.GalleryLockedError` where another process is writing, and
        :class:`~lookalike.errors.GalleryDamagedError` where the file can't be read.
        """
        lock = locked(folder) if writing else None
        try:
            with refusals(folder):
                connection, shared = (connect_to_write(folder), True) if writing else connect_to_read(folder)
                schema.check_ours(connection, folder / DATABASE)
                if writing:
                    with connection:
                        connection.execute("BEGIN IMMEDIATE")
                        schema.migrate(connection)
                return cls(folder, connection, lock, shared=shared)
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._lock is not None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside belongs to one commit."""
        with self._turn, refusals(self.folder):
            if self.connection.in_transaction:
                yield
                return
            self._renew()
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.rollback()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nothing that another thread does comes between what is done inside."""
        with self._turn, refusals(self.folder):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything written inside is committed together, or not at all."""
        if self._lock is None:
            raise GalleryError(
                f"{shown(self.folder)}: this gallery is open for reading only: open it with writing=True"
            )
        with self._turn, refusals(self.folder), self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield

    @property
    def version(self) -> tuple[int, ...]:
        """What changes with every commit, one's own or another's."""
        return self._reopened, self.one("PRAGMA data_version")[0], self.connection.total_changes

    def _renew(self) -> None:
        """Open the file anew if somebody has changed it where this connection can't see that."""
        if self._state is not None and self._state != (state := state_of(self.folder)):
            self.connection.close()
            self.connection, shared = connect_to_read(self.folder)
            self._state = None if shared else state
            self._reopened += 1

    def one(self, statement: str, *values: object) -> Any:
        """The first row that ``statement`` gives, None where there is none."""
        return self.connection.execute(statement, values).fetchone()

    def close(self) -> None:
        """Let go of the file and of the lock."""
        with self._turn:
            self.connection.close()
            if self._lock is not None:
                self._lock.release()


def read_only(folder: Path) -> GalleryError:
    """The error for writing to a gallery that was opened for reading."""
    return GalleryError(f"{shown(folder)}: this gallery is open for reading only; open it with writing=True")


def _refuse_foreign(folder: Path, ours: tuple[str, ...]) -> None:
    """A gallery gets a folder of its own; what an interrupted creation left there is no hindrance."""
    foreign = next((entry.name for entry in folder.iterdir() if not entry.name.startswith(ours)), None)
    if foreign is not None:
        raise GalleryWriteError(
            f"{shown(folder)}: other things are in this folder ({shown(foreign)}); give the gallery one of its own"
        )


def _refuse_existing(folder: Path) -> None:
    if (folder / DATABASE).exists():
        raise GalleryExistsError(f"{shown(folder)}: there is a gallery here already")
