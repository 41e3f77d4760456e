"""Give back the space of rows that no embedding refers to: the others are written to new files.

The files are not changed in place, because readers use them. The embeddings get the number of a new stamp, of the same
encoder, and so new files; one transaction makes it the active one. A reader goes on with the old files, which it keeps
open, until its next look at the database.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local.rows.stamp_rows import Rows, open_rows
from lookalike.gallery.local.session import Session

_DEAD_SHARE: Final = 0.25
"""The share of rows that must be unused before they are worth copying the others."""

_DEAD_ROWS: Final = 256
"""Fewer unused rows are left where they are: half a megabyte at 512 dimensions."""

_DATABASE_BYTES: Final = 128
"""How much the database may grow for each embedding until the transaction is over."""

_AT_ONCE: Final = 4096

_RENUMBER: Final = """
    INSERT INTO stamps (id, spec, location, serving, copies_from, next_row, calibrated_through)
        SELECT
            :new, spec, location, serving, copies_from, :used,
            -- the number of rows that the calibration knows: of those that are still there
            iif(
                calibrated_through IS NULL, NULL,
                (SELECT count(*) FROM embeddings WHERE stamp = :old AND row < calibrated_through)
            )
        FROM stamps WHERE id = :old;
    INSERT INTO embeddings (stamp, content, row, rules, share)
        SELECT :new, content, row_number() OVER (ORDER BY row) - 1, rules, share FROM embeddings WHERE stamp = :old;
    UPDATE calibration SET stamp = :new WHERE stamp = :old;
    DELETE FROM embeddings WHERE stamp = :old;
    DELETE FROM stamps WHERE id = :old
"""
"""Lets the embeddings refer to the new stamp's rows, in which they have the same order without gaps."""


def compact(session: Session, rows: Rows, stamp_id: int, stamp: EncoderSpec) -> bool:
    """Move the embeddings of the active stamp to new files if a quarter of its rows is unused, and to do so pays.

    Returns whether it did; the old files are then still there. Does nothing if the disk has no space for the new ones.
    """
    with session.exclusive():
        with session.snapshot():
            (count,) = session.first_row("SELECT next_row FROM stamps WHERE id = ?", stamp_id)
            (used,) = session.first_row("SELECT count(*) FROM embeddings WHERE stamp = ?", stamp_id)
            (new_id,) = session.first_row("SELECT max(id) + 1 FROM stamps")
        if count - used < max(_DEAD_ROWS, _DEAD_SHARE * count):
            return False
        new = open_rows(session.connection, session.folder, new_id, stamp)
        if _free_bytes(session.folder) < sum(size for _, size in new.sizes(used)) + _DATABASE_BYTES * used:
            return False
        _copy(session.connection, rows, new, stamp_id, used)
        with session.transaction():
            _renumber(session.connection, stamp_id, new_id, used)
    return True


def _copy(connection: sqlite3.Connection, old: Rows, new: Rows, stamp_id: int, used: int) -> None:
    """Write the used rows of ``old``, in their order, to the files of ``new``, durably.

    Rows are copied with their records as they are: what is damaged stays recognisable.
    """
    count = old.available()
    vectors = old.vectors.rows(count)
    new.vectors.create(used, (vectors[numbers] for numbers in _used_rows(connection, stamp_id)))
    if old.records is not None and new.records is not None:
        records = old.records.read(count)
        new.records.create(records[numbers] for numbers in _used_rows(connection, stamp_id))


def _used_rows(connection: sqlite3.Connection, stamp_id: int) -> Iterator[NDArray[np.int64]]:
    """The rows of all embeddings of a stamp, ascending, in parts."""
    found = connection.execute("SELECT row FROM embeddings WHERE stamp = ? ORDER BY row", (stamp_id,))
    while page := found.fetchmany(_AT_ONCE):
        yield np.array(page, np.int64)[:, 0]


def _renumber(connection: sqlite3.Connection, old_id: int, new_id: int, used: int) -> None:
    """Let the embeddings refer to the new stamp's rows, in which they have the same order without gaps."""
    values = {"old": old_id, "new": new_id, "used": used}
    for statement in _RENUMBER.split(";"):
        connection.execute(statement, values)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
