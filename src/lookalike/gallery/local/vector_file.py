"""The append-only file of float32 vectors: a header of 64 bytes, then row after row."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.local.database import damaged, sync_folder

_HEADER: Final = struct.Struct("<16sII40x")  # magic, version of the format, dimension; 64 bytes keep rows aligned
_MAGIC: Final = b"lookalike vector"
_VERSION: Final = 1


class VectorFile:
    """Vectors of ``dimension`` float32 numbers, little-endian, at ``path``. Which rows count, its owner knows."""

    def __init__(self, path: Path, dimension: int) -> None:
        self.path = path
        self.dimension = dimension

    def create(self) -> None:
        """Make the file, empty but for its header, and durable; one that an interrupted start left is replaced."""
        with self.path.open("wb") as file:
            file.write(_HEADER.pack(_MAGIC, _VERSION, self.dimension))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.path.parent)

    def write(self, first: int, vectors: NDArray[np.float32]) -> None:
        """Put ``vectors`` (n, dimension) at row ``first`` and after, durably; raises OSError where the disk refuses.

        Rows from ``first`` on that an interrupted write left behind are overwritten: nobody refers to them. Raises
        :class:`~lookalike.errors.GalleryDamagedError` where the rows before them aren't there.
        """
        self._check(first)
        with self.path.open("r+b") as file:
            file.seek(_HEADER.size + first * self._row_bytes)
            file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def rows(self, count: int) -> NDArray[np.float32]:
        """The first ``count`` rows, mapped read-only: float32 (count, dimension).

        Raises :class:`~lookalike.errors.GalleryDamagedError` if the file is missing, too short, or another's.
        """
        self._check(count)
        if count == 0:
            return np.empty((0, self.dimension), np.float32)
        return np.memmap(self.path, "<f4", "r", offset=_HEADER.size, shape=(count, self.dimension))

    def _check(self, count: int) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` unless the file has ``count`` rows."""
        try:
            with self.path.open("rb") as file:
                header = file.read(_HEADER.size)
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise damaged(self.path, f"can't be read ({error.strerror})") from error
        if len(header) != _HEADER.size or _HEADER.unpack(header) != (_MAGIC, _VERSION, self.dimension):
            raise damaged(self.path, f"this is no file of {self.dimension}-d vectors")
        missing = count - (size - _HEADER.size) // self._row_bytes
        if missing > 0:
            raise damaged(self.path, f"cut short: {missing} of its {count} vectors are missing")

    @property
    def _row_bytes(self) -> int:
        return 4 * self.dimension
