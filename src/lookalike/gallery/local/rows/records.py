"""The append-only file of records beside a vector file: whose embedding each row is, and a checksum of it.

The records show damage that SQLite and NumPy can't see, and let a lost database be rebuilt. Like the vectors, they are
written and synced before the transaction that refers to their rows is committed.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.atomic import atomic_writer
from lookalike.errors import GalleryDamagedError
from lookalike.gallery.local.database import damage_error
from lookalike.gallery.local.rows.held_file import HeldFile

RECORD: Final = np.dtype(
    [
        ("digest", "V32"),  # the SHA-256 of the image file; zeros if the row belongs to none
        ("entry", "<i8"),  # the id of the image when the row was written
        ("share", "<f4"),  # the share of the image that could be decoded; NaN for all of it
        ("rules", "S76"),  # the decoding rules; empty if their text is longer
        ("vector", "<u4"),  # the CRC-32 of the row
        ("record", "<u4"),  # the CRC-32 of the 124 bytes before
    ]
)
"""One record, 128 bytes."""

_HEADER: Final = struct.Struct("<16s16s32s")
_MAGIC: Final = b"lookalike rows 1"
_CHECKED: Final = RECORD.itemsize - 4
"""How many bytes of a record its checksum is of."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Which gallery (16 bytes) and which stamp (its SHA-256, 32 bytes) a file of records belongs to."""

    gallery: bytes
    stamp: bytes


class RowRecords:
    """The records of a vector file, at ``path``. It is never truncated in place."""

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path = path
        self.owner = owner
        self.held = HeldFile(path)
        self._mapped: NDArray[np.void] = np.empty(0, RECORD)

    def create(self, parts: Iterable[NDArray[np.void]] = ()) -> None:
        """Create the file with the records of ``parts`` (n,), durably; replaces an existing file."""
        with atomic_writer(self.path, unfinished=self.path.with_name(f"{self.path.name}-new")) as file:
            file.write(_HEADER.pack(_MAGIC, self.owner.gallery, self.owner.stamp))
            for records in parts:
                file.write(np.ascontiguousarray(records).tobytes())

    def write(self, first: int, records: NDArray[np.void]) -> None:
        """Write ``records`` (n,) at row ``first`` and after, durably; see ``VectorFile.write``."""
        self.check_owner()
        with self.path.open("r+b") as file:
            file.seek(_HEADER.size + first * RECORD.itemsize)
            file.write(np.ascontiguousarray(records).tobytes())
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def size(count: int) -> int:
        """The size in bytes of a file with ``count`` records."""
        return _HEADER.size + count * RECORD.itemsize

    def count(self) -> int:
        """The number of complete records in the file; raises as :meth:`check_owner`."""
        self.check_owner()
        with self.held.reading() as file:
            size = os.fstat(file.fileno()).st_size
        return (size - _HEADER.size) // RECORD.itemsize

    def read(self, count: int) -> NDArray[np.void]:
        """The first ``count`` records (n,), memory-mapped read-only; fewer if the file has fewer.

        The file stays mapped until :meth:`close`.
        """
        if count > len(self._mapped):
            available = self.count()
            if available > len(self._mapped):
                with self.held.reading() as file:
                    self._mapped = np.memmap(file, RECORD, "r", offset=_HEADER.size, shape=(available,))
        return self._mapped[:count]

    def close(self) -> None:
        """Release the file, once what was read is no longer used."""
        self._mapped = np.empty(0, RECORD)
        self.held.release()

    def check_owner(self) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` unless the file belongs to this gallery and stamp."""
        found = _owner_in(self.held)
        if found is None:
            raise damage_error(self.path, "missing or not a file of records")
        if found.gallery != self.owner.gallery:
            raise damage_error(self.path, "belongs to another gallery")
        if found.stamp != self.owner.stamp:
            raise damage_error(self.path, "belongs to another encoder than the one that the database names")


def read_owner(path: Path) -> Owner | None:
    """Whose records ``path`` contains; None if it is missing or no such file.

    Raises :class:`~lookalike.errors.GalleryWriteError` if it can't be read.
    """
    return _owner_in(HeldFile(path))


def _owner_in(held: HeldFile) -> Owner | None:
    try:
        with held.reading() as file:
            magic, gallery, stamp = _HEADER.unpack(file.read(_HEADER.size))
    except (GalleryDamagedError, struct.error):
        return None
    return Owner(gallery, stamp) if magic == _MAGIC else None


def make_records(
    vectors: NDArray[np.float32], digests: list[bytes], ids: list[int], rules: list[str], shares: list[float | None]
) -> NDArray[np.void]:
    """The records (n,) of ``vectors`` (n, dimension)."""
    records = np.zeros(len(vectors), RECORD)
    records["digest"] = np.frombuffer(b"".join(digests), "V32")
    records["entry"] = ids
    records["rules"] = [text if len(text) <= RECORD["rules"].itemsize else "" for text in rules]
    records["share"] = [np.nan if share is None else share for share in shares]
    records["vector"] = _checksums(vectors)
    records["record"] = _own_checksums(records)
    return records


def _checksums(vectors: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The CRC-32 of each of ``vectors`` (n, dimension), little-endian."""
    return _row_checksums(np.ascontiguousarray(vectors, "<f4"))


def are_sound(records: NDArray[np.void], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which records (n,) are undamaged and belong to an image, and have the checksum of their vector: bool (n,)."""
    own = (_own_checksums(records) == records["record"]) & (records["digest"] != np.zeros((), "V32"))
    sound: NDArray[np.bool_] = own & (_checksums(vectors) == records["vector"])
    return sound


def _own_checksums(records: NDArray[np.void]) -> NDArray[np.uint32]:
    content = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), RECORD.itemsize)
    return _row_checksums(np.ascontiguousarray(content[:, :_CHECKED]))


def _row_checksums(rows: NDArray[Any]) -> NDArray[np.uint32]:
    content, step = memoryview(rows.data).cast("B"), rows.itemsize * rows.shape[1]
    places = range(0, step * len(rows), step)
    return np.fromiter((zlib.crc32(content[place : place + step]) for place in places), np.uint32, len(rows))
