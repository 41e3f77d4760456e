"""Read and write the tables of a gallery's SQLite database; the caller manages transactions."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.store import Calibration, Entry, EntryChange
from lookalike.images.files import FileStat, SkipKind, Skipped

_SAMPLE_SEED: Final = b"lookalike calibration sample, seed 0: "

# Kinds that were renamed: earlier versions stored them in galleries under these names.
_RENAMED_KINDS: Final = {"not-a-picture": SkipKind.NOT_AN_IMAGE}

_SELECT_UNUSED: Final = "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM entries)"
_DELETE_UNUSED: Final = (
    f"CREATE TEMP TABLE unused AS {_SELECT_UNUSED}",
    "CREATE TEMP TABLE unused_rows AS SELECT row FROM embeddings WHERE stamp = :stamp AND content IN unused",
    "DELETE FROM calibration WHERE stamp = :stamp AND (row IN unused_rows OR best_row IN unused_rows)",
    "DELETE FROM embeddings WHERE content IN unused",
    "DELETE FROM contents WHERE id IN unused",
    "DROP TABLE unused",
    "DROP TABLE unused_rows",
)


def read_entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    """All entries, ordered by the bytes of their paths."""
    for number, path, size, mtime_ns, inode, digest in connection.execute(
        "SELECT e.id, path, size, mtime_ns, inode, digest "
        "FROM entries e JOIN contents c ON c.id = e.content ORDER BY path"
    ):
        yield Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest)


def upsert_entry(connection: sqlite3.Connection, change: EntryChange) -> None:
    """Insert or update an entry; its content must exist."""
    path = os.fsencode(change.path)
    if change.moved_id is not None or change.replaces_entry:
        connection.execute("DELETE FROM entries WHERE path = ? OR id = ?", (path, change.moved_id))
    connection.execute(
        "INSERT INTO entries (id, path, size, mtime_ns, inode, content) "
        "VALUES (?, ?, ?, ?, ?, (SELECT id FROM contents WHERE digest = ?)) "
        "ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "inode = excluded.inode, content = excluded.content",
        (change.moved_id, path, change.stat.size, change.stat.mtime_ns, change.stat.inode, change.digest),
    )


def delete_entries(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Delete the entries at these paths."""
    connection.executemany("DELETE FROM entries WHERE path = ?", [(os.fsencode(path),) for path in paths])


def read_skips(connection: sqlite3.Connection) -> Iterator[Skipped]:
    """All skipped files, ordered by the bytes of their paths; raises ValueError for an unknown kind."""
    for path, kind, reason, size, *rest in connection.execute("SELECT * FROM skips ORDER BY path"):
        stat = None if size is None else FileStat(size, *rest)
        yield Skipped(os.fsdecode(path), SkipKind(_RENAMED_KINDS.get(kind, kind)), reason, stat)


def upsert_skip(connection: sqlite3.Connection, skipped: Skipped) -> None:
    """Insert or replace a skipped file."""
    stat = (None,) * 3 if skipped.stat is None else (skipped.stat.size, skipped.stat.mtime_ns, skipped.stat.inode)
    connection.execute(
        "INSERT OR REPLACE INTO skips VALUES (?, ?, ?, ?, ?, ?)",
        (os.fsencode(skipped.path), skipped.kind, skipped.reason, *stat),
    )


def delete_skips(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Delete the skipped files at these paths."""
    connection.executemany("DELETE FROM skips WHERE path = ?", [(os.fsencode(path),) for path in paths])


def add_embeddings(connection: sqlite3.Connection, stamp_id: int, digests: list[bytes], first_row: int) -> None:
    """Record that the embeddings of ``digests`` are at consecutive rows from ``first_row``; adds new contents."""
    connection.executemany(
        "INSERT INTO contents (digest, lot) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        [(digest, _sample_key(digest)) for digest in digests],
    )
    connection.executemany(
        "INSERT INTO embeddings SELECT ?, id, ? FROM contents WHERE digest = ?",
        [(stamp_id, row, digest) for row, digest in enumerate(digests, start=first_row)],
    )
    connection.execute("UPDATE stamps SET next_row = ? WHERE id = ?", (first_row + len(digests), stamp_id))


def has_unused(connection: sqlite3.Connection) -> bool:
    """Whether there are contents that no entry refers to."""
    return connection.execute(f"{_SELECT_UNUSED} LIMIT 1").fetchone() is not None


def delete_unused(connection: sqlite3.Connection, stamp_id: int) -> None:
    """Delete the contents that no entry refers to, with their embeddings and calibration rows."""
    for statement in _DELETE_UNUSED:
        connection.execute(statement, {"stamp": stamp_id})


def read_calibration(connection: sqlite3.Connection, stamp_id: int) -> Calibration | None:
    """The calibration of a stamp; None if there is none."""
    stamp = connection.execute("SELECT calibrated_through FROM stamps WHERE id = ?", (stamp_id,)).fetchone()
    if stamp is None or stamp[0] is None:
        return None
    records = connection.execute(
        "SELECT row, best_row, score FROM calibration WHERE stamp = ? ORDER BY row", (stamp_id,)
    ).fetchall()
    rows, best_rows, scores = zip(*records, strict=True) if records else ((), (), ())
    return Calibration(np.array(rows, np.int64), np.array(best_rows, np.int64), np.array(scores, float), stamp[0])


def replace_calibration(connection: sqlite3.Connection, stamp_id: int, calibration: Calibration) -> None:
    """Replace the calibration of a stamp."""
    records = zip(calibration.rows.tolist(), calibration.best_rows.tolist(), calibration.scores.tolist(), strict=True)
    connection.execute("DELETE FROM calibration WHERE stamp = ?", (stamp_id,))
    connection.executemany("INSERT INTO calibration VALUES (?, ?, ?, ?)", [(stamp_id, *record) for record in records])
    connection.execute("UPDATE stamps SET calibrated_through = ? WHERE id = ?", (calibration.row_count, stamp_id))


def insert_stamp(
    connection: sqlite3.Connection, stamp_id: int, stamp: EncoderSpec, weights_path: Path | None, *, active: bool
) -> None:
    """Insert an encoder; ``weights_path`` is None for catalogue encoders."""
    stored_path = None if weights_path is None else encode_weights_path(weights_path)
    connection.execute(
        "INSERT INTO stamps (id, spec, location, serving) VALUES (?, ?, ?, ?)",
        (stamp_id, stamp.to_json(), stored_path, active),
    )


def vector_file_name(stamp_id: int | str) -> str:
    """The name of a stamp's vector file; with ``"*"``, a pattern for all of them."""
    return f"vectors-{stamp_id}.f32"


def encode_weights_path(path: Path) -> bytes:
    """The stored form of a weights path: absolute; links are kept, since a checkpoint's config is beside the link."""
    return os.fsencode(path.absolute())


def encode_root(folder: Path, root: Path) -> bytes:
    """The stored form of the root: relative if the gallery is inside it, so that both can be moved together."""
    folder, root = folder.resolve(), root.resolve()
    return os.fsencode(os.path.relpath(root, folder) if folder.is_relative_to(root) else root)


def read_columns(
    connection: sqlite3.Connection, statement: str, *values: object
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns ``id`` and ``number`` of a statement, int64 (n,) each; takes a third of the time of fetching rows."""
    query = f"SELECT group_concat(id), group_concat(number) FROM ({statement})"
    ids, numbers = (
        np.fromstring(column or "", np.int64, sep=",") for column in connection.execute(query, values).fetchone()
    )
    return ids, numbers


def _sample_key(digest: bytes) -> int:
    """A content's key in the seeded order of samples: 63 bits of a SHA-256."""
    return int.from_bytes(hashlib.sha256(_SAMPLE_SEED + digest).digest()[:8], "big") >> 1
