"""The store protocol: the operations a gallery needs from its storage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.images.files import FileStat, FoundFile, Skipped
from lookalike.search.index import Vectors


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file of the gallery. ``digest`` is the SHA-256 of its bytes; ``id`` stays when the file is moved."""

    id: int
    path: str
    stat: FileStat
    digest: bytes


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry to add or update at ``path``.

    ``vector`` is the embedding of its content, float32 (dimension,); None if the store has it already. ``moved_id`` is
    the id of the entry whose file was moved here. That entry may be gone from the store, if its old path was taken by
    another file in an earlier commit; it is then restored with its id. ``replaces_entry`` is set if the entry at
    ``path`` belongs to another image, so that its id must not be kept.
    """

    path: str
    stat: FileStat
    digest: bytes
    vector: NDArray[np.float32] | None = None
    moved_id: int | None = None
    replaces_entry: bool = False


@dataclass(slots=True)
class Changes:
    """What one commit changes, all or nothing.

    ``upserts`` add or update entries (a new content needs its vector), ``removed`` are the paths of entries to delete,
    ``skipped`` adds or updates skipped files, and ``unskipped`` are paths to delete from the list of skipped files.
    """

    upserts: list[EntryChange] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unskipped: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.upserts or self.removed or self.skipped or self.unskipped)

    def __len__(self) -> int:
        """The number of changes."""
        return len(self.upserts) + len(self.removed) + len(self.skipped) + len(self.unskipped)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How close images of this gallery are to their best matches, for a seeded sample of contents.

    ``rows`` int64 (m,) are the vector rows of the sampled contents, ``best_rows`` int64 (m,) those of their best
    matches (self excluded), and ``scores`` float64 (m,) the cosines, rounded to 6 digits. ``row_count`` is
    :meth:`Store.row_count` at the time of the calibration.
    """

    rows: NDArray[np.int64]
    best_rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    row_count: int


class Replacement(Protocol):
    """Embeddings by another encoder, stored beside the active ones until they are complete."""

    def pending(self) -> list[tuple[bytes, FoundFile]]:
        """The contents still to be embedded: the digest and one file of each, ordered by path."""
        ...

    def add_vectors(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        """Store the embeddings, float32 (dimension,), of contents by digest, durably."""
        ...

    def activate(self, reason: str) -> None:
        """Make this encoder the active one and delete the other's embeddings.

        Entries without an embedding become skipped files with this ``reason``.
        """
        ...


class Store(Protocol):
    """Stores one gallery, for any number of readers and one writer at a time. Readers see complete commits only."""

    @property
    def folder(self) -> Path:
        """The local folder of the gallery's own files."""
        ...

    @property
    def root(self) -> Path:
        """The folder of images."""
        ...

    @property
    def stamp(self) -> EncoderSpec:
        """The encoder that made every embedding in the gallery."""
        ...

    @property
    def weights_path(self) -> Path | None:
        """The last known path of that encoder's weights; None for catalogue encoders."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether the store was opened for writing."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """A context in which all reads see the same commit."""
        ...

    def entries(self) -> list[Entry]:
        """All entries, ordered by the bytes of their paths."""
        ...

    def skips(self) -> list[Skipped]:
        """All skipped files, ordered by the bytes of their paths."""
        ...

    def paths(self, ids: Sequence[int]) -> list[str]:
        """The paths of the entries ``ids``, in the same order; empty for unknown ids."""
        ...

    def ids_of_digest(self, digest: bytes) -> NDArray[np.int64]:
        """The ids of the entries with this content: int64 (m,)."""
        ...

    def vectors(self) -> Vectors:
        """Every entry's embedding."""
        ...

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids (m,) and embeddings (m, d), in path order, that are certain to include the ``k`` nearest to ``query``.

        ``query`` is float32 (d,). The caller computes the exact scores and the order. Entries whose ids are in
        ``without`` are excluded.
        """
        ...

    def calibration(self) -> Calibration | None:
        """The stored calibration."""
        ...

    def sample_rows(self, size: int) -> NDArray[np.int64]:
        """The vector rows of a seeded sample of up to ``size`` contents, which changes little as the gallery grows."""
        ...

    def check_vectors(self) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` if vectors are missing; a quick check of file sizes."""
        ...

    def row_count(self) -> int:
        """The number of vector rows ever written, including unused ones; rows are never reused."""
        ...

    def commit(self, changes: Changes) -> None:
        """Apply ``changes`` durably, all or nothing; raises :class:`~lookalike.errors.GalleryWriteError`."""
        ...

    def delete_unused(self) -> None:
        """Delete the contents that no entry refers to, with their embeddings."""
        ...

    def save_calibration(self, calibration: Calibration) -> None:
        """Replace the stored calibration, durably."""
        ...

    def set_root(self, root: Path) -> None:
        """Record a new path of the folder of images."""
        ...

    def set_weights_path(self, path: Path) -> None:
        """Record a new path of the encoder's weights."""
        ...

    def open_replacement(self, stamp: EncoderSpec, weights_path: Path | None) -> Replacement:
        """Start replacing the encoder by ``stamp``, or resume an unfinished replacement by the same one."""
        ...

    def discard_replacement(self) -> None:
        """Delete an unfinished replacement of the encoder, if there is one."""
        ...

    def close(self) -> None:
        """Close all files and release the writer's lock."""
        ...
