"""Rows of a gallery's SQLite file, read and written one kind at a time; transactions are the caller's affair."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.store import Entry, Write
from lookalike.images.files import FileStat, SkipKind, Skipped

_SAMPLE_SEED: Final = b"lookalike calibration sample, seed 0: "


def entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    """All entries, in the order of their paths' bytes."""
    for number, path, size, mtime_ns, inode, digest in connection.execute(
        "SELECT e.id, path, size, mtime_ns, inode, digest "
        "FROM entries e JOIN contents c ON c.id = e.content ORDER BY path"
    ):
        yield Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest)


def enter(connection: sqlite3.Connection, write: Write) -> None:
    """Make the entry that ``write`` asks for, or bring it up to date; its content is there already."""
    path = os.fsencode(write.path)
    if write.moved is not None or write.displaces:
        connection.execute("DELETE FROM entries WHERE path = ? OR id = ?", (path, write.moved))
    connection.execute(
        "INSERT INTO entries (id, path, size, mtime_ns, inode, content) "
        "VALUES (?, ?, ?, ?, ?, (SELECT id FROM contents WHERE digest = ?)) "
        "ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "inode = excluded.inode, content = excluded.content",
        (write.moved, path, write.stat.size, write.stat.mtime_ns, write.stat.inode, write.digest),
    )


def skips(connection: sqlite3.Connection) -> Iterator[Skipped]:
    """All skipped files, in the order of their paths' bytes."""
    for path, kind, reason, size, *rest in connection.execute("SELECT * FROM skips ORDER BY path"):
        stat = None if size is None else FileStat(size, *rest)
        yield Skipped(os.fsdecode(path), SkipKind(kind), reason, stat)


def skip(connection: sqlite3.Connection, skipped: Skipped) -> None:
    """Put a file on the list of skipped files, in the place of what the list said of it before."""
    stat = (None,) * 3 if skipped.stat is None else (skipped.stat.size, skipped.stat.mtime_ns, skipped.stat.inode)
    connection.execute(
        "INSERT OR REPLACE INTO skips VALUES (?, ?, ?, ?, ?, ?)",
        (os.fsencode(skipped.path), skipped.kind, skipped.reason, *stat),
    )


def embed(connection: sqlite3.Connection, stamp: int, digests: list[bytes], first: int) -> None:
    """Say that the embeddings of ``digests`` by ``stamp`` lie at the rows from ``first`` on."""
    connection.executemany(
        "INSERT INTO contents (digest, lot) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        [(digest, _lot(digest)) for digest in digests],
    )
    connection.executemany(
        "INSERT INTO embeddings SELECT ?, id, ? FROM contents WHERE digest = ?",
        [(stamp, row, digest) for row, digest in enumerate(digests, start=first)],
    )
    connection.execute("UPDATE stamps SET next_row = ? WHERE id = ?", (first + len(digests), stamp))


def name_stamp(
    connection: sqlite3.Connection, number: int, stamp: EncoderSpec, location: Path | None, *, serving: bool
) -> None:
    """Enter an encoder under ``number``; ``location`` is where its weights are, if they aren't the catalogue's."""
    where = None if location is None else stored_location(location)
    connection.execute(
        "INSERT INTO stamps (id, spec, location, serving) VALUES (?, ?, ?, ?)",
        (number, stamp.to_json(), where, serving),
    )


def vector_file_name(stamp_id: int | str) -> str:
    """The name of the file that holds the vectors of the stamp of that number."""
    return f"vectors-{stamp_id}.f32"


def stored_location(location: Path) -> bytes:
    """Where weights are, as kept: links aren't followed, for a checkpoint's config lies beside the link."""
    return os.fsencode(location.absolute())


def stored_root(folder: Path, root: Path) -> bytes:
    """The root as kept: relative where the gallery lies inside it, so that both may be moved together."""
    folder, root = folder.resolve(), root.resolve()
    return os.fsencode(os.path.relpath(root, folder) if folder.is_relative_to(root) else root)


def packed(
    connection: sqlite3.Connection, statement: str, *values: object
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns ``id`` and ``number`` of a statement's rows, each as one array: a third of the time of rows."""
    query = f"SELECT group_concat(id), group_concat(number) FROM ({statement})"
    ids, numbers = (
        np.fromstring(column or "", np.int64, sep=",") for column in connection.execute(query, values).fetchone()
    )
    return ids, numbers


def _lot(digest: bytes) -> int:
    """A content's place in the seeded order that samples are drawn in: 63 bits of SHA-256."""
    return int.from_bytes(hashlib.sha256(_SAMPLE_SEED + digest).digest()[:8], "big") >> 1
