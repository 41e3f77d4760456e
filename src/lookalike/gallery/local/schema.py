"""The layout of a gallery's SQLite file, its versions, and how an older one becomes the newest."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError
from lookalike.gallery.local.database import damaged
from lookalike.text import shown

APPLICATION_ID: Final = 0x4C6F6F6B  # "Look", so that the file says whose it is

# A stamp is an encoder; one serves, another may be in the making beside it. Paths are blobs, as the file system gives
# them. A content is what a file's bytes are, whatever its name; its embedding lies at a row of a stamp's vector file.
# Rows are never used twice, so a reader's older view stays right.
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
"""Each script leads from the version before it to the next; version 0 is an empty file."""


def version(connection: sqlite3.Connection) -> int:
    """The version of the open file; 0 where it is new."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the open file, not a newer one, to the newest version, in the transaction that the caller has begun."""
    for script in MIGRATIONS[version(connection) :]:
        for statement in script.split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check_ours(connection: sqlite3.Connection, file: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless the open ``file`` is a gallery's that this code knows."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise damaged(file, "this is not a gallery's file")
    current = version(connection)
    if current > len(MIGRATIONS):
        raise GalleryError(
            f"{shown(file)}: the gallery was made by a newer Lookalike (its version is {current}, this program knows "
            f"up to {len(MIGRATIONS)}): update Lookalike"
        )


def check_readable(connection: sqlite3.Connection, file: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless the open ``file`` is of the version that this code reads."""
    check_ours(connection, file)
    if version(connection) < len(MIGRATIONS):
        raise GalleryError(f"{shown(file)}: the gallery is of an older version; lookalike index brings it up to date")
