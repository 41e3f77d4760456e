"""Copy a gallery while others read and write it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final

from lookalike.atomic import make_folder, sync_folder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryExistsError, GalleryWriteError
from lookalike.gallery.local.database import DATABASE, connect_new, connect_to_read, convert_errors
from lookalike.gallery.local.rows.stamp_rows import open_rows
from lookalike.gallery.local.sql import schema, tables
from lookalike.gallery.local.summary import Summary
from lookalike.system_files import real_path
from lookalike.text import printable

_CHUNK: Final = 1 << 20
_ATTEMPTS: Final = 5


def back_up(folder: Path, destination: Path) -> None:
    """Copy the gallery in ``folder``, as the last commit left it, into the new or empty folder ``destination``.

    The copy is complete when its database appears. Its folder of images is the original's. Raises
    :class:`~lookalike.errors.GalleryExistsError` if something is at ``destination``, and
    :class:`~lookalike.errors.GalleryWriteError`.
    """
    destination = destination.absolute()
    with convert_errors(destination):
        _check_empty(destination)
    with convert_errors(folder):
        source, _ = connect_to_read(folder)
    with closing(source), convert_errors(destination):
        make_folder(destination)
        unfinished = destination / f"{DATABASE}-new"
        with closing(connect_new(unfinished)) as copy:
            _copy(source, copy, folder, destination)
            _set_root(copy, folder)
            Summary.of(copy).write(destination)
        unfinished.replace(destination / DATABASE)
        sync_folder(destination)


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection, folder: Path, destination: Path) -> None:
    """Copy the database, and then the rows that it refers to.

    They are there from then on, since rows are only ever added, unless a writer moves all to new files at that moment.
    """
    for attempt in range(_ATTEMPTS):
        source.backup(copy)
        try:
            _copy_rows(copy, folder, destination)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            _delete_rows(destination)
        else:
            return


def _delete_rows(destination: Path) -> None:
    for path in destination.iterdir():
        if tables.is_vector_file_name(path.name):
            path.unlink()


def _check_empty(destination: Path) -> None:
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise GalleryExistsError(
            f"{printable(destination)}: something is here already. Choose a new or empty folder for the backup"
        )


def _set_root(copy: sqlite3.Connection, folder: Path) -> None:
    """Record the folder of images by its full path: it is not moved with the copy."""
    stored = os.fsdecode(tables.read_value(copy, "root"))
    root = os.path.normpath(real_path(folder) / stored)
    copy.execute("UPDATE meta SET value = ? WHERE key = 'root'", (os.fsencode(root),))


def _copy_rows(copy: sqlite3.Connection, folder: Path, destination: Path) -> None:
    """Copy the rows of each stamp up to the number that the database knows."""
    if schema.version(copy) <= schema.WITHOUT_RECORDS:
        raise GalleryWriteError(
            f"{printable(folder)}: this gallery has an earlier format. To convert it: lookalike index --gallery "
            f"{printable(folder)}"
        )
    for stamp_id, spec, count in copy.execute("SELECT id, spec, next_row FROM stamps").fetchall():
        rows = open_rows(copy, folder, stamp_id, EncoderSpec.from_json(spec))
        for path, size in rows.sizes(count):
            with path.open("rb") as original, (destination / path.name).open("wb") as file:
                _copy_bytes(original, file, size)
                file.flush()
                os.fsync(file.fileno())
        open_rows(copy, destination, stamp_id, EncoderSpec.from_json(spec)).vectors.publish(count)


def _copy_bytes(original: BinaryIO, file: BinaryIO, size: int) -> None:
    while size > 0 and (part := original.read(min(size, _CHUNK))):
        file.write(part)
        size -= len(part)
