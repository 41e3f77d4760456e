"""Read and write the tables of contents, embeddings and the calibration; the caller manages transactions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike.gallery.local.sql.schema import WITH_COPIES, WITHOUT_RECORDS, score_checksum, version
from lookalike.gallery.local.sql.tables import chunks, marks
from lookalike.gallery.records import Calibration

_SAMPLE_SEED: Final = b"lookalike calibration sample, seed 0: "
_IN_USE: Final = "EXISTS (SELECT 1 FROM entries WHERE entries.content = c.id)"
_SELECT_UNUSED: Final = "SELECT digest FROM contents WHERE id NOT IN (SELECT content FROM entries)"
_SELECT_UNUSED_ID: Final = (
    "SELECT id FROM contents c WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM entries WHERE content = c.id)"
)
_DELETE_UNUSED: Final = (
    "DELETE FROM calibration WHERE content IN unused OR best_content IN unused",
    "DELETE FROM embeddings WHERE content IN unused",
    "DELETE FROM contents WHERE id IN unused",
    "DROP TABLE unused",
)


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
    add_contents(connection, [one.digest for one in added])
    content = "(SELECT id FROM contents WHERE digest = ?)"
    connection.executemany(
        f"DELETE FROM calibration WHERE stamp = ? AND (content = {content} OR best_content = {content})",
        [(stamp_id, one.digest, one.digest) for one in added],
    )
    connection.executemany(
        f"INSERT OR REPLACE INTO embeddings (stamp, content, row, rules, share) VALUES (?, {content}, ?, ?, ?)",
        [(stamp_id, one.digest, row, one.rules, one.share) for row, one in enumerate(added, start=first_row)],
    )
    set_row_count(connection, stamp_id, first_row + len(added))


def add_contents(connection: sqlite3.Connection, digests: Iterable[bytes]) -> None:
    """Add those of these contents that are new."""
    connection.executemany(
        "INSERT INTO contents (digest, lot) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        [(digest, _sample_key(digest)) for digest in digests],
    )


def set_row_count(connection: sqlite3.Connection, stamp_id: int, count: int) -> None:
    """Record how many rows of a stamp's vector file are valid."""
    connection.execute("UPDATE stamps SET next_row = ? WHERE id = ?", (count, stamp_id))


def drop_rows(connection: sqlite3.Connection, stamp_id: int, count: int) -> None:
    """Delete the embeddings at row ``count`` and after, and the calibration, which may have been made from them."""
    connection.execute("DELETE FROM embeddings WHERE stamp = ? AND row >= ?", (stamp_id, count))
    set_row_count(connection, stamp_id, count)
    connection.execute("DELETE FROM calibration WHERE stamp = ?", (stamp_id,))
    connection.execute("UPDATE stamps SET calibrated_through = NULL WHERE id = ?", (stamp_id,))


def confirm_embeddings(connection: sqlite3.Connection, stamp_id: int, digests: Sequence[bytes], rules: str) -> None:
    """Record that the embeddings of these contents are right under ``rules``."""
    connection.executemany(
        "UPDATE embeddings SET rules = ? WHERE stamp = ? AND content = (SELECT id FROM contents WHERE digest = ?)",
        [(rules, stamp_id, digest) for digest in digests],
    )


def read_unused(connection: sqlite3.Connection) -> list[bytes]:
    """The digests of the contents that no entry refers to."""
    # Whether there are any is much faster to tell, since both counts read an index only.
    statement = "SELECT (SELECT count(*) FROM contents) > (SELECT count(DISTINCT content) FROM entries)"
    if not connection.execute(statement).fetchone()[0]:
        return []
    return [digest for (digest,) in connection.execute(_SELECT_UNUSED)]


def note_returning(connection: sqlite3.Connection, digests: Iterable[bytes]) -> None:
    """Before entries of these contents are added: take back as much of the calibration as knows nothing of them.

    That concerns contents that no entry refers to now. They are no best match of a content whose calibration was
    computed meanwhile, so it is computed again from their rows on.
    """
    for part in chunks(list(digests)):
        connection.execute(
            "UPDATE stamps SET calibrated_through = min(calibrated_through, ifnull((SELECT min(row) FROM embeddings e "
            f"JOIN contents c ON c.id = e.content WHERE e.stamp = stamps.id AND c.digest IN ({marks(part)}) "
            f"AND NOT {_IN_USE}), calibrated_through))",
            part,
        )


def delete_unused(connection: sqlite3.Connection, digests: Iterable[bytes]) -> None:
    """Delete those of these contents that no entry refers to, with their embeddings and calibration rows."""
    connection.execute("CREATE TEMP TABLE unused (id INTEGER PRIMARY KEY)")
    connection.executemany(f"INSERT INTO unused {_SELECT_UNUSED_ID}", [(digest,) for digest in digests])
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
        for part in chunks(list(digests))
        for digest, row in connection.execute(f"{statement} WHERE digest IN ({marks(part)})", (stamp_id, *part))
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
    copies_from = "copies_from" if version(connection) > WITH_COPIES else "NULL"
    statement = f"SELECT calibrated_through, {copies_from} FROM stamps WHERE id = ?"
    stamp = connection.execute(statement, (stamp_id,)).fetchone()
    if stamp is None or stamp[0] is None:
        return None
    checksum = "checksum" if version(connection) > WITHOUT_RECORDS else "NULL"
    records = connection.execute(
        f"SELECT c.digest, best.digest, score, {checksum} FROM calibration k "
        "JOIN contents c ON c.id = k.content JOIN contents best ON best.id = k.best_content "
        f"WHERE stamp = ? AND {_IN_USE} AND {_IN_USE.replace('c.id', 'best.id')} ORDER BY c.lot",
        (stamp_id,),
    ).fetchall()
    for digest, other, score, written in records:
        if written is not None and written != score_checksum(digest, other, score):
            raise sqlite3.DatabaseError("wrong checksum of a score of the calibration")
    digests, best, scores, _ = zip(*records, strict=True) if records else ((), (), (), ())
    return Calibration(digests, best, np.array(scores, float), *stamp)


def replace_calibration(connection: sqlite3.Connection, stamp_id: int, calibration: Calibration) -> None:
    """Replace the calibration of a stamp."""
    records = zip(calibration.digests, calibration.best, calibration.scores.tolist(), strict=True)
    connection.execute("DELETE FROM calibration WHERE stamp = ?", (stamp_id,))
    connection.executemany(
        "INSERT INTO calibration (stamp, content, best_content, score, checksum) "
        "SELECT ?, c.id, best.id, ?, ? FROM contents c, contents best WHERE c.digest = ? AND best.digest = ?",
        [(stamp_id, score, score_checksum(digest, other, score), digest, other) for digest, other, score in records],
    )
    connection.execute(
        "UPDATE stamps SET calibrated_through = ?, copies_from = ? WHERE id = ?",
        (calibration.vector_count, calibration.copies_from, stamp_id),
    )


def _sample_key(digest: bytes) -> int:
    """A content's key in the seeded order of samples: 63 bits of a SHA-256."""
    return int.from_bytes(hashlib.sha256(_SAMPLE_SEED + digest).digest()[:8], "big") >> 1
