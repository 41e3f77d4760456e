"""Open a gallery's SQLite database for reading or writing, and convert SQLite and disk errors to gallery errors."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lookalike.atomic import sync_folder
from lookalike.errors import GalleryDamagedError, GalleryError, GalleryLockedError, GalleryLocksError, GalleryWriteError
from lookalike.gallery.local.locks import check_locks
from lookalike.text import printable

DATABASE: Final = "gallery.sqlite3"
BUSY_SECONDS: Final = 10.0
"""How long to wait while another program has locked the database."""
_NO_SHARED_MEMORY: Final = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")
_FULL_DISK_BYTES: Final = 256 * 1024


def has_database(folder: Path) -> bool:
    """Whether ``folder`` contains the database of a gallery."""
    return (folder / DATABASE).is_file()


@contextmanager
def new_database(folder: Path) -> Iterator[sqlite3.Connection]:
    """Create a database in ``folder``: the caller fills it inside the context, then it appears there, durably.

    If the process is killed before that, the folder has no database.
    """
    for leftover in folder.glob(f"{DATABASE}?*"):  # from an interrupted creation, or a database deleted since
        leftover.unlink()
    unfinished = folder / f"{DATABASE}-new"
    connection = connect_new(unfinished)
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
    finally:
        connection.close()
    unfinished.replace(folder / DATABASE)
    sync_folder(folder)


def connect_new(path: Path) -> sqlite3.Connection:
    """Open a new database at ``path``."""
    return _connect(path.absolute().as_uri())


def connect_to_write(folder: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the database in ``folder`` for writing; the caller holds the writer's lock."""
    connection = _connect(f"{(folder / DATABASE).absolute().as_uri()}?mode=rw", busy_seconds)
    # WAL lets readers read during a commit; FULL makes each commit durable before it returns.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def connect_to_read(folder: Path, name: str = DATABASE) -> tuple[sqlite3.Connection, bool]:
    """Open the database ``name`` in ``folder`` for reading, also if the folder is read-only or can't be locked.

    The second value tells whether the connection sees later commits by other processes.
    """
    address = (folder / name).absolute().as_uri()
    try:
        check_locks(folder)
    except GalleryLocksError:
        if _has_pending_log(folder / name):
            raise
        return _connect(f"{address}?immutable=1"), False  # no one can write to it either
    connection = _connect(f"{address}?mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if not error.sqlite_errorname.startswith(_NO_SHARED_MEMORY) or _has_pending_log(folder / name):
            raise
        # On a read-only or full disk, SQLite can't create the files that readers and writers share. "immutable" does
        # without them, and takes the file to be unchanging.
        return _connect(f"{address}?immutable=1"), False
    return connection, True


def database_state(folder: Path) -> tuple[int, int, bool]:
    """A value that changes with every commit: the database's time and size, and whether its log has commits."""
    status = (folder / DATABASE).stat()
    return status.st_mtime_ns, status.st_size, _has_pending_log(folder / DATABASE)


def _has_pending_log(database: Path) -> bool:
    """Whether SQLite's log has commits, as after a killed writer; an "immutable" connection would not see them."""
    log = database.with_name(f"{database.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def _connect(address: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA trusted_schema = OFF")  # a gallery may come from elsewhere
    return connection


@contextmanager
def convert_errors(folder: Path) -> Iterator[None]:
    """Convert OSError and SQLite errors to :class:`~lookalike.errors.GalleryError` with the gallery and a remedy."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a bug in the calling code
    except sqlite3.OperationalError as error:
        raise _operational_error(folder, getattr(error, "sqlite_errorname", "SQLITE_CORRUPT"), str(error)) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter from a damaged message or name
        raise damage_error(folder / DATABASE, f"damaged ({error})") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _operational_error(folder, "SQLITE_FULL", str(error)) from error
        raise _operational_error(folder, "", error.strerror or str(error)) from error


def damage_error(file: Path, problem: str) -> GalleryDamagedError:
    """The error for a gallery's ``file`` that can't be used, with the remedy."""
    return GalleryDamagedError(
        f"{printable(file)}: {problem}. Your images are not affected. To repair the gallery: lookalike repair "
        f"--gallery {printable(file.parent)}",
        file=file.name,
        problem=problem,
    )


def unreadable_error(file: Path, error: OSError) -> GalleryError:
    """The error for a gallery's ``file`` that is there but can't be read: the next try may succeed."""
    return GalleryWriteError(
        f"{printable(file)}: can't be read ({error.strerror}). Run the same command again. If that doesn't help, "
        f"delete this file and run: lookalike repair --gallery {printable(file.parent)}"
    )


def _operational_error(folder: Path, name: str, detail: str) -> GalleryError:
    """The error for the SQLite error code ``name``; empty for errors of the operating system."""
    # On a full disk, SQLite reports SQLITE_FULL or, if its shared memory does not fit, an I/O error.
    if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and shutil.disk_usage(folder).free < _FULL_DISK_BYTES):
        return GalleryWriteError(
            f"{printable(folder)}: the disk is full. Everything committed before is safe. Free some space and run the "
            "same command again"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return GalleryLockedError(
            f"{printable(folder)}: another program has locked this gallery's database. Try again in a moment"
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")):
        return damage_error(folder / DATABASE, f"damaged ({detail})")
    return GalleryWriteError(
        f"{printable(folder)}: can't read or write the gallery here ({detail}). To keep it elsewhere: lookalike index "
        "FOLDER --gallery PATH"
    )
