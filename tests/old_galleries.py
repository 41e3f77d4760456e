"""Galleries of format 1, as earlier versions wrote them."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fakes import SPEC
from lookalike.gallery.local.sql import schema
from stores import STAT, digest_of, vector_of


def make_old_gallery(
    folder: Path, root: Path, *paths: str, embeddings: Mapping[str, tuple[bytes, NDArray[np.float32]]] | None = None
) -> Path:
    """Write a gallery of format 1 with these entries and a calibration in ``folder``; returns ``folder``.

    ``embeddings`` are the digests and vectors of the images by path, by default synthetic ones.
    """
    folder.mkdir()
    if embeddings is None:
        embeddings = {path: (digest_of(path), vector_of(digest_of(path))) for path in paths}
    contents = [(number, embeddings[path][0]) for number, path in enumerate(paths, start=1)]
    with closing(sqlite3.connect(folder / "gallery.sqlite3")) as connection, connection:
        connection.executescript(schema.MIGRATIONS[0])
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO meta VALUES ('root', ?)", (os.fsencode(root),))
        connection.execute(
            "INSERT INTO stamps VALUES (1, ?, NULL, 1, ?, ?)", (SPEC.to_json(), len(paths) + 1, len(paths) + 1)
        )
        connection.executemany("INSERT INTO contents VALUES (?, ?, ?)", [(n, digest, n) for n, digest in contents])
        # The first row is unused, as after a deletion.
        connection.executemany("INSERT INTO embeddings VALUES (1, ?, ?)", [(n, n) for n, _ in contents])
        connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)",
            [(n, os.fsencode(path), STAT.size, STAT.mtime_ns, STAT.inode, n) for n, path in enumerate(paths, start=1)],
        )
        connection.execute("INSERT INTO skips VALUES (?, 'not-a-picture', 'text file', 1, 2, 3)", (b"text.jpg",))
        if len(paths) > 1:
            connection.execute("INSERT INTO calibration VALUES (1, 1, 2, 0.25)")
    with (folder / "vectors-1.f32").open("wb") as file:
        file.write(struct.pack("<16sII40x", b"lookalike vector", 1, SPEC.dimension))
        np.zeros(SPEC.dimension, "<f4").tofile(file)
        for path in paths:
            embeddings[path][1].tofile(file)
    return folder
