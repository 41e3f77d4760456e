"""The status of a gallery: what is in it, by which encoder, and what is still to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lookalike.encoders.runtimes.runtime import Backend
from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.contents.thumbnails import Thumbnails
from lookalike.gallery.last_update import LastUpdate
from lookalike.gallery.options import GalleryOptions, read_options, read_passed_over
from lookalike.gallery.records import Shortfall
from lookalike.gallery.stamp_check import recorded_backends
from lookalike.gallery.store import Store
from lookalike.images.files import Note, Skipped
from lookalike.images.kinds import PassedOver


@dataclass(frozen=True, slots=True)
class Status:
    """The contents of a gallery.

    ``stamp`` is its encoder and ``backends`` are the runtimes and devices that have computed embeddings, as far as they
    are recorded. ``options`` are how it finds and reads its images. ``images`` is the number of images that are there,
    ``offline`` that of images whose files could not be found, ``disk_bytes`` the size of the gallery's files, and
    ``thumbnail_bytes`` that of its thumbnails.
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
    thumbnail_bytes: int
    skipped: tuple[Skipped, ...]
    notes: tuple[Note, ...]
    network: str | None
    passed_over: Mapping[PassedOver, int]
    shortfall: Shortfall
    last_update: LastUpdate
    switching_to: str | None
    columns: tuple[str, ...]
    without_properties: int


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
            thumbnail_bytes=Thumbnails(store).disk_bytes(),
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
