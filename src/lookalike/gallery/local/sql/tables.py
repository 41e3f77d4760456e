"""Read and write what a gallery says about itself: stamps, metadata, paths; and tools for SQL."""

from __future__ import annotations

import os
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.system_files import real_path

_METADATA: Final = "gallery."  # distinguishes these keys from those of the store itself
_CHECKSUM: Final = "checksum."  # the CRC-32 of the text of each of these keys
_PARAMETERS: Final = 500  # SQLite allows 999 in a statement, if not more


def insert_stamp(
    connection: sqlite3.Connection, stamp_id: int, stamp: EncoderSpec, weights_path: Path | None, *, active: bool
) -> None:
    """Insert an encoder; ``weights_path`` is None for catalogue encoders."""
    stored_path = None if weights_path is None else encode_weights_path(weights_path)
    connection.execute(
        "INSERT INTO stamps (id, spec, location, serving) VALUES (?, ?, ?, ?)",
        (stamp_id, stamp.to_json(), stored_path, active),
    )


def read_value(connection: sqlite3.Connection, key: str) -> Any:
    """A value of the table meta; None if there is none."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if found is None else found[0]


def read_metadata(connection: sqlite3.Connection, key: str) -> str | None:
    """The text of :func:`write_metadata`; None if there is none. Raises ``sqlite3.DatabaseError`` if it is damaged."""
    text, checksum = read_value(connection, _METADATA + key), read_value(connection, _CHECKSUM + key)
    if text is None:
        return None
    if checksum is not None and checksum != zlib.crc32(str(text).encode()):
        raise sqlite3.DatabaseError(f"wrong checksum of the {key}")
    return str(text)


def write_metadata(connection: sqlite3.Connection, key: str, text: str) -> None:
    """Insert or replace a text about the gallery."""
    values = ((_METADATA + key, text), (_CHECKSUM + key, zlib.crc32(text.encode())))
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)


def all_metadata(connection: sqlite3.Connection) -> dict[str, str]:
    """All texts about the gallery by their keys; raises as :func:`read_metadata`."""
    keys = connection.execute("SELECT key FROM meta WHERE key GLOB ? ORDER BY key", (f"{_METADATA}*",)).fetchall()
    texts = {key.removeprefix(_METADATA): read_metadata(connection, key.removeprefix(_METADATA)) for (key,) in keys}
    return {key: text for key, text in texts.items() if text is not None}


def vector_file_name(stamp_id: int) -> str:
    """The name of a stamp's vector file."""
    return f"vectors-{stamp_id}.npy"


def is_vector_file_name(name: str) -> bool:
    """Whether this is the name of a vector file or its records, perhaps unfinished, or in an earlier format."""
    return re.fullmatch(r"vectors-\d+\.(npy|npy-new|rows|rows-new|f32)", name) is not None


def encode_weights_path(path: Path) -> bytes:
    """The stored form of a weights path: absolute; links are kept, since a checkpoint's config is beside the link."""
    return os.fsencode(path.absolute())


def encode_root(folder: Path, root: Path) -> bytes:
    """The stored form of the root: relative if the gallery is inside it, so that both can be moved together."""
    folder, root = real_path(folder), real_path(root)
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


def chunks(values: list[bytes]) -> Iterator[list[bytes]]:
    """Parts of ``values`` that fit into the parameters of one statement."""
    return (values[start : start + _PARAMETERS] for start in range(0, len(values), _PARAMETERS))


def marks(values: list[bytes]) -> str:
    """A question mark for each of ``values``."""
    return ", ".join("?" * len(values))
