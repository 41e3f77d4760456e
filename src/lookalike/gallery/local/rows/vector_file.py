"""The append-only file of vectors: a NumPy ``.npy`` file of float32 rows that only grows.

``np.load(path, mmap_mode="r")`` opens it at any time, also while rows are written. Its header has a fixed size, and its
number of rows is updated after each commit. Only the database says how many rows are valid: the header's number is
never read here.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.atomic import atomic_writer
from lookalike.gallery.local.database import damage_error
from lookalike.gallery.local.rows.held_file import HeldFile

_HEADER_SIZE: Final = 128
"""A multiple of 64 keeps rows aligned, and the header within the first sector, which disks write at once."""

_MAGIC: Final = b"\x93NUMPY\x01\x00" + struct.pack("<H", _HEADER_SIZE - 10)
_BEFORE_COUNT: Final = _MAGIC + b"{'descr': '<f4', 'fortran_order': False, 'shape': ("
_COUNT_WIDTH: Final = 20


class VectorFile:
    """Vectors of ``dimension`` float32 numbers, little-endian, at ``path``.

    The caller passes how many rows are valid, from the database. A file is never truncated in place, because readers
    may have mapped it.
    """

    header_size = _HEADER_SIZE

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension
        self.held = HeldFile(path)

    def create(self, count: int = 0, parts: Iterable[NDArray[np.float32]] = ()) -> None:
        """Create the file with the ``count`` vectors of ``parts`` (n, dimension), durably; an old one is replaced."""
        with atomic_writer(self.path, unfinished=self.path.with_name(f"{self.path.name}-new")) as file:
            file.write(_header(count, self.dimension))
            for vectors in parts:
                file.write(np.ascontiguousarray(vectors, "<f4").data)

    def write(self, first: int, vectors: NDArray[np.float32]) -> None:
        """Write ``vectors`` (n, dimension) at row ``first`` and after, durably.

        Overwrites rows left by an interrupted write, which the database does not refer to. Raises OSError if the disk
        is full or fails, and :class:`~lookalike.errors.GalleryDamagedError` if earlier rows are missing.
        """
        self._check(first)
        with self.path.open("r+b") as file:
            file.seek(self.header_size + first * self._row_bytes)
            file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())

    def publish(self, count: int) -> None:
        """Update the header's number of rows for other programs, if so many are on disk; call it after a commit.

        It need not be durable, and errors are ignored: the next writer updates it again.
        """
        with contextlib.suppress(OSError), self.path.open("r+b", buffering=0) as file:
            header = file.read(_HEADER_SIZE)
            size = os.fstat(file.fileno()).st_size
            wanted = _header(count, self.dimension)
            if header != wanted and self._is_header(header) and count <= (size - _HEADER_SIZE) // self._row_bytes:
                place = len(_BEFORE_COUNT)
                file.seek(place)
                file.write(wanted[place : place + _COUNT_WIDTH])

    def size(self, count: int) -> int:
        """The size in bytes of a file with ``count`` rows."""
        return self.header_size + count * self._row_bytes

    def available(self) -> int:
        """The number of complete rows in the file.

        Raises :class:`~lookalike.errors.GalleryDamagedError` if the file is missing or of another format, and
        :class:`~lookalike.errors.GalleryWriteError` if it can't be read.
        """
        with self.held.reading() as file:
            header = file.read(self.header_size)
            size = os.fstat(file.fileno()).st_size
        if not self._is_header(header):
            raise damage_error(self.path, f"not a file of {self.dimension}-dimensional vectors")
        return (size - self.header_size) // self._row_bytes

    def rows(self, count: int) -> NDArray[np.float32]:
        """The first ``count`` rows, memory-mapped read-only: float32 (count, dimension).

        Raises :class:`~lookalike.errors.GalleryDamagedError` if the file is missing, too short, or of another format.
        """
        self._check(count)
        if count == 0:
            return np.empty((0, self.dimension), np.float32)
        with self.held.reading() as file:
            return np.memmap(file, "<f4", "r", offset=self.header_size, shape=(count, self.dimension))

    def _check(self, count: int) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` unless the file has at least ``count`` rows."""
        missing = count - self.available()
        if missing > 0:
            raise damage_error(self.path, f"truncated: {missing} of {count} vectors are missing")

    def _is_header(self, header: bytes) -> bool:
        """Whether this is the header of such a file, with any number of rows."""
        place = len(_BEFORE_COUNT)
        count = header[place : place + _COUNT_WIDTH]
        return re.fullmatch(rb" *\d+", count) is not None and header == _header(int(count), self.dimension)

    @property
    def _row_bytes(self) -> int:
        return 4 * self.dimension


def _header(count: int, dimension: int) -> bytes:
    """The header of a ``.npy`` file, version 1.0, padded to a fixed size."""
    text = _BEFORE_COUNT + b"%*d, %d), }" % (_COUNT_WIDTH, count, dimension)
    return text.ljust(_HEADER_SIZE - 1) + b"\n"
