"""Bring a gallery's database in line with the rows that are there, when a writer opens it.

Rows are missing in the database after a killed run, and in a copy of a gallery without SQLite's log; vectors are
missing in a copy that was made while the gallery was written to.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from lookalike.gallery.local import older
from lookalike.gallery.local.rows.stamp_rows import Rows, SoundRow
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import embedding_table
from lookalike.gallery.local.sql.embedding_table import NewEmbedding

_AT_ONCE: Final = 4096


def settle_rows(session: Session, rows: Rows, stamp_id: int) -> int:
    """Add the rows that the database doesn't know, and drop those that are not there; returns the number of rows.

    The contents of added rows need not be encoded again; the images of dropped ones will be.
    """
    with session.snapshot():
        (known,) = session.first_row("SELECT next_row FROM stamps WHERE id = ?", stamp_id)
    available = rows.available()
    if available < known:
        with session.transaction():
            embedding_table.drop_rows(session.connection, stamp_id, available)
        return available
    for start in range(known, available, _AT_ONCE):
        sound = rows.sound(start, min(start + _AT_ONCE, available))
        if sound:
            known = sound[-1].row + 1
            with session.transaction():
                _adopt(session.connection, stamp_id, sound)
                embedding_table.set_row_count(session.connection, stamp_id, known)
    return int(known)


def _adopt(connection: sqlite3.Connection, stamp_id: int, rows: list[SoundRow]) -> None:
    """Add the embeddings at ``rows`` of contents that have none.

    Rows between them that are not sound were left by an interrupted write, and stay unused.
    """
    for row in rows:
        if not embedding_table.has_embedding(connection, stamp_id, row.digest):
            embedding = NewEmbedding(row.digest, row.rules or older.FIRST_RULES, row.share)
            embedding_table.add_embeddings(connection, stamp_id, [embedding], row.row)
