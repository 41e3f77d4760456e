"""Read what is sound in a gallery's database, however damaged it is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.gallery.local.database import DATABASE, connect_to_read
from lookalike.gallery.local.sql import entry_table, schema, tables, value_table
from lookalike.gallery.local.summary import StampSummary, Summary
from lookalike.images.decode import Properties
from lookalike.images.files import SkipKind

DAMAGED: Final = f"{DATABASE}-damaged"
"""What a repair renames the old database to."""

_PAGE: Final = 500
_LONGEST_GAP: Final = 1 << 40

_ENTRIES: Final = (
    "SELECT e.id, path, path_text, size, mtime_ns, inode, other_format, offline_since, checksum, digest "
    "FROM entries e JOIN contents c ON c.id = content WHERE e.id > ? ORDER BY e.id LIMIT ?"
)
_EMBEDDINGS: Final = (
    "SELECT c.id, stamp, digest, row, rules, share FROM contents c JOIN embeddings ON content = c.id "
    "WHERE c.id > ? ORDER BY c.id LIMIT ?"
)
_ANNOTATIONS: Final = (
    "SELECT id, path, name, value, compared, number, checksum FROM annotations WHERE id > ? ORDER BY id LIMIT ?"
)
_PROPERTIES: Final = (
    "SELECT content, digest, width, height, taken, camera, checksum FROM properties JOIN contents c ON c.id = content "
    "WHERE content > ? ORDER BY content LIMIT ?"
)
_SKIPS: Final = (
    "SELECT path, kind, reason, size, mtime_ns, inode, rules FROM skips WHERE path > ? ORDER BY path LIMIT ?"
)


_KINDS: Final = frozenset(map(str, SkipKind))


@dataclass(slots=True)
class Salvage:
    """What could be read: values of the tables, without what has a wrong checksum.

    ``entries`` are id, path, path_text, size, mtime_ns, inode, other_format, offline_since, checksum and digest;
    ``embeddings`` id of the content, stamp, digest, row, rules and share; ``skips`` as in the table. ``annotations``
    are values by path and column, ``properties`` those of contents. ``summary`` is None if the gallery's id, root or
    encoder can't be read.
    """

    summary: Summary | None = None
    revision: int = 0
    entries: list[tuple[Any, ...]] = field(default_factory=list)
    embeddings: list[tuple[Any, ...]] = field(default_factory=list)
    skips: list[tuple[Any, ...]] = field(default_factory=list)
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    properties: dict[bytes, Properties] = field(default_factory=dict)


def salvage(folder: Path) -> Salvage:
    """Read the database in ``folder``; nothing is changed. A missing database gives an empty result."""
    found = Salvage()
    # Without a database, an earlier repair was interrupted when it had moved it out of the way.
    name = next((name for name in (DATABASE, DAMAGED) if (folder / name).is_file()), None)
    if name is None:
        return found
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError, GalleryError, OSError):
        connection, _ = connect_to_read(folder, name)
        with closing(connection):
            if schema.version(connection) <= schema.WITHOUT_RECORDS or schema.has_foreign_code(connection):
                return found
            connection.execute("PRAGMA cell_size_check = ON")
            found.summary = _summary(connection)
            with suppress(sqlite3.DatabaseError, TypeError, ValueError):
                found.revision = int(tables.read_value(connection, "revision"))
            found.entries = [entry for entry in _scan(connection, _ENTRIES, after=0) if _is_sound(entry)]
            found.embeddings = list(_scan(connection, _EMBEDDINGS, after=0))
            found.skips = [skip for skip in _scan(connection, _SKIPS, after=b"") if skip[1] in _KINDS]
            if schema.version(connection) > schema.WITHOUT_ANNOTATIONS:
                found.annotations = _annotations(connection)
                found.properties = _properties(connection)
    return found


def _annotations(connection: sqlite3.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for _, path, name, value, *_, checksum in _scan(connection, _ANNOTATIONS, after=0):
        with suppress(TypeError, AttributeError):
            if checksum == value_table.annotation_checksum(path, name, value):
                found.setdefault(os.fsdecode(path), {})[name] = value
    return found


def _properties(connection: sqlite3.Connection) -> dict[bytes, Properties]:
    found = {}
    for _, digest, *fields, checksum in _scan(connection, _PROPERTIES, after=0):
        with suppress(TypeError, ValueError):
            if checksum == value_table.properties_checksum(digest, *fields):
                found[digest] = Properties(*fields)
    return found


def _summary(connection: sqlite3.Connection) -> Summary | None:
    try:
        summary = Summary.of(connection)
        sound = [stamp for stamp in summary.stamps if _is_stamp(stamp)]
    except (sqlite3.DatabaseError, TypeError, ValueError):
        return None
    return summary if sound and len(sound) == len(summary.stamps) and len(summary.id) == 32 else None  # noqa: PLR2004


def _is_stamp(stamp: StampSummary) -> bool:
    try:
        return EncoderSpec.from_json(stamp.spec).to_json() == stamp.spec
    except (TypeError, ValueError, KeyError):
        return False


def _is_sound(entry: tuple[Any, ...]) -> bool:
    _, path, *_, checksum, digest = entry
    with suppress(TypeError, AttributeError):
        return entry_table.is_relative(path) and checksum == schema.entry_checksum(digest, path)
    return False


def _scan(connection: sqlite3.Connection, statement: str, after: Any) -> Iterator[tuple[Any, ...]]:
    """The records of ``statement`` in the order of their first column; those in damaged pages are left out.

    Damage ends a page of records early. Then single records are read, with growing gaps between them.
    """
    gap = 1
    while True:
        page, limit = [], _PAGE if gap == 1 else 1
        try:
            page = connection.execute(statement, (after, limit)).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            page = list(_until_damage(connection, statement, after))
            if not page:
                if not isinstance(after, int) or gap > _LONGEST_GAP:
                    return
                after, gap = after + gap, 2 * gap
                continue
        if not page:
            return
        gap = 1
        yield from page
        after = page[-1][0]


def _until_damage(connection: sqlite3.Connection, statement: str, after: Any) -> Iterator[tuple[Any, ...]]:
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        yield from connection.execute(statement, (after, _PAGE))
