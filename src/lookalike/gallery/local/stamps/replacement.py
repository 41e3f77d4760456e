"""Replace a gallery's encoder: the new embeddings are stored beside the active ones until they are complete."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local.rows.stamp_rows import open_rows, vector_files, write_rows
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import embedding_table, entry_table, revisions, tables
from lookalike.gallery.local.summary import Summary
from lookalike.gallery.records import NewVector
from lookalike.images.files import FileStat, FoundFile, SkipKind

_PAGE: Final = 1000
_NOT_EMBEDDED: Final = "content NOT IN (SELECT content FROM embeddings WHERE stamp = :stamp)"


class LocalReplacement:
    """Another encoder's embeddings of a gallery's contents; a :class:`~lookalike.gallery.store.Replacement`.

    A gallery has at most one: opening it again with the same stamp resumes it, with another stamp discards it first.
    """

    def __init__(
        self,
        session: Session,
        stamp: EncoderSpec,
        weights_path: Path | None = None,
        *,
        on_activate: Callable[[], None],
    ) -> None:
        """Start or resume; ``on_activate`` is called once this encoder is the active one."""
        self._session = session
        self._connection = session.connection
        self._on_activate = on_activate
        with session.transaction():
            self._stamp_id = self._resume(stamp) or self._start(stamp, weights_path)
        self._rows = open_rows(session.connection, session.folder, self._stamp_id, stamp)

    def pending_count(self) -> int:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        with self._session.snapshot():
            statement = f"SELECT count(DISTINCT content) FROM entries WHERE {_NOT_EMBEDDED}"
            return int(self._connection.execute(statement, {"stamp": self._stamp_id}).fetchone()[0])

    def iter_pending(self) -> Iterator[tuple[bytes, FoundFile]]:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        statement = (
            # Of several entries, the first by path of those that aren't offline: the other columns are from its row.
            "SELECT content, digest, path, size, mtime_ns, inode, min((offline_since IS NOT NULL) || hex(path)) "
            "FROM entries JOIN contents c ON c.id = content "
            f"WHERE content > :after AND {_NOT_EMBEDDED} GROUP BY content ORDER BY content LIMIT {_PAGE:d}"
        )
        after = -1
        while True:
            with self._session.snapshot():
                page = self._connection.execute(statement, {"stamp": self._stamp_id, "after": after}).fetchall()
            for _, digest, path, *stat, _ in page:
                yield digest, FoundFile(os.fsdecode(path), FileStat(*stat))
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def add_vectors(self, vectors: Sequence[NewVector], rules: str) -> None:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        embedded = [embedding_table.NewEmbedding(new.digest, rules, new.share) for new in vectors]
        with self._session.exclusive():
            (first,) = self._session.first_row("SELECT next_row FROM stamps WHERE id = ?", self._stamp_id)
            with self._session.transaction():
                embedding_table.add_embeddings(self._connection, self._stamp_id, embedded, first)
                write_rows(self._connection, self._rows, first, embedded, np.stack([new.vector for new in vectors]))
            self._rows.vectors.publish(first + len(vectors))

    def activate(self, reason: str) -> None:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        values = {"stamp": self._stamp_id, "kind": SkipKind.UNREADABLE, "reason": reason}
        with self._session.transaction():
            skip = "INSERT OR REPLACE INTO skips (path, kind, reason) SELECT path, :kind, :reason FROM entries"
            self._connection.execute(f"{skip} WHERE {_NOT_EMBEDDED}", values)
            condition = _NOT_EMBEDDED.replace(":stamp", "?")
            revision = revisions.new_revision(self._connection)
            entry_table.delete_entries(self._connection, condition, (self._stamp_id,), revision)
            _delete_stamps(self._connection, "id <> ?", self._stamp_id)
            self._connection.execute("UPDATE stamps SET serving = 1")
        self._on_activate()
        with self._session.exclusive():
            Summary.of(self._connection).write_if_possible(self._session.folder)
            delete_other_vector_files(self._session)

    def _resume(self, stamp: EncoderSpec) -> int | None:
        """The id of the unfinished replacement by ``stamp``; None if there is none. Deletes one by another stamp."""
        unfinished = self._session.first_row("SELECT id, spec FROM stamps WHERE serving = 0")
        if unfinished is None:
            return None
        stamp_id, spec = unfinished
        if spec == stamp.to_json():
            return int(stamp_id)
        _delete_stamps(self._connection, "id = ?", stamp_id)
        return None

    def _start(self, stamp: EncoderSpec, weights_path: Path | None) -> int:
        (stamp_id,) = self._session.first_row("SELECT max(id) + 1 FROM stamps")
        open_rows(self._connection, self._session.folder, stamp_id, stamp).create()
        tables.insert_stamp(self._connection, stamp_id, stamp, weights_path, active=False)
        return int(stamp_id)


def discard_unfinished(session: Session, active_id: int) -> None:
    """Delete an unfinished replacement and its vectors; ``active_id`` is the active stamp."""
    with session.snapshot():
        unfinished = session.first_row("SELECT 1 FROM stamps WHERE serving = 0")
    if unfinished is not None:
        with session.transaction():
            _delete_stamps(session.connection, "id <> ?", active_id)
        delete_other_vector_files(session)


def _delete_stamps(connection: sqlite3.Connection, condition: str, stamp_id: int) -> None:
    """Delete the stamps that fulfil ``condition``, in which ``?`` is ``stamp_id``, and all that belongs to them."""
    stamps = f"SELECT id FROM stamps WHERE {condition}"
    for table in ("calibration", "embeddings"):
        connection.execute(f"DELETE FROM {table} WHERE stamp IN ({stamps})", (stamp_id,))
    connection.execute(f"DELETE FROM stamps WHERE {condition}", (stamp_id,))


def delete_other_vector_files(session: Session) -> None:
    """Delete the vector files that belong to no stamp, as after a migration or an interrupted replacement."""
    with session.snapshot():
        used = {path.name for path in vector_files(session.connection, session.folder)}
    for file in session.folder.iterdir():
        if tables.is_vector_file_name(file.name) and file.name not in used:
            with contextlib.suppress(OSError):  # in use by a reader, on Windows; the next writer tries again
                file.unlink()
