"""Another encoder's embeddings in the making, beside those that serve, until they are whole and take their place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local import tables
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.vector_file import VectorFile
from lookalike.images.files import FileStat, Found, SkipKind

_LACKING = "content NOT IN (SELECT content FROM embeddings WHERE stamp = :stamp)"


class LocalReplacement:
    """Another encoder's embeddings of a gallery's contents; a :class:`~lookalike.gallery.store.Replacement`.

    One can be in the making at a time; asked for again, it goes on from what has been embedded so far, and asked for
    with yet another encoder, it forgets that.
    """

    def __init__(
        self, session: Session, stamp: EncoderSpec, location: Path | None = None, *, promoted: Callable[[], None]
    ) -> None:
        """Begin, or go on; ``promoted`` is called once this encoder serves."""
        self._session = session
        self._connection = session.connection
        self._promoted = promoted
        with session.writing():
            self._number = self._begun(stamp) or self._begin(stamp, location)
        self._file = VectorFile(session.folder / tables.vector_file_name(self._number), stamp.dimension)

    def missing(self) -> list[tuple[bytes, Found]]:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        with self._session.snapshot():
            return [
                (digest, Found(os.fsdecode(path), FileStat(*stat)))
                for digest, path, *stat in self._connection.execute(
                    "SELECT digest, min(path), size, mtime_ns, inode "
                    f"FROM entries JOIN contents c ON c.id = content WHERE {_LACKING} GROUP BY content ORDER BY 2",
                    {"stamp": self._number},
                )
            ]

    def embed(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        with self._session.turn():
            (first,) = self._connection.execute("SELECT next_row FROM stamps WHERE id = ?", (self._number,)).fetchone()
            self._file.write(first, np.stack(list(vectors.values())))
            with self._session.writing():
                tables.embed(self._connection, self._number, list(vectors), first)

    def promote(self, reason: str) -> None:
        """See :class:`~lookalike.gallery.store.Replacement`."""
        stamp = {"stamp": self._number, "kind": SkipKind.UNREADABLE, "reason": reason}
        with self._session.writing():
            skip = "INSERT OR REPLACE INTO skips SELECT path, :kind, :reason, NULL, NULL, NULL FROM entries"
            self._connection.execute(f"{skip} WHERE {_LACKING}", stamp)
            self._connection.execute(f"DELETE FROM entries WHERE {_LACKING}", stamp)
            _forget(self._connection, "id <> ?", self._number)
            self._connection.execute("UPDATE stamps SET serving = 1")
        self._promoted()
        _tidy(self._session.folder, self._number)

    def _begun(self, stamp: EncoderSpec) -> int | None:
        row = self._connection.execute("SELECT id, spec FROM stamps WHERE serving = 0").fetchone()
        if row is None:
            return None
        self._number = int(row[0])
        if row[1] == stamp.to_json():
            return self._number
        _forget(self._connection, "id = ?", self._number)
        return None

    def _begin(self, stamp: EncoderSpec, location: Path | None) -> int:
        (number,) = self._connection.execute("SELECT max(id) + 1 FROM stamps").fetchone()
        VectorFile(self._session.folder / tables.vector_file_name(number), stamp.dimension).create()
        tables.name_stamp(self._connection, number, stamp, location, serving=False)
        return int(number)


def forget_unfinished(session: Session, serving: int) -> None:
    """Forget what was begun beside the stamp ``serving`` and not finished, and remove its vectors."""
    with session.snapshot():
        begun = session.one("SELECT 1 FROM stamps WHERE serving = 0")
    if begun is not None:
        with session.writing():
            _forget(session.connection, "id <> ?", serving)
        _tidy(session.folder, serving)


def _forget(connection: sqlite3.Connection, which: str, number: int) -> None:
    """Forget the stamps of which ``which`` is true, ``number`` standing for its ``?``, and all that is theirs."""
    stamps = f"SELECT id FROM stamps WHERE {which}"
    for table in ("calibration", "embeddings"):
        connection.execute(f"DELETE FROM {table} WHERE stamp IN ({stamps})", (number,))
    connection.execute(f"DELETE FROM stamps WHERE {which}", (number,))


def _tidy(folder: Path, serving: int) -> None:
    """Remove vector files that belong to no stamp any more."""
    kept = folder / tables.vector_file_name(serving)
    for file in folder.glob(tables.vector_file_name("*")):
        if file != kept:
            file.unlink()
