"""Read and write the tables of a gallery's SQLite database; the caller manages transactions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local.schema import WITHOUT_RULES, path_text, version
from lookalike.gallery.records import Calibration, Entry, EntryChange
from lookalike.images.files import FileStat, SkipKind, Skipped

_SAMPLE_SEED: Final = b"lookalike calibration sample, seed 0: "

# Kinds that were renamed: earlier versions stored them in galleries under these names.
_RENAMED_KINDS: Final = {"not-a-picture": SkipKind.NOT_AN_IMAGE}

_METADATA: Final = "gallery."  # distinguishes these keys from those of the store itself

_PARAMETERS: Final = 500  # SQLite allows 999 in a statement, if not more

_IN_USE: Final = "EXISTS (SELECT 1 FROM entries WHERE entries.content = c.id)"
_SELECT_UNUSED: Final = "SELECT id FROM contents WHERE id NOT IN (SELECT content FROM entries)"
_DELETE_UNUSED: Final = (
    f"CREATE TEMP TABLE unused AS {_SELECT_UNUSED}",
    "DELETE FROM calibration WHERE content IN unused OR best_content IN unused",
    "DELETE FROM embeddings WHERE content IN unused",
    "DELETE FROM contents WHERE id IN unused",
    "DROP TABLE unused",
)


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


def read_entries_by_path(connection: sqlite3.Connection, paths: Iterable[str]) -> list[Entry]:
    """The entries at these paths, in no particular order."""
    encoded = [os.fsencode(path) for path in paths]
    return [
        entry
        for part in _chunks(encoded)
        for entry in _read_entries(connection, f"WHERE path IN ({_marks(part)})", *part)
    ]


def _read_entries(connection: sqlite3.Connection, condition: str, *values: object) -> list[Entry]:
    offline = "offline_since" if version(connection) > WITHOUT_RULES else "NULL"
    return [
        Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest, offline_since)
        for number, path, size, mtime_ns, inode, digest, offline_since in connection.execute(
            f"SELECT e.id, path, size, mtime_ns, inode, digest, {offline} FROM entries e "
            f"JOIN contents c ON c.id = e.content {condition}",
            values,
        )
    ]


def ids_of_digest(connection: sqlite3.Connection, digest: bytes) -> list[int]:
    """The ids of the entries with this content, ascending."""
    statement = "SELECT e.id FROM entries e JOIN contents c ON c.id = e.content WHERE digest = ? ORDER BY e.id"
    return [number for (number,) in connection.execute(statement, (digest,))]


def ids_under(connection: sqlite3.Connection, folder: str) -> NDArray[np.int64]:
    """The ids of the entries in ``folder`` and its subfolders: int64 (m,)."""
    # "0" is the character after "/".
    bounds = (os.fsencode(f"{folder}/"), os.fsencode(f"{folder}0"))
    ids, _ = read_columns(connection, "SELECT id, 0 AS number FROM entries WHERE path >= ? AND path < ?", *bounds)
    return ids


def upsert_entry(connection: sqlite3.Connection, change: EntryChange, revision: int) -> None:
    """Insert or update an entry; its content must exist."""
    path, stat = os.fsencode(change.path), change.stat
    if change.moved_id is not None or change.replaces_entry:
        delete_entries(connection, "path = ? OR id = ?", (path, change.moved_id), revision)
    connection.execute(
        "INSERT INTO entries (id, path, path_text, size, mtime_ns, inode, other_format, content, revision) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT id FROM contents WHERE digest = ?), ?) "
        "ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "inode = excluded.inode, other_format = excluded.other_format, content = excluded.content, "
        "revision = excluded.revision, offline_since = NULL",
        (
            change.moved_id,
            path,
            path_text(path),
            stat.size,
            stat.mtime_ns,
            stat.inode,
            change.other_format,
            change.digest,
            revision,
        ),
    )


def count_offline(connection: sqlite3.Connection) -> int:
    """The number of entries that are offline."""
    return int(connection.execute("SELECT count(*) FROM entries WHERE offline_since IS NOT NULL").fetchone()[0])


def set_offline(connection: sqlite3.Connection, paths: Iterable[str], since: int | None) -> None:
    """Mark the entries at these paths as offline ``since`` a time in nanoseconds, or as present again (None)."""
    connection.executemany(
        "UPDATE entries SET offline_since = CASE WHEN ? IS NULL THEN NULL ELSE coalesce(offline_since, ?) END "
        "WHERE path = ?",
        [(since, since, os.fsencode(path)) for path in paths],
    )


def delete_entries(connection: sqlite3.Connection, condition: str, values: Sequence[object], revision: int) -> None:
    """Delete the entries that fulfil ``condition``, and log their ids."""
    log = f"INSERT OR REPLACE INTO removals SELECT {revision:d}, id FROM entries WHERE {condition}"
    connection.execute(log, values)
    connection.execute(f"DELETE FROM entries WHERE {condition}", values)


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


@dataclass(frozen=True, slots=True)
class NewEmbedding:
    """A content's digest, the decoding rules it was read under, and the share of the image that could be decoded."""

    digest: bytes
    rules: str
    share: float | None


def add_embeddings(
    connection: sqlite3.Connection, stamp_id: int, added: Sequence[NewEmbedding], first_row: int
) -> None:
    """Record that these embeddings are at consecutive rows from ``first_row``; adds new contents.

    An embedding that a content has already is replaced, and with it the calibration that was made from it.
    """
    connection.executemany(
        "INSERT INTO contents (digest, lot) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        [(one.digest, _sample_key(one.digest)) for one in added],
    )
    content = "(SELECT id FROM contents WHERE digest = ?)"
    connection.executemany(
        f"DELETE FROM calibration WHERE stamp = ? AND (content = {content} OR best_content = {content})",
        [(stamp_id, one.digest, one.digest) for one in added],
    )
    connection.executemany(
        f"INSERT OR REPLACE INTO embeddings (stamp, content, row, rules, share) VALUES (?, {content}, ?, ?, ?)",
        [(stamp_id, one.digest, row, one.rules, one.share) for row, one in enumerate(added, start=first_row)],
    )
    connection.execute("UPDATE stamps SET next_row = ? WHERE id = ?", (first_row + len(added), stamp_id))


def confirm_embeddings(connection: sqlite3.Connection, stamp_id: int, digests: Sequence[bytes], rules: str) -> None:
    """Record that the embeddings of these contents are right under ``rules``."""
    connection.executemany(
        "UPDATE embeddings SET rules = ? WHERE stamp = ? AND content = (SELECT id FROM contents WHERE digest = ?)",
        [(rules, stamp_id, digest) for digest in digests],
    )


def mark_changed(connection: sqlite3.Connection, digests: Iterable[bytes], revision: int) -> None:
    """Record in all entries of these contents that ``revision`` changed them."""
    connection.executemany(
        "UPDATE entries SET revision = ? WHERE content = (SELECT id FROM contents WHERE digest = ?)",
        [(revision, digest) for digest in digests],
    )


def read_outdated(
    connection: sqlite3.Connection, stamp_id: int, rules: str, after: str, limit: int
) -> list[tuple[Entry, str]]:
    """Up to ``limit`` entries after the path ``after`` whose embeddings have other rules, and those rules."""
    others = "(rules < ? OR rules > ?)"  # ranges of an index; rules <> ? would read all embeddings
    exists = f"SELECT 1 FROM embeddings WHERE stamp = ? AND {others} LIMIT 1"
    if connection.execute(exists, (stamp_id, rules, rules)).fetchone() is None:
        return []
    return [
        (Entry(number, os.fsdecode(path), FileStat(size, mtime_ns, inode), digest), old)
        for number, path, size, mtime_ns, inode, digest, old in connection.execute(
            "SELECT e.id, path, size, mtime_ns, inode, digest, rules FROM entries e "
            "JOIN contents c ON c.id = e.content JOIN embeddings m ON m.content = c.id AND m.stamp = ? "
            f"WHERE path > ? AND {others} ORDER BY path LIMIT ?",
            (stamp_id, os.fsencode(after), rules, rules, limit),
        )
    ]


def read_notes(connection: sqlite3.Connection, stamp_id: int) -> Iterator[tuple[str, str | None, float | None]]:
    """The path, the unexpected format and the share of each entry that has one of these, ordered by path."""
    for path, other_format, share in connection.execute(
        "SELECT path, other_format, share FROM entries e "
        "LEFT JOIN embeddings m ON m.content = e.content AND m.stamp = ? "
        "WHERE other_format IS NOT NULL OR share IS NOT NULL ORDER BY path",
        (stamp_id,),
    ):
        yield os.fsdecode(path), other_format, share


def has_unused(connection: sqlite3.Connection) -> bool:
    """Whether there are contents that no entry refers to."""
    # Much faster than a search for one, since both counts read an index only.
    statement = "SELECT (SELECT count(*) FROM contents) > (SELECT count(DISTINCT content) FROM entries)"
    return bool(connection.execute(statement).fetchone()[0])


def delete_unused(connection: sqlite3.Connection) -> None:
    """Delete the contents that no entry refers to, with their embeddings and calibration rows."""
    for statement in _DELETE_UNUSED:
        connection.execute(statement)


def has_embedding(connection: sqlite3.Connection, stamp_id: int, digest: bytes, rules: str | None = None) -> bool:
    """Whether a content has an embedding of a stamp, made under ``rules`` if they are given."""
    statement = "SELECT 1 FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ? WHERE digest = ?"
    if rules is None:
        return connection.execute(statement, (stamp_id, digest)).fetchone() is not None
    return connection.execute(f"{statement} AND rules = ?", (stamp_id, digest, rules)).fetchone() is not None


def read_rows(connection: sqlite3.Connection, stamp_id: int, digests: Iterable[bytes]) -> list[tuple[bytes, int]]:
    """The rows of these contents in a stamp's vector file, by digest, in no particular order."""
    statement = "SELECT digest, row FROM contents c JOIN embeddings e ON e.content = c.id AND e.stamp = ?"
    return [
        (digest, row)
        for part in _chunks(list(digests))
        for digest, row in connection.execute(f"{statement} WHERE digest IN ({_marks(part)})", (stamp_id, *part))
    ]


def read_rows_from(connection: sqlite3.Connection, stamp_id: int, first: int, limit: int) -> list[tuple[bytes, int]]:
    """Digest and row of up to ``limit`` contents of entries, ordered by row, from row ``first``."""
    return connection.execute(
        "SELECT digest, row FROM embeddings JOIN contents c ON c.id = content "
        f"WHERE stamp = ? AND row >= ? AND {_IN_USE} ORDER BY row LIMIT ?",
        (stamp_id, first, limit),
    ).fetchall()


def sample(connection: sqlite3.Connection, stamp_id: int, size: int) -> list[bytes]:
    """The digests of the first ``size`` contents of entries in the seeded order of samples."""
    statement = (
        # CROSS JOIN makes SQLite read contents in the order of their index, and stop after the last that is wanted.
        f"SELECT digest FROM contents c CROSS JOIN embeddings e ON e.content = c.id AND e.stamp = ? WHERE {_IN_USE} "
        "ORDER BY lot LIMIT ?"
    )
    return [digest for (digest,) in connection.execute(statement, (stamp_id, size))]


def read_calibration(connection: sqlite3.Connection, stamp_id: int) -> Calibration | None:
    """The calibration of a stamp, of contents and best matches of entries only; None if there is none."""
    stamp = connection.execute("SELECT calibrated_through FROM stamps WHERE id = ?", (stamp_id,)).fetchone()
    if stamp is None or stamp[0] is None:
        return None
    records = connection.execute(
        "SELECT c.digest, best.digest, score FROM calibration k "
        "JOIN contents c ON c.id = k.content JOIN contents best ON best.id = k.best_content "
        f"WHERE stamp = ? AND {_IN_USE} AND {_IN_USE.replace('c.id', 'best.id')} ORDER BY c.lot",
        (stamp_id,),
    ).fetchall()
    digests, best, scores = zip(*records, strict=True) if records else ((), (), ())
    return Calibration(digests, best, np.array(scores, float), stamp[0])


def replace_calibration(connection: sqlite3.Connection, stamp_id: int, calibration: Calibration) -> None:
    """Replace the calibration of a stamp."""
    records = zip(calibration.digests, calibration.best, calibration.scores.tolist(), strict=True)
    connection.execute("DELETE FROM calibration WHERE stamp = ?", (stamp_id,))
    connection.executemany(
        "INSERT INTO calibration (stamp, content, best_content, score) "
        "SELECT ?, c.id, best.id, ? FROM contents c, contents best WHERE c.digest = ? AND best.digest = ?",
        [(stamp_id, score, digest, other) for digest, other, score in records],
    )
    connection.execute("UPDATE stamps SET calibrated_through = ? WHERE id = ?", (calibration.vector_count, stamp_id))


def insert_stamp(
    connection: sqlite3.Connection, stamp_id: int, stamp: EncoderSpec, weights_path: Path | None, *, active: bool
) -> None:
    """Insert an encoder; ``weights_path`` is None for catalogue encoders."""
    stored_path = None if weights_path is None else encode_weights_path(weights_path)
    connection.execute(
        "INSERT INTO stamps (id, spec, location, serving) VALUES (?, ?, ?, ?)",
        (stamp_id, stamp.to_json(), stored_path, active),
    )


def read_metadata(connection: sqlite3.Connection, key: str) -> str | None:
    """The text of :func:`write_metadata`; None if there is none."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_METADATA + key,)).fetchone()
    return None if found is None else str(found[0])


def write_metadata(connection: sqlite3.Connection, key: str, text: str) -> None:
    """Insert or replace a text about the gallery."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_METADATA + key, text))


def vector_file_name(stamp_id: int) -> str:
    """The name of a stamp's vector file."""
    return f"vectors-{stamp_id}.npy"


def is_vector_file_name(name: str) -> bool:
    """Whether this is the name of a vector file, perhaps unfinished, or in an earlier format."""
    return re.fullmatch(r"vectors-\d+\.(npy|npy-new|f32)", name) is not None


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


def _chunks(values: list[bytes]) -> Iterator[list[bytes]]:
    """Parts of ``values`` that fit into the parameters of one statement."""
    return (values[start : start + _PARAMETERS] for start in range(0, len(values), _PARAMETERS))


def _marks(values: list[bytes]) -> str:
    return ", ".join("?" * len(values))


def _sample_key(digest: bytes) -> int:
    """A content's key in the seeded order of samples: 63 bits of a SHA-256."""
    return int.from_bytes(hashlib.sha256(_SAMPLE_SEED + digest).digest()[:8], "big") >> 1
