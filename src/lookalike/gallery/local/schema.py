"""The schema of a gallery's SQLite database, its versions, and the migrations between them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError
from lookalike.gallery.local.database import damage_error
from lookalike.text import printable

APPLICATION_ID: Final = 0x4C6F6F6B  # "Look" in ASCII: identifies the file as a gallery's

# stamps: encoders; one is active (serving = 1), and another may be replacing it. entries: image files; paths are blobs,
# the bytes of the file system. contents: distinct file contents; lot is the content's key in the sampling order.
# embeddings: the row of each content in a stamp's vector file. Rows are never reused, so that a reader's older view of
# the file stays valid.
MIGRATIONS: Final = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
    CREATE TABLE stamps (
        id INTEGER PRIMARY KEY,
        spec TEXT NOT NULL,
        location BLOB,
        serving INTEGER NOT NULL,
        next_row INTEGER NOT NULL DEFAULT 0,
        calibrated_through INTEGER
    ) STRICT;
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        lot INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX contents_by_lot ON contents (lot);
    CREATE TABLE embeddings (
        stamp INTEGER NOT NULL REFERENCES stamps,
        content INTEGER NOT NULL REFERENCES contents,
        row INTEGER NOT NULL,
        PRIMARY KEY (stamp, content)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        content INTEGER NOT NULL REFERENCES contents
    ) STRICT;
    CREATE INDEX entries_by_content ON entries (content);
    CREATE TABLE skips (
        path BLOB PRIMARY KEY,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        size INTEGER,
        mtime_ns INTEGER,
        inode INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE calibration (
        stamp INTEGER NOT NULL REFERENCES stamps,
        row INTEGER NOT NULL,
        best_row INTEGER NOT NULL,
        score REAL NOT NULL,
        PRIMARY KEY (stamp, row)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""Each script migrates from the version before it to the next; version 0 is an empty file."""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of the open database; 0 if it is new."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the open database to the latest version, in the caller's transaction. It must not be newer than that."""
    for script in MIGRATIONS[version(connection) :]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check_supported(connection: sqlite3.Connection, file: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless the open ``file`` is a gallery's, of a supported version."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise damage_error(file, "not the database of a gallery")
    current = version(connection)
    if current > len(MIGRATIONS):
        raise GalleryError(
            f"{printable(file)}: this gallery was made by a newer Lookalike (format {current}; this version supports "
            f"up to {len(MIGRATIONS)}). Update Lookalike"
        )


def check_latest(connection: sqlite3.Connection, file: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless the open ``file`` has the latest version."""
    check_supported(connection, file)
    if version(connection) < len(MIGRATIONS):
        raise GalleryError(
            f"{printable(file)}: this gallery has an older format. To upgrade it: lookalike index --gallery "
            f"{printable(file.parent)}"
        )
