"""The append-only file of float32 vectors: a 64-byte header, followed by the rows."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.local.database import damage_error, sync_folder

_HEADER: Final = struct.Struct("<16sII40x")  # magic, format version, dimension; 64 bytes keep rows aligned
_MAGIC: Final = b"lookalike vector"
_VERSION: Final = 1


class VectorFile:
    """Vectors of ``dimension`` float32 numbers, little-endian, at ``path``.

    The file does not record how many rows are valid; the caller passes the count from the database.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension

    def create(self) -> None:
        """Create the file with its header only, durably; replaces a file left by an interrupted creation."""
        with self.path.open("wb") as file:
            file.write(_HEADER.pack(_MAGIC, _VERSION, self.dimension))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)

    def write(self, first: int, vectors: NDArray[np.float32]) -> None:
        """Write ``vectors`` (n, dimension) at row ``first`` and after, durably.

        Overwrites later rows left by an interrupted write, which the database does not refer to. Raises OSError if the
        disk is full or fails, and :class:`~lookalike.errors.GalleryDamagedError` if earlier rows are missing.
        """
        self._check(first)
        with self.path.open("r+b") as file:
            file.seek(_HEADER.size + first * self._row_bytes)
            file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def rows(self, count: int) -> NDArray[np.float32]:
        """The first ``count`` rows, memory-mapped read-only: float32 (count, dimension).

        Raises :class:`~lookalike.errors.GalleryDamagedError` if the file is missing, too short, or of another format.
        """
        self._check(count)
        if count == 0:
            return np.empty((0, self.dimension), np.float32)
        return np.memmap(self.path, "<f4", "r", offset=_HEADER.size, shape=(count, self.dimension))

    def _check(self, count: int) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` unless the file has at least ``count`` rows."""
        try:
            with self.path.open("rb") as file:
                header = file.read(_HEADER.size)
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise damage_error(self.path, f"can't be read ({error.strerror})") from error
        if len(header) != _HEADER.size or _HEADER.unpack(header) != (_MAGIC, _VERSION, self.dimension):
            raise damage_error(self.path, f"not a file of {self.dimension}-dimensional vectors")
        missing = count - (size - _HEADER.size) // self._row_bytes
        if missing > 0:
            raise damage_error(self.path, f"truncated: {missing} of {count} vectors are missing")

    @property
    def _row_bytes(self) -> int:
        return 4 * self.dimension
