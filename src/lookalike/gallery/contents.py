"""What a gallery contains, as its users see it: images, their embeddings, and its status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes.runtime import Backend
from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.options import GalleryOptions
from lookalike.gallery.store import Entry, Store
from lookalike.images.files import FileStat, Note, Skipped

_PAGE: Final = 4096
"""How many embeddings are read at a time."""


@dataclass(frozen=True, slots=True)
class Status:
    """The contents of a gallery.

    ``stamp`` is its encoder and ``backends`` are the runtimes and devices that have computed embeddings, as far as they
    are recorded. ``options`` are how it reads its images. ``images`` is the number of images, ``disk_bytes`` the size
    of the gallery's files. ``notes`` are on images that are used although something is wrong with their files.
    """

    stamp: EncoderSpec
    backends: tuple[Backend, ...]
    options: GalleryOptions
    images: int
    disk_bytes: int
    skipped: tuple[Skipped, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image of a gallery; ``gallery`` (its address) and ``id`` together identify it.

    ``path`` is relative to the folder of images ``root``. ``id`` stays the same when the image is renamed or moved.
    ``stat`` is the file's size, modification time and inode when it was indexed, and ``digest`` the SHA-256 of its
    bytes (32 bytes).
    """

    gallery: str
    id: str
    path: str
    root: Path
    stat: FileStat
    digest: bytes

    @classmethod
    def of(cls, store: Store, entry: Entry) -> Self:
        """The image of an entry."""
        return cls(store.address, f"{entry.id:x}", entry.path, store.root, entry.stat, entry.digest)

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


def iter_embeddings(store: Store) -> Iterator[tuple[GalleryImage, NDArray[np.float32]]]:
    """Every image and its embedding, float32 (dimension,), ordered by the bytes of the paths, in bounded memory."""
    entries = store.iter_entries()
    while page := list(islice(entries, _PAGE)):
        vectors = store.vectors_of([entry.digest for entry in page])
        for entry in page:
            if entry.digest in vectors:
                yield GalleryImage.of(store, entry), vectors[entry.digest]
