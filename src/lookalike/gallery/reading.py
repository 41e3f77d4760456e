"""The reading part of a gallery: what is in it, without a query."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.gallery.contents.evaluation import KeptEvaluation, keep_evaluation, last_evaluation
from lookalike.gallery.contents.images import GalleryImage, all_embeddings, iter_embeddings, list_images, outdated_paths
from lookalike.gallery.contents.status import Status, status_of
from lookalike.gallery.contents.thumbnails import GRID_SIDES, SIDES, Thumbnails, ThumbnailSide
from lookalike.gallery.last_update import LastUpdate
from lookalike.gallery.options import GalleryOptions, read_options
from lookalike.gallery.records import Facets, Order, Shortfall
from lookalike.gallery.searching.terms import find_entry
from lookalike.gallery.store import Store
from lookalike.images.decode import ReadOptions
from lookalike.progress import Progress
from lookalike.search.query import Filter
from lookalike.text import printable


class GalleryReader:
    """The part of :class:`~lookalike.Gallery` that reads: its images, what is known of them, and its status."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thumbnails = Thumbnails(store)

    @property
    def path(self) -> Path:
        """The folder of the gallery's own files; raises :class:`~lookalike.errors.GalleryError` if there is none."""
        if self._store.folder is None:
            raise GalleryError(f"{printable(self._store.address)}: this gallery is not in a local folder")
        return self._store.folder

    @property
    def root(self) -> Path:
        """The folder of images; all paths in rankings are relative to it."""
        return self._store.root

    @property
    def stamp(self) -> EncoderSpec:
        """The encoder that made every embedding in the gallery."""
        return self._store.stamp

    @property
    def weights_path(self) -> Path | None:
        """The last known path of the encoder's weights; None for catalogue encoders."""
        return self._store.weights_path

    @property
    def options(self) -> GalleryOptions:
        """How this gallery finds and reads its images; queries are read in the same way."""
        return read_options(self._store)

    def outdated_paths(self, reading: ReadOptions) -> set[str]:
        """The paths of images whose embeddings may differ from what ``reading`` gives with today's decoding rules."""
        return outdated_paths(self._store, reading)

    def columns(self) -> list[str]:
        """The names of the columns that images were annotated with, in the order in which they were added."""
        return self._store.columns()

    def without_properties(self) -> int:
        """The number of images whose date, camera, width and height are unknown: they are from an earlier version.

        An :meth:`update` with ``verify`` reads them.
        """
        return self._store.count_without_properties()

    def count(self, under: str | None = None, condition: str | None = None) -> int:
        """The number of images in the folder ``under`` and its subfolders, relative to the root; None for all.

        With ``condition``, only those for which it holds; see :meth:`Query.filtered`. Raises
        :class:`~lookalike.errors.QueryError` if ``under`` is absolute or contains ``..``, or if the condition can't be
        used.
        """
        return self._store.count(Filter(under, condition))

    def images(
        self, where: Filter | None = None, order: Order = "path", *, after: int = 0, limit: int | None = None
    ) -> list[GalleryImage]:
        """The images that fulfil ``where``, in ``order``, from the place ``after`` on, at most ``limit``.

        Raises :class:`~lookalike.errors.QueryError` as :meth:`count` does.
        """
        return list_images(self._store, where or Filter(), order, after, limit)

    def facets(self, where: Filter | None = None) -> Facets:
        """The folders, values and months of the images that fulfil ``where``, with the number of images of each.

        Raises :class:`~lookalike.errors.QueryError` as :meth:`count` does.
        """
        return self._store.facets(where or Filter())

    def __len__(self) -> int:
        """The number of images, without those that are offline."""
        return self._store.count() - self._store.count_offline()

    def image(self, id: str, *, with_values: bool = True) -> GalleryImage:  # noqa: A002  as in Hit
        """The image with this ``id``, as hits have it, and its values unless they aren't needed.

        Raises :class:`~lookalike.errors.QueryError` if there is none.
        """
        entry = find_entry(self._store, id)
        values = self._store.values_of([entry.id]) if with_values else {}
        return GalleryImage.of(self._store, entry, values.get(entry.id, {}))

    def thumbnail(self, image: str | GalleryImage, side: ThumbnailSide = 640) -> bytes:
        """A WebP of an image, or of that with this id: upright, its longer side at most ``side`` pixels.

        ``side`` is 320, 640 or 1600. It is made once and kept on disk. Raises
        :class:`~lookalike.errors.QueryError` if there is no such image, :class:`~lookalike.errors.ImageError` if its
        file can't be used, and ValueError for another ``side``.
        """
        if side not in SIDES:
            raise ValueError(f"a thumbnail's side is one of {SIDES}, not {side}")
        found = self.image(image, with_values=False) if isinstance(image, str) else image
        return self._thumbnails.get(found, side)

    def make_thumbnails(self, *, progress: Progress | None = None) -> int:
        """Make the thumbnails that a page shows for all images, and delete those of images that are gone.

        Returns how many images have none because their files can't be used. ``progress`` is called with the number of
        images done and of all.
        """
        self._thumbnails.delete_unused()
        return self._thumbnails.make(GRID_SIDES, progress)

    def keep_evaluation(self, result: Mapping[str, Any]) -> None:
        """Keep the ``result`` of an evaluation of this gallery by its own encoder, as JSON.

        It replaces the one before. A gallery that can't be written to goes without.
        """
        keep_evaluation(self._store, result)

    def last_evaluation(self) -> KeptEvaluation | None:
        """The evaluation that was kept last; None if there is none, or if the gallery has another encoder now."""
        return last_evaluation(self._store)

    def images_at(self, paths: Sequence[str]) -> dict[str, str]:
        """The ids of the images at these ``paths``, relative to the root; unknown paths are left out."""
        return {path: f"{entry.id:x}" for path, entry in self._store.entries_by_path(paths).items()}

    def embeddings(self) -> tuple[list[str], NDArray[np.float32]]:
        """The paths of all images (n), relative to the root, and their embeddings, float32 (n, dimension).

        They are ordered by the bytes of the paths, and each embedding has length 1.
        """
        return all_embeddings(self._store)

    def iter_embeddings(self) -> Iterator[tuple[GalleryImage, NDArray[np.float32]]]:
        """Every image and its embedding, float32 (dimension,), ordered by the bytes of the paths, in bounded memory."""
        return iter_embeddings(self._store, with_values=True)

    def embeddings_of(self, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The embeddings, float32 (dimension,), of contents given by their SHA-256; unknown ones are left out."""
        return self._store.vectors_of(digests)

    def shortfall(self) -> Shortfall:
        """What is lacking in an incomplete copy of a gallery, by a quick look."""
        return self._store.shortfall()

    def switching_to(self) -> str | None:
        """The name of the encoder that the gallery is being switched to; it is searched as it was until then."""
        return self._store.replacement()

    def revision(self) -> Hashable:
        """A value that changes whenever the gallery does, also by another process."""
        return self._store.revision()

    def serving(self) -> str:
        """The fingerprint of the encoder that the gallery has now.

        If it isn't that of :attr:`stamp`, another process has switched the gallery to another encoder. This one goes on
        with the old one; open the gallery again to use the new one.
        """
        return self._store.serving()

    def last_update(self) -> LastUpdate:
        """When the gallery was last brought up to date, and whether that is complete."""
        return LastUpdate.read(self._store)

    def status(self) -> Status:
        """The gallery's encoder, what it ran on, its size and skipped files."""
        return status_of(self._store)
