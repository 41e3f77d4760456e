"""The images of a gallery and their embeddings, as its users see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.records import Entry, Order
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FileStat
from lookalike.images.rules import Rules
from lookalike.search.query import Filter

_PAGE: Final = 4096
"""How many embeddings are read at a time."""


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image of a gallery; ``gallery`` (its address) and ``id`` together identify it.

    ``path`` is relative to the folder of images ``root``. ``id`` stays the same when the image is renamed or moved.
    ``stat`` is the file's size, modification time and inode when it was indexed, and ``digest`` the SHA-256 of its
    bytes (32 bytes). ``offline`` tells that the last update could not find the file. ``values`` are its annotations by
    column, and its date, camera, width and height, as far as they are known.
    """

    gallery: str
    id: str
    path: str
    root: Path
    stat: FileStat
    digest: bytes
    offline: bool = False
    values: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, store: Store, entry: Entry, values: Mapping[str, str] | None = None) -> Self:
        """The image of an entry."""
        return cls(
            store.address,
            f"{entry.id:x}",
            entry.path,
            store.root,
            entry.stat,
            entry.digest,
            entry.offline_since is not None,
            values or {},
        )

    @property
    def file(self) -> Path:
        """The image file."""
        return self.root / self.path

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self.stat.size

    @property
    def mtime_ns(self) -> int:
        """When the file was last modified, in nanoseconds since 1970."""
        return self.stat.mtime_ns

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, in hexadecimal."""
        return self.digest.hex()


def list_images(store: Store, where: Filter, order: Order, after: int, limit: int | None) -> list[GalleryImage]:
    """The images that fulfil ``where``, with their values."""
    with store.snapshot():
        entries = store.list_entries(where, order, after=after, limit=limit)
        values = store.values_of([entry.id for entry in entries])
        return [GalleryImage.of(store, entry, values.get(entry.id, {})) for entry in entries]


def iter_embeddings(store: Store, *, with_values: bool = False) -> Iterator[tuple[GalleryImage, NDArray[np.float32]]]:
    """Every image and its embedding, float32 (dimension,), ordered by the bytes of the paths, in bounded memory."""
    entries = store.iter_entries()
    while page := list(islice(entries, _PAGE)):
        vectors = store.vectors_of([entry.digest for entry in page])
        values = store.values_of([entry.id for entry in page]) if with_values else {}
        for entry in page:
            if entry.digest in vectors:
                yield GalleryImage.of(store, entry, values.get(entry.id, {})), vectors[entry.digest]


def outdated_paths(store: Store, reading: ReadOptions) -> set[str]:
    """The paths of images whose embeddings may differ from what ``reading`` gives with today's decoding rules."""
    rules = Rules.current(reading)
    outdated = store.outdated(str(rules))
    return {entry.path for entry, before in outdated if before is None or not Rules.parse(before).decodes_like(rules)}


def all_embeddings(store: Store) -> tuple[list[str], NDArray[np.float32]]:
    """The paths of all images (n), and their embeddings, float32 (n, dimension), in the same order."""
    with store.snapshot():
        paths, matrix = [], np.empty((store.count(), store.stamp.dimension), np.float32)
        for number, (image, vector) in enumerate(iter_embeddings(store)):
            paths.append(image.path)
            matrix[number] = vector
    return paths, matrix[: len(paths)]
