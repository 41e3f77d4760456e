"""What a gallery contains, as its users see it: images, their embeddings, and its status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes.runtime import Backend
from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.last_update import LastUpdate
from lookalike.gallery.options import GalleryOptions, read_options, read_passed_over
from lookalike.gallery.records import Entry, Order, Shortfall
from lookalike.gallery.stamp_check import recorded_backends
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FileStat, Note, Skipped
from lookalike.images.kinds import PassedOver
from lookalike.images.rules import Rules
from lookalike.search.query import Filter

_PAGE: Final = 4096
"""How many embeddings are read at a time."""


@dataclass(frozen=True, slots=True)
class Status:
    """The contents of a gallery.

    ``stamp`` is its encoder and ``backends`` are the runtimes and devices that have computed embeddings, as far as they
    are recorded. ``options`` are how it finds and reads its images. ``images`` is the number of images that are there,
    ``offline`` that of images whose files could not be found, ``disk_bytes`` the size of the gallery's files.
    ``notes`` are on images that are used although something is wrong with their files. ``network`` is the type of the
    network file system that the gallery is on, if it is on one. ``passed_over`` counts what the last update did not
    read because of what it is. ``shortfall`` is what the next update has to add to an incomplete copy. ``last_update``
    tells when the gallery was brought up to date, and whether that is complete. ``switching_to`` is the name of the
    encoder that the gallery is being switched to; until that is complete, it is searched as it was. ``columns`` are
    those that images were annotated with; the properties of ``without_properties`` images (date, camera, width and
    height) are unknown, because they were indexed by an earlier version.
    """

    stamp: EncoderSpec
    backends: tuple[Backend, ...]
    options: GalleryOptions
    images: int
    offline: int
    disk_bytes: int
    skipped: tuple[Skipped, ...]
    notes: tuple[Note, ...]
    network: str | None
    passed_over: Mapping[PassedOver, int]
    shortfall: Shortfall
    last_update: LastUpdate
    switching_to: str | None
    columns: tuple[str, ...]
    without_properties: int


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


def status_of(store: Store) -> Status:
    """The status of the gallery in ``store``."""
    with store.snapshot():
        offline = store.count_offline()
        return Status(
            stamp=store.stamp,
            backends=recorded_backends(store),
            options=read_options(store),
            images=store.count() - offline,
            offline=offline,
            disk_bytes=store.disk_bytes(),
            skipped=tuple(store.skips()),
            notes=tuple(store.notes()),
            network=store.network,
            passed_over=read_passed_over(store),
            shortfall=store.shortfall(),
            last_update=LastUpdate.read(store),
            switching_to=store.replacement(),
            columns=tuple(store.columns()),
            without_properties=store.count_without_properties(),
        )
