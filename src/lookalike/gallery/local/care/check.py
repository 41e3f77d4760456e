"""Check the files of a gallery: whether each says what it said when it was written, and whether they fit together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lookalike import file_locks
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryDamagedError
from lookalike.gallery.local.database import DATABASE, connect_to_read, convert_errors
from lookalike.gallery.local.locks import LOCK
from lookalike.gallery.local.rows.stamp_rows import Rows, open_rows, vector_files
from lookalike.gallery.local.sql import embedding_table, entry_table, schema, tables, value_table
from lookalike.gallery.local.summary import NAME as SUMMARY
from lookalike.gallery.local.summary import Summary
from lookalike.search.similarity import are_unit
from lookalike.text import plural, printable

_AT_ONCE: Final = 4096
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a ``file`` of a gallery.

    ``is_damage`` tells whether the gallery needs a repair; otherwise something is missing that the next update adds.
    """

    file: str
    problem: str
    is_damage: bool = True

    def __str__(self) -> str:
        return f"{printable(self.file)}: {self.problem}"


def check_files(folder: Path) -> list[Finding]:
    """What is wrong with the gallery in ``folder``; nothing is changed, and a writer may be at work."""
    try:
        with convert_errors(folder):
            if not (folder / DATABASE).is_file():
                return [Finding(DATABASE, "missing")]
            connection, _ = connect_to_read(folder)
            with closing(connection):
                return _check_until_at_rest(folder, connection)
    except GalleryDamagedError as error:
        return [Finding(error.file or DATABASE, error.problem)]


def _check_until_at_rest(folder: Path, connection: sqlite3.Connection) -> list[Finding]:
    """What is wrong; checked again if files seem to be wrong that a writer has deleted meanwhile."""
    while True:
        connection.execute("BEGIN")  # all reads see the same commit
        findings = list(_Check(folder, connection).findings())
        names = {finding.file for finding in findings if tables.is_vector_file_name(finding.file)}
        connection.rollback()
        if not names or names <= {path.name for path in vector_files(connection, folder)}:
            return findings


class _Check:
    """The checks of one gallery; ``connection`` is inside a transaction."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self._folder = folder
        self._connection = connection
        # A writer at work may be ahead of what is committed.
        self._is_at_rest = not file_locks.is_locked(folder / LOCK)

    def findings(self) -> Iterator[Finding]:
        """All that is wrong."""
        schema.check_supported(self._connection, self._folder / DATABASE)
        database = list(self._database())
        yield from (Finding(DATABASE, problem) for problem in database)
        if database:
            return
        number = schema.version(self._connection)
        if number <= schema.WITHOUT_RECORDS:
            yield Finding(DATABASE, f"in the earlier format {number}, which has no checksums", is_damage=False)
            return
        yield from (Finding(DATABASE, problem) for problem in self._entries())
        if number > schema.WITHOUT_ANNOTATIONS:
            yield from (Finding(DATABASE, problem) for problem in self._values())
        if self._is_at_rest and Summary.read(self._folder) != Summary.of(self._connection):
            yield Finding(SUMMARY, "missing, or not what the database says", is_damage=False)
        for stamp_id, spec, is_active in self._connection.execute("SELECT id, spec, serving FROM stamps").fetchall():
            yield from (Finding(DATABASE, problem) for problem in self._calibration(stamp_id))
            if is_active:
                yield from self._images_without_embedding(stamp_id)
            name = tables.vector_file_name(stamp_id)
            try:
                rows = open_rows(self._connection, self._folder, stamp_id, EncoderSpec.from_json(spec))
                yield from self._rows(rows, stamp_id, name)
            except GalleryDamagedError as error:
                yield Finding(error.file or name, error.problem)

    def _database(self) -> Iterator[str]:
        """What SQLite finds, and whether the database has the objects and values of a gallery."""
        execute = self._connection.execute
        problems = [text for (text,) in execute("PRAGMA integrity_check") if text != "ok"]
        problems += [f"broken reference in {table}" for table, *_ in execute("PRAGMA foreign_key_check")]
        yield from problems[:_MOST_NAMED]
        if problems or not schema.is_latest(self._connection):
            return
        unknown, missing = schema.unexpected_objects(self._connection)
        yield from (f"contains {printable(name)}, which is not part of a gallery" for name in sorted(unknown))
        yield from (f"lacks {name}" for name in sorted(missing))
        if missing:
            return
        identity = tables.read_value(self._connection, "id")
        if not isinstance(identity, bytes) or len(identity) != 16:  # noqa: PLR2004
            yield "its id is missing or invalid"
        try:
            Summary.of(self._connection)
            list(entry_table.read_skips(self._connection))
            specs = [spec for (spec,) in execute("SELECT spec FROM stamps WHERE serving = 1")]
            if [EncoderSpec.from_json(spec).to_json() for spec in specs] != specs or len(specs) != 1:
                yield "its encoder is missing or invalid"
        except (TypeError, ValueError, KeyError, sqlite3.DatabaseError) as error:
            yield f"its encoder, image folder, options or skipped files are missing or invalid ({error})"

    def _entries(self) -> Iterator[str]:
        """Whether each entry has its checksum, and a path that can be one."""
        wrong, names = 0, 0
        for path, checksum, digest in self._connection.execute(
            "SELECT path, checksum, digest FROM entries JOIN contents c ON c.id = content"
        ):
            wrong += checksum != schema.entry_checksum(digest, path)
            names += not entry_table.is_relative(path)
        if wrong:
            yield f"wrong checksum of {plural(wrong, 'image')}"
        if names:
            yield f"{plural(names, 'path')} that can't be below the folder of images"

    def _values(self) -> Iterator[str]:
        """Whether annotations and properties are as they were written, and are compared as what they are."""
        wrong = value_table.count_damaged_annotations(self._connection)
        if wrong:
            yield f"wrong checksum of {plural(wrong, 'annotation')}"
        wrong = value_table.count_damaged_properties(self._connection)
        if wrong:
            yield f"wrong checksum of the properties of {plural(wrong, 'image')}"

    def _rows(self, rows: Rows, stamp_id: int, name: str) -> Iterator[Finding]:
        """Whether the vectors are those that the database refers to, unchanged, and of length 1."""
        (known,) = self._connection.execute("SELECT next_row FROM stamps WHERE id = ?", (stamp_id,)).fetchone()
        available = rows.available()
        if available > known and self._is_at_rest:
            more = plural(available - known, "vector")
            yield Finding(name, f"{more} that the database doesn't know, as after an interruption", is_damage=False)
        vectors = rows.vectors.rows(available)
        damaged, missing, beyond = 0, 0, 0
        for page in self._pages(stamp_id):
            numbers = np.array([row for _, row in page], np.int64)
            present = (numbers >= 0) & (numbers < min(known, available))
            beyond += int(((numbers < 0) | (numbers >= known)).sum())
            missing += int((~present & (numbers >= 0) & (numbers < known)).sum())
            digests = [digest for (digest, _), there in zip(page, present, strict=True) if there]
            unsound = rows.unsound(numbers[present], vectors, digests)
            wrong_lengths = ~are_unit(vectors[numbers[present]])
            damaged += len(np.union1d(unsound, numbers[present][wrong_lengths]))
        if beyond:
            yield Finding(DATABASE, f"refers to {plural(beyond, 'vector')} that were never written")
        if damaged:
            yield Finding(name, f"{plural(damaged, 'vector')} damaged, or of another image than the database says")
        if missing:
            yield Finding(name, f"{plural(missing, 'vector')} missing", is_damage=False)

    def _images_without_embedding(self, stamp_id: int) -> Iterator[Finding]:
        """Whether each image has an embedding; an update that ends early after a repair leaves some without."""
        lacking = entry_table.count_without_embedding(self._connection, stamp_id)
        if lacking:
            yield Finding(DATABASE, f"{plural(lacking, 'image')} without an embedding", is_damage=False)

    def _pages(self, stamp_id: int) -> Iterator[list[tuple[bytes, int]]]:
        """Digest and row of all embeddings of a stamp, in parts."""
        statement = "SELECT digest, row FROM embeddings JOIN contents c ON c.id = content WHERE stamp = ? ORDER BY row"
        found = self._connection.execute(statement, (stamp_id,))
        while page := found.fetchmany(_AT_ONCE):
            yield page

    def _calibration(self, stamp_id: int) -> Iterator[str]:
        """Whether the scores of the calibration are as they were written."""
        try:
            embedding_table.read_calibration(self._connection, stamp_id)
        except sqlite3.DatabaseError as error:
            yield str(error)
