"""Read and write what is known of images beside their embeddings: annotations, and properties of their files.

The caller manages transactions.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lookalike.gallery.local.sql.tables import chunks, marks, read_metadata, write_metadata
from lookalike.images.decode import Properties
from lookalike.search.conditions import comparable, number

_COLUMNS: Final = "columns"
"""The key of the names of all columns, in the order in which they are shown."""


def annotate(connection: sqlite3.Connection, values: Mapping[str, Mapping[str, str]]) -> None:
    """Set the values of columns, by path; an empty value deletes the one that is there."""
    rows = [
        (os.fsencode(path), name, value, comparable(value), number(value))
        for path, fields in values.items()
        for name, value in fields.items()
    ]
    connection.executemany("DELETE FROM annotations WHERE path = ? AND name = ?", [row[:2] for row in rows])
    connection.executemany(
        "INSERT INTO annotations (path, name, value, compared, number, checksum) VALUES (?, ?, ?, ?, ?, ?)",
        [(*row, annotation_checksum(*row[:3])) for row in rows if row[2]],
    )
    names = dict.fromkeys(name for fields in values.values() for name in fields)
    _write_columns(connection, [*dict.fromkeys([*read_columns(connection), *names])])


def delete_columns(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Delete these columns with all of their values."""
    deleted = set(names)
    connection.executemany("DELETE FROM annotations WHERE name = ?", [(name,) for name in deleted])
    _write_columns(connection, [name for name in read_columns(connection) if name not in deleted])


def delete_empty_columns(connection: sqlite3.Connection) -> None:
    """Forget the columns in which no image has a value."""
    used = {name for (name,) in connection.execute("SELECT DISTINCT name FROM annotations")}
    _write_columns(connection, [name for name in read_columns(connection) if name in used])


def move_annotations(connection: sqlite3.Connection, entry: int, path: bytes) -> None:
    """Let the annotations of an entry follow it to another path, except where there are some already."""
    connection.execute(
        "UPDATE OR IGNORE annotations SET path = ?1 WHERE path = (SELECT path FROM entries WHERE id = ?2)",
        (path, entry),
    )
    moved = connection.execute("SELECT id, path, name, value FROM annotations WHERE path = ?", (path,)).fetchall()
    connection.executemany(
        "UPDATE annotations SET checksum = ? WHERE id = ?", [(annotation_checksum(*row), id_) for id_, *row in moved]
    )


def read_columns(connection: sqlite3.Connection) -> list[str]:
    """The names of all columns that were annotated."""
    text = read_metadata(connection, _COLUMNS)
    return [] if text is None else [str(name) for name in json.loads(text)]


def write_properties(connection: sqlite3.Connection, digest: bytes, properties: Properties) -> None:
    """Set the properties of a content, which must exist."""
    fields = (properties.width, properties.height, properties.taken, properties.camera)
    connection.execute(
        "INSERT OR REPLACE INTO properties (content, width, height, taken, camera, checksum) "
        "SELECT id, ?, ?, ?, ?, ? FROM contents WHERE digest = ?",
        (*fields, properties_checksum(digest, *fields), digest),
    )


def read_annotations(connection: sqlite3.Connection, paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """The values of all columns by path, in the order of the columns; raises ``sqlite3.DatabaseError`` if damaged."""
    order = {name: position for position, name in enumerate(read_columns(connection))}
    found: dict[str, dict[str, str]] = {}
    for part in chunks([os.fsencode(path) for path in paths]):
        statement = f"SELECT path, name, value, checksum FROM annotations WHERE path IN ({marks(part)})"
        for path, name, value, checksum in connection.execute(statement, part):
            if checksum != annotation_checksum(path, name, value):
                raise sqlite3.DatabaseError("wrong checksum of an annotation")
            found.setdefault(os.fsdecode(path), {})[name] = value
    return {
        path: dict(sorted(fields.items(), key=lambda field: order.get(field[0], -1))) for path, fields in found.items()
    }


def read_properties(connection: sqlite3.Connection, digests: Sequence[bytes]) -> dict[bytes, Properties]:
    """The properties of these contents, as far as they are known; raises ``sqlite3.DatabaseError`` if damaged."""
    found = {}
    for part in chunks(list(dict.fromkeys(digests))):
        for digest, *fields, checksum in connection.execute(
            "SELECT digest, width, height, taken, camera, checksum FROM properties JOIN contents c ON c.id = content "
            f"WHERE digest IN ({marks(part)})",
            part,
        ):
            if checksum != properties_checksum(digest, *fields):
                raise sqlite3.DatabaseError("wrong checksum of the properties of an image")
            found[digest] = Properties(*fields)
    return found


def joined(annotations: Mapping[str, str], properties: Properties | None) -> dict[str, str]:
    """All values of an image: its annotations, and its properties except where an annotation has the same name."""
    if properties is None:
        return dict(annotations)
    values = {"date": properties.taken, "camera": properties.camera}
    sizes = {"width": str(properties.width), "height": str(properties.height)}
    names = {name.casefold() for name in annotations}
    return dict(annotations) | {name: value for name, value in (values | sizes).items() if value and name not in names}


def count_without_properties(connection: sqlite3.Connection) -> int:
    """The number of entries whose properties are unknown, as in galleries of earlier formats."""
    statement = "SELECT count(*) FROM entries WHERE content NOT IN (SELECT content FROM properties)"
    return int(connection.execute(statement).fetchone()[0])


def count_damaged_annotations(connection: sqlite3.Connection) -> int:
    """The number of annotations that aren't as they were written."""
    rows = connection.execute("SELECT path, name, value, compared, number, checksum FROM annotations")
    return sum(not _is_sound(row) for row in rows)


def _is_sound(row: tuple[Any, ...]) -> bool:
    path, name, value, compared, size, checksum = row
    try:
        return (comparable(value), number(value), annotation_checksum(path, name, value)) == (compared, size, checksum)
    except (TypeError, AttributeError):  # a value of another type
        return False


def count_damaged_properties(connection: sqlite3.Connection) -> int:
    """The number of contents whose properties aren't as they were written."""
    rows = connection.execute(
        "SELECT digest, width, height, taken, camera, checksum FROM properties JOIN contents c ON c.id = content"
    )
    return sum(properties_checksum(digest, *fields) != checksum for digest, *fields, checksum in rows)


def annotation_checksum(path: bytes, name: str, value: str) -> int:
    """The checksum of an annotation."""
    return zlib.crc32(f"{name}\0{value}".encode(), zlib.crc32(path))


def properties_checksum(digest: bytes, *fields: Any) -> int:
    """The checksum of the properties of a content."""
    return zlib.crc32(json.dumps(fields, default=repr).encode(), zlib.crc32(digest))


def _write_columns(connection: sqlite3.Connection, names: Sequence[str]) -> None:
    if names != read_columns(connection):
        write_metadata(connection, _COLUMNS, json.dumps(names))
