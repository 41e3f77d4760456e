"""The store protocol: the operations a gallery needs from its storage.

Contents are identified by their digests (SHA-256, 32 bytes) and entries by their ids. Where and in which order a store
keeps vectors is its own matter.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.records import (
    Calibration,
    Changes,
    Entry,
    Facets,
    Match,
    NewVector,
    Order,
    Shortfall,
    VectorBatch,
)
from lookalike.images.files import FoundFile, Note, Skipped
from lookalike.search.query import Filter


class Replacement(Protocol):
    """Embeddings by another encoder, stored beside the active ones until they are complete."""

    def pending_count(self) -> int:
        """The number of contents still to be embedded."""
        ...

    def iter_pending(self) -> Iterator[tuple[bytes, FoundFile]]:
        """The contents still to be embedded, in the order in which they were added: the digest and one file of each.

        Vectors may be added meanwhile. Memory is bounded.
        """
        ...

    def add_vectors(self, vectors: Sequence[NewVector], rules: str) -> None:
        """Store the embeddings of contents that were read under ``rules``, durably."""
        ...

    def activate(self, reason: str) -> None:
        """Make this encoder the active one and delete the other's embeddings.

        Entries without an embedding become skipped files with this ``reason``.
        """
        ...


class Store(Protocol):
    """Stores one gallery, for any number of readers and one writer at a time. Readers see complete commits only.

    It can be used from any thread. A method that only reads sees one commit. An iterator may see later commits as it
    goes on; to read from one commit with an iterator, or with several methods, use :meth:`snapshot`.
    """

    @property
    def address(self) -> str:
        """Where the gallery is, as :func:`~lookalike.gallery.stores.open_store` takes it."""
        ...

    @property
    def folder(self) -> Path | None:
        """The local folder of the gallery's own files; None if they are elsewhere."""
        ...

    @property
    def network(self) -> str | None:
        """The type of the network file system the gallery is on, such as nfs4; None if it is on none."""
        ...

    @property
    def root(self) -> Path:
        """The folder of images."""
        ...

    @property
    def stamp(self) -> EncoderSpec:
        """The encoder that made every embedding in the gallery."""
        ...

    def serving(self) -> str:
        """The fingerprint of the encoder that is the active one now; another process may have replaced :attr:`stamp`.

        A store that is open goes on with the encoder that it was opened with.
        """
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
        """A context in which all reads see the same commit. Other threads may have to wait for its end."""
        ...

    def revision(self) -> Hashable:
        """A value that changes with every commit, also of other processes."""
        ...

    def disk_bytes(self) -> int:
        """The storage used by the gallery, in bytes."""
        ...

    def count(self, where: Filter | None = None) -> int:
        """The number of entries that fulfil ``where``, including those that are offline; None stands for all.

        Raises :class:`~lookalike.errors.QueryError` if its condition has an unknown column.
        """
        ...

    def list_entries(
        self, where: Filter, order: Order = "path", *, after: int = 0, limit: int | None = None
    ) -> list[Entry]:
        """The entries that fulfil ``where``, in ``order``, from the place ``after`` on, at most ``limit``.

        Raises :class:`~lookalike.errors.QueryError` as :meth:`count` does.
        """
        ...

    def facets(self, where: Filter) -> Facets:
        """What the entries that fulfil ``where`` have in common.

        Raises :class:`~lookalike.errors.QueryError` as :meth:`count` does.
        """
        ...

    def columns(self) -> list[str]:
        """The names of the columns that images were annotated with, in the order in which they were added."""
        ...

    def values_of(self, ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """What is known of the entries with these ids, by column: annotations, then date, camera, width and height.

        An annotation replaces the property of the same name. Unknown ids are left out.
        """
        ...

    def count_without_properties(self) -> int:
        """The number of entries whose date, camera, width and height were never read."""
        ...

    def count_offline(self) -> int:
        """The number of entries that are offline."""
        ...

    def iter_entries(self) -> Iterator[Entry]:
        """All entries, ordered by the bytes of their paths, in bounded memory."""
        ...

    def entries_by_id(self, ids: Sequence[int]) -> dict[int, Entry]:
        """The entries with these ids; unknown ids are left out."""
        ...

    def entries_by_path(self, paths: Sequence[str]) -> dict[str, Entry]:
        """The entries at these paths; unknown paths are left out."""
        ...

    def ids_of_digest(self, digest: bytes) -> list[int]:
        """The ids of the entries with this content, ascending."""
        ...

    def has_content(self, digest: bytes, rules: str | None = None) -> bool:
        """Whether the store has the embedding of this content, made under ``rules`` if they are given.

        A commit may then leave it out.
        """
        ...

    def outdated(self, rules: str) -> Iterator[tuple[Entry, str | None]]:
        """The entries whose embeddings were made under other decoding rules than ``rules``, and those rules.

        Entries whose embedding was lost are among them, with None. They are ordered by the bytes of their paths.
        """
        ...

    def notes(self) -> list[Note]:
        """What is unusual about entries, ordered by the bytes of their paths."""
        ...

    def skips(self) -> list[Skipped]:
        """All skipped files, ordered by the bytes of their paths, with the decoding rules they were read under."""
        ...

    def iter_vectors(self, added_after: int = 0) -> Iterator[VectorBatch]:
        """The embeddings of all contents that entries refer to, in the order in which they were added.

        Contents added while :meth:`vector_count` was below ``added_after`` are left out. Memory is bounded. Raises
        :class:`~lookalike.errors.GalleryError` if the store was compacted meanwhile.
        """
        ...

    def vectors_of(self, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The embeddings, float32 (dimension,), of these contents; unknown ones are left out."""
        ...

    def vector_count(self) -> int:
        """The number of embeddings ever added, including deleted ones; :meth:`compact` leaves those out."""
        ...

    def search(
        self, vector: NDArray[np.float32], k: int, where: Filter | None = None, without: Collection[int] = ()
    ) -> list[Match]:
        """The ``k`` entries nearest to ``vector``, float32 (dimension,), best first; ties by the bytes of their paths.

        Only entries that fulfil ``where``, and whose ids are not in ``without``, are found; there are ``k`` whenever so
        many exist. Raises :class:`~lookalike.errors.QueryError` as :meth:`count` does, and
        :class:`~lookalike.errors.GalleryDamagedError` if embeddings are damaged.
        """
        ...

    def search_many(
        self,
        vectors: NDArray[np.float32],
        k: int,
        where: Filter | None = None,
        without: Sequence[Collection[int]] | None = None,
        least: float = -1.0,
    ) -> list[list[Match]]:
        """:meth:`search` for each of ``vectors`` (q, dimension); ``without`` has one collection of ids for each.

        Entries that score below ``least`` are left out.
        """
        ...

    def unused(self) -> list[bytes]:
        """The digests of the contents that no entry refers to, such as those of removed images."""
        ...

    def sample(self, size: int) -> list[bytes]:
        """The digests of a seeded sample of up to ``size`` contents, which changes little as the gallery grows.

        Only contents that entries refer to are sampled. The order depends on nothing but the digests.
        """
        ...

    def calibration(self) -> Calibration | None:
        """The stored calibration, without contents and best matches that no entry refers to any more."""
        ...

    def save_calibration(self, calibration: Calibration) -> None:
        """Replace the stored calibration, durably."""
        ...

    def shortfall(self) -> Shortfall:
        """What is lacking in the gallery, by a quick look; nothing while a writer is at work.

        Raises :class:`~lookalike.errors.GalleryDamagedError` if the embeddings can't be read.
        """
        ...

    def commit(self, changes: Changes) -> None:
        """Apply ``changes`` durably, all or nothing; raises :class:`~lookalike.errors.GalleryWriteError`."""
        ...

    def annotate(self, values: Mapping[str, Mapping[str, str]], deleted: Collection[str] = ()) -> None:
        """Delete the columns ``deleted``, and set values of columns by path, durably; an empty value deletes one.

        Paths may be those of images that the gallery doesn't have yet. Annotations follow an entry that is moved.
        """
        ...

    def delete_unused(self, digests: Collection[bytes]) -> None:
        """Delete those of these contents that no entry refers to, with their embeddings."""
        ...

    def compact(self) -> None:
        """Give back the space of deleted embeddings, if that is worth the effort."""
        ...

    def set_root(self, root: Path) -> None:
        """Record a new path of the folder of images."""
        ...

    def set_weights_path(self, path: Path) -> None:
        """Record a new path of the encoder's weights."""
        ...

    def metadata(self, key: str) -> str | None:
        """The text stored for ``key`` by :meth:`set_metadata`; None if there is none."""
        ...

    def set_metadata(self, key: str, text: str) -> None:
        """Store a short text about the whole gallery, durably."""
        ...

    def open_replacement(self, stamp: EncoderSpec, weights_path: Path | None) -> Replacement:
        """Start replacing the encoder by ``stamp``, or resume an unfinished replacement by the same one."""
        ...

    def replacement(self) -> str | None:
        """The name of the encoder by which the active one is being replaced; None if it isn't."""
        ...

    def discard_replacement(self) -> None:
        """Delete an unfinished replacement of the encoder, if there is one."""
        ...

    def close(self) -> None:
        """Close all files and release the writer's lock."""
        ...
