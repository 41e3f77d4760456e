"""The log of changes to entries, from which a reader learns what commits changed; the caller manages transactions."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_REMOVALS_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class EntryDelta:
    """The entries removed (ids int64), and those added or changed: their ids and rows, int64 (m,) each.

    An id can be in both; it was removed first. Entries without an embedding are only in ``removed``.
    """

    removed: NDArray[np.int64]
    ids: NDArray[np.int64]
    rows: NDArray[np.int64]


def new_revision(connection: sqlite3.Connection) -> int:
    """Start a new revision, in the caller's transaction."""
    statement = "UPDATE meta SET value = value + 1 WHERE key = 'revision' RETURNING value"
    ((revision,),) = connection.execute(statement).fetchall()
    return int(revision)


def current_revision(connection: sqlite3.Connection) -> int:
    """The revision of the last commit that changed entries."""
    return _meta(connection, "revision")


def delta_since(connection: sqlite3.Connection, revision: int, stamp_id: int) -> EntryDelta | None:
    """What changed since ``revision``; None if the log doesn't go back that far."""
    if not _meta(connection, "removals_after") <= revision <= current_revision(connection):
        return None
    removed = connection.execute("SELECT id FROM removals WHERE revision > ?", (revision,)).fetchall()
    upserted = connection.execute(
        "SELECT entries.id, coalesce(row, -1) FROM entries "
        "LEFT JOIN embeddings e ON e.stamp = ? AND e.content = entries.content WHERE revision > ?",
        (stamp_id, revision),
    ).fetchall()
    ids, rows = np.array(upserted, np.int64).reshape(-1, 2).T
    embedded = rows >= 0
    gone = np.concatenate([np.array(removed, np.int64).reshape(-1), ids[~embedded]])
    return EntryDelta(gone, ids[embedded], rows[embedded])


def trim_removals(connection: sqlite3.Connection, kept: int = _REMOVALS_KEPT) -> None:
    """Shorten the log of removals to about ``kept`` entries once it has twice as many."""
    if connection.execute("SELECT count(*) FROM removals").fetchone()[0] <= 2 * kept:
        return
    statement = "SELECT revision FROM removals ORDER BY revision DESC LIMIT 1 OFFSET ?"
    (last,) = connection.execute(statement, (kept,)).fetchone()
    connection.execute("DELETE FROM removals WHERE revision <= ?", (last,))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'removals_after'", (last,))


def _meta(connection: sqlite3.Connection, key: str) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])
