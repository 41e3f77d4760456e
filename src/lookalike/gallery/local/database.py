"""Open a gallery's SQLite file, for reading or for writing, and say in words what disks and SQLite refuse."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import GalleryDamagedError, GalleryError, GalleryLockedError, GalleryWriteError
from lookalike.text import shown

if TYPE_CHECKING:
    from filelock import FileLock

DATABASE: Final = "gallery.sqlite3"
LOCK: Final = "writer.lock"
_PATIENCE_SECONDS: Final = 10.0
_CANNOT_SHARE: Final = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")
_NO_ROOM: Final = 256 * 1024  # bytes


@contextmanager
def new_database(folder: Path) -> Iterator[sqlite3.Connection]:
    """A database to be filled inside; after that it is in ``folder``, durably. A kill meanwhile leaves none there."""
    for leftover in folder.glob(f"{DATABASE}?*"):  # of a creation that was interrupted, or of a database deleted since
        leftover.unlink()
    unfinished = folder / f"{DATABASE}-new"
    connection = _connect(unfinished.absolute().as_uri())
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
    finally:
        connection.close()
    unfinished.replace(folder / DATABASE)
    sync_folder(folder)


def connect_to_write(folder: Path) -> sqlite3.Connection:
    """Open the database in ``folder`` for the one writer."""
    connection = _connect(f"{(folder / DATABASE).absolute().as_uri()}?mode=rw")
    # WAL lets readers read while a commit is made; FULL makes each commit durable before it returns.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def connect_to_read(folder: Path) -> tuple[sqlite3.Connection, bool]:
    """Open the database in ``folder`` for reading, also where nothing can be written.

    The second value tells whether commits of others are seen through this connection.
    """
    address = (folder / DATABASE).absolute().as_uri()
    connection = _connect(f"{address}?mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if not error.sqlite_errorname.startswith(_CANNOT_SHARE) or _has_log(folder):
            raise
        # Where nothing may be written, or the disk is full, SQLite can't make the files that readers and writers share.
        # It then reads the file as if nobody ever changed it.
        return _connect(f"{address}?immutable=1"), False
    return connection, True


def state_of(folder: Path) -> tuple[int, int, bool]:
    """What changes when somebody commits: time and size of the database, and whether commits wait in its log."""
    status = (folder / DATABASE).stat()
    return status.st_mtime_ns, status.st_size, _has_log(folder)


def _has_log(folder: Path) -> bool:
    """Whether commits are waiting in SQLite's log, which a killed writer leaves; "immutable" would overlook them."""
    log = folder / f"{DATABASE}-wal"
    return log.is_file() and log.stat().st_size > 0


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)


def locked(folder: Path) -> FileLock:
    """Take the writer's lock; it is let go by ``release`` or by the end of the process, however that comes."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, thread_local=False)
    with refusals(folder):
        try:
            lock.acquire(timeout=0)
        except Timeout:  # an OSError by inheritance, but the disk has refused nothing
            raise GalleryLockedError(
                f"{shown(folder)}: another process is writing to this gallery; try again when it has finished"
            ) from None
    return lock


@contextmanager
def refusals(folder: Path) -> Iterator[None]:
    """Turn what the disk and SQLite say into errors that name the gallery and the way out."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake in the program
    except sqlite3.OperationalError as error:
        raise _refused(folder, getattr(error, "sqlite_errorname", "SQLITE_CORRUPT"), str(error)) from error
    except sqlite3.DatabaseError as error:
        raise damaged(folder / DATABASE, f"damaged ({error})") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _refused(folder, "SQLITE_FULL", str(error)) from error
        raise _refused(folder, "", error.strerror or str(error)) from error


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable; on systems that can't, they are so by themselves."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def damaged(file: Path, what: str) -> GalleryDamagedError:
    """The error for a ``file`` of a gallery that can't be used, with the way out."""
    return GalleryDamagedError(
        f"{shown(file)}: {what}. The photographs are not touched by this: delete {shown(file.with_name(DATABASE))} and "
        "index again"
    )


def _refused(folder: Path, name: str, detail: str) -> GalleryError:
    # SQLite says so where it may, but calls it a failing disk where its shared memory doesn't fit.
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and shutil.disk_usage(folder).free < _NO_ROOM):
        return GalleryWriteError(
            f"{shown(folder)}: the disk is full. The gallery is good, with all that was committed before; make room "
            "and run the same command again"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return GalleryLockedError(f"{shown(folder)}: another process keeps this gallery busy; try again in a moment")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")):
        return damaged(folder / DATABASE, f"damaged ({detail})")
    return GalleryWriteError(
        f"{shown(folder)}: can't be written or read there ({detail}). To keep the gallery elsewhere: lookalike index "
        "FOLDER --gallery PATH"
    )
