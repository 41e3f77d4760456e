"""Read and write the tables of entries and skipped files; the caller manages transactions."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from lookalike.gallery.local.sql.schema import (
    WITHOUT_ANNOTATIONS,
    WITHOUT_RECORDS,
    WITHOUT_RULES,
    entry_checksum,
    path_text,
    version,
)
from lookalike.gallery.local.sql.tables import chunks, marks
from lookalike.gallery.local.sql.value_table import move_annotations
from lookalike.gallery.records import Entry, EntryChange, Order
from lookalike.images.files import FileStat, SkipKind, Skipped

# Kinds that were renamed: earlier versions stored them in galleries under these names.
_RENAMED_KINDS: Final = {"not-a-picture": SkipKind.NOT_AN_IMAGE}


def is_relative(path: bytes) -> bool:
    """Whether a path can be that of an entry: below the root, in its normal form."""
    return bool(path) and b"\0" not in path and not {b"", b".", b".."} & set(path.split(b"/"))


def count_entries(connection: sqlite3.Connection) -> int:
    """The number of entries."""
    return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


def read_entries_after(connection: sqlite3.Connection, path: str, limit: int) -> list[Entry]:
    """Up to ``limit`` entries whose paths come after ``path``, ordered by the bytes of their paths."""
    return _read_entries(connection, "WHERE path > ? ORDER BY path LIMIT ?", os.fsencode(path), limit)


def read_entries_by_id(connection: sqlite3.Connection, ids: Iterable[int], limit: int = -1) -> list[Entry]:
    """The entries with these ids, ordered by the bytes of their paths; the first ``limit`` if it is not negative."""
    condition = "WHERE e.id IN (SELECT value FROM json_each(?)) ORDER BY path LIMIT ?"
    return _read_entries(connection, condition, json.dumps(list(ids)), limit)


def list_entries(
    connection: sqlite3.Connection, chosen: tuple[str, Sequence[object]], order: Order, after: int, limit: int
) -> list[Entry]:
    """The entries whose ids the statement ``chosen`` with its parameters finds; ``limit`` is -1 for all."""
    statement, values = chosen
    key = "path"
    if order == "date":
        modified = "strftime('%Y-%m-%d %H:%M:%S', mtime_ns / 1000000000, 'unixepoch')"
        taken = "(SELECT taken FROM properties p WHERE p.content = e.content)"
        has_properties = version(connection) > WITHOUT_ANNOTATIONS
        key = f"{f'coalesce({taken}, {modified})' if has_properties else modified} DESC, path"
    condition = f"WHERE e.id IN (SELECT id FROM ({statement})) ORDER BY {key} LIMIT ? OFFSET ?"
    return _read_entries(connection, condition, *values, limit, after)


def read_entries_by_path(connection: sqlite3.Connection, paths: Iterable[str]) -> list[Entry]:
    """The entries at these paths, in no particular order."""
    encoded = [os.fsencode(path) for path in paths]
    return [
        entry
        for part in chunks(encoded)
        for entry in _read_entries(connection, f"WHERE path IN ({marks(part)})", *part)
    ]


def _read_entries(connection: sqlite3.Connection, condition: str, *values: object) -> list[Entry]:
    current = version(connection)
    offline = "offline_since" if current > WITHOUT_RULES else "NULL"
    checksum = "checksum" if current > WITHOUT_RECORDS else "NULL"
    return [
        _entry(record)
        for record in connection.execute(
            f"SELECT e.id, path, size, mtime_ns, inode, digest, {offline}, {checksum} FROM entries e "
            f"JOIN contents c ON c.id = e.content {condition}",
            values,
        )
    ]


def _entry(record: tuple[Any, ...]) -> Entry:
    number, path, size, mtime_ns, inode, digest, offline_since, checksum = record
    if checksum is not None and checksum != entry_checksum(digest, path):
        raise sqlite3.DatabaseError(f"wrong checksum of image {number:x}")
    if not is_relative(path):
        raise sqlite3.DatabaseError(f"the path of image {number:x} is not below the folder of images")
    return Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest, offline_since)


def ids_of_digest(connection: sqlite3.Connection, digest: bytes) -> list[int]:
    """The ids of the entries with this content, ascending."""
    statement = "SELECT e.id FROM entries e JOIN contents c ON c.id = e.content WHERE digest = ? ORDER BY e.id"
    return [number for (number,) in connection.execute(statement, (digest,))]


def first_ids(connection: sqlite3.Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The smallest id among the entries of each of these contents that has any."""
    statement = "SELECT digest, min(e.id) FROM contents c JOIN entries e ON e.content = c.id"
    return {
        digest: number
        for part in chunks(list(digests))
        for digest, number in connection.execute(f"{statement} WHERE digest IN ({marks(part)}) GROUP BY digest", part)
    }


def upsert_entry(connection: sqlite3.Connection, change: EntryChange, revision: int) -> None:
    """Insert or update an entry; its content must exist."""
    path, stat, number = os.fsencode(change.path), change.stat, change.moved_id
    if number is not None:
        move_annotations(connection, number, path)
    if number is not None or change.replaces_entry:
        delete_entries(connection, "path = ? OR id = ?", (path, number), revision)
    if number is None:
        number = _take_former_id(connection, path, change.digest)
    connection.execute(
        "INSERT INTO entries (id, path, path_text, size, mtime_ns, inode, other_format, content, revision, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT id FROM contents WHERE digest = ?), ?, ?) "
        "ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "inode = excluded.inode, other_format = excluded.other_format, content = excluded.content, "
        "revision = excluded.revision, checksum = excluded.checksum, offline_since = NULL",
        (
            number,
            path,
            path_text(path),
            stat.size,
            stat.mtime_ns,
            stat.inode,
            change.other_format,
            change.digest,
            revision,
            entry_checksum(change.digest, path),
        ),
    )


def _take_former_id(connection: sqlite3.Connection, path: bytes, digest: bytes) -> int | None:
    """The id that a content had before the database was lost, for a new path; each id is taken once."""
    found = connection.execute(
        "SELECT id FROM former_ids WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM entries WHERE path = ?)",
        (digest, path),
    ).fetchone()
    if found is None:
        return None
    connection.execute("DELETE FROM former_ids WHERE id = ?", found)
    return int(found[0])


def add_former_ids(connection: sqlite3.Connection, ids: Mapping[bytes, int]) -> None:
    """Keep the ids that contents had in a lost database, except those that entries have."""
    connection.executemany(
        "INSERT OR REPLACE INTO former_ids SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM entries WHERE id = ?2)",
        ids.items(),
    )


def count_offline(connection: sqlite3.Connection) -> int:
    """The number of entries that are offline."""
    return int(connection.execute("SELECT count(*) FROM entries WHERE offline_since IS NOT NULL").fetchone()[0])


def count_without_embedding(connection: sqlite3.Connection, stamp_id: int) -> int:
    """The number of entries whose content has no embedding by a stamp."""
    statement = (
        "SELECT count(*) FROM entries e WHERE NOT EXISTS "
        "(SELECT 1 FROM embeddings m WHERE m.stamp = ? AND m.content = e.content)"
    )
    return int(connection.execute(statement, (stamp_id,)).fetchone()[0])


def set_offline(connection: sqlite3.Connection, paths: Iterable[str], since: int | None) -> None:
    """Mark the entries at these paths as offline ``since`` a time in nanoseconds, or as present again (None)."""
    connection.executemany(
        "UPDATE entries SET offline_since = CASE WHEN ? IS NULL THEN NULL ELSE coalesce(offline_since, ?) END "
        "WHERE path = ?",
        [(since, since, os.fsencode(path)) for path in paths],
    )


def mark_changed(connection: sqlite3.Connection, digests: Iterable[bytes], revision: int) -> None:
    """Record in all entries of these contents that ``revision`` changed them."""
    connection.executemany(
        "UPDATE entries SET revision = ? WHERE content = (SELECT id FROM contents WHERE digest = ?)",
        [(revision, digest) for digest in digests],
    )


def delete_entries(connection: sqlite3.Connection, condition: str, values: Sequence[object], revision: int) -> None:
    """Delete the entries that fulfil ``condition``, and log their ids."""
    log = f"INSERT OR REPLACE INTO removals SELECT {revision:d}, id FROM entries WHERE {condition}"
    connection.execute(log, values)
    connection.execute(f"DELETE FROM entries WHERE {condition}", values)


def read_outdated(
    connection: sqlite3.Connection, stamp_id: int, rules: str, after: str, limit: int
) -> list[tuple[Entry, str | None]]:
    """Up to ``limit`` entries after the path ``after`` whose embeddings have other rules, and those rules.

    Entries without an embedding are among them, with None.
    """
    others = "(rules < ? OR rules > ?)"  # ranges of an index; rules <> ? would read all embeddings
    exists = f"SELECT EXISTS (SELECT 1 FROM embeddings WHERE stamp = ? AND {others})"
    lacking = "SELECT (SELECT count(*) FROM contents) > (SELECT count(*) FROM embeddings WHERE stamp = ?)"
    if connection.execute(f"{exists} OR ({lacking})", (stamp_id, rules, rules, stamp_id)).fetchone() == (0,):
        return []
    return [
        (Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest), old)
        for number, path, size, mtime_ns, inode, digest, old in connection.execute(
            "SELECT e.id, path, size, mtime_ns, inode, digest, rules FROM entries e "
            "JOIN contents c ON c.id = e.content LEFT JOIN embeddings m ON m.content = c.id AND m.stamp = ? "
            f"WHERE path > ? AND (rules IS NULL OR {others}) ORDER BY path LIMIT ?",
            (stamp_id, os.fsencode(after), rules, rules, limit),
        )
    ]


def read_notes(connection: sqlite3.Connection, stamp_id: int) -> Iterator[tuple[str, str | None, float | None]]:
    """The path, and the unexpected format or the share, of each entry that has one of these, ordered by path."""
    for path, other_format, share in connection.execute(
        "SELECT path, other_format, NULL FROM entries WHERE other_format IS NOT NULL UNION ALL "
        "SELECT path, NULL, share FROM embeddings m JOIN entries e ON e.content = m.content "
        "WHERE stamp = ? AND share IS NOT NULL ORDER BY path",
        (stamp_id,),
    ):
        yield os.fsdecode(path), other_format, share


def read_skips(connection: sqlite3.Connection) -> Iterator[Skipped]:
    """All skipped files, ordered by the bytes of their paths; raises ValueError for an unknown kind."""
    for path, kind, reason, size, mtime_ns, inode, *rules in connection.execute("SELECT * FROM skips ORDER BY path"):
        stat = None if size is None else FileStat(size, mtime_ns, inode)
        yield Skipped(os.fsdecode(path), SkipKind(_RENAMED_KINDS.get(kind, kind)), reason, stat, *rules)


def upsert_skip(connection: sqlite3.Connection, skipped: Skipped, rules: str) -> None:
    """Insert or replace a skipped file."""
    stat = (None,) * 3 if skipped.stat is None else (skipped.stat.size, skipped.stat.mtime_ns, skipped.stat.inode)
    connection.execute(
        "INSERT OR REPLACE INTO skips VALUES (?, ?, ?, ?, ?, ?, ?)",
        (os.fsencode(skipped.path), skipped.kind, skipped.reason, *stat, rules),
    )


def delete_skips(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Delete the skipped files at these paths."""
    connection.executemany("DELETE FROM skips WHERE path = ?", [(os.fsencode(path),) for path in paths])
