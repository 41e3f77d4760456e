"""The gallery: a searchable folder of images."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import QueryError, StampMismatchError
from lookalike.gallery.contents.annotations import Annotated, annotate, annotate_from_csv, delete_columns
from lookalike.gallery.contents.duplicates import DuplicateGroup, find_duplicates
from lookalike.gallery.contents.images import GalleryImage
from lookalike.gallery.contents.status import Status
from lookalike.gallery.options import GalleryOptions, write_options
from lookalike.gallery.own_encoder import OwnEncoder
from lookalike.gallery.reading import GalleryReader
from lookalike.gallery.searching.copies import copy_threshold
from lookalike.gallery.searching.searcher import Searcher
from lookalike.gallery.searching.terms import embed_query
from lookalike.gallery.store import Store
from lookalike.gallery.stores import create_store, find_gallery, gallery_at, open_store
from lookalike.gallery.updating.missing import remove
from lookalike.gallery.updating.reencode import reencode
from lookalike.gallery.updating.root import check_root, check_writable, confirm_root, path_below
from lookalike.gallery.updating.update import UpdateReport, update
from lookalike.progress import FileProgress, Progress
from lookalike.search.query import Query, QueryImage
from lookalike.search.ranking import Ranking

__all__ = ["Gallery", "GalleryImage", "Status", "check_root", "find_gallery", "gallery_at"]

_LOG: Final = logging.getLogger(__name__)


class Gallery(GalleryReader):
    """A searchable folder of images. Create one with :meth:`create`, or open an existing one with :meth:`open`.

    Any number of processes and threads can read a gallery while one writes. Close it, or use it in a ``with`` block.
    """

    def __init__(
        self, store: Store, encoder: Encoder | None = None, *, load: Callable[..., Encoder] = load_encoder
    ) -> None:
        super().__init__(store)
        self._searcher = Searcher(store)
        try:
            self._own_encoder = OwnEncoder(store, encoder, load)
        except StampMismatchError:
            store.close()
            raise

    @classmethod
    def create(
        cls,
        root: str | os.PathLike[str],
        path: str | os.PathLike[str] | None = None,
        *,
        encoder: Encoder | str = "auto",
        load: Callable[..., Encoder] = load_encoder,
    ) -> Self:
        """Create an empty gallery for the images in ``root`` and its subfolders; :meth:`update` adds the images.

        The gallery is stored in ``root/.lookalike``, or at ``path``. ``load`` is called to load an encoder by its name,
        with the arguments of :func:`~lookalike.load_encoder`. Raises :class:`~lookalike.errors.GalleryError` if
        ``root`` is not a folder or contains no images, :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError`.
        """
        root = Path(root)
        check_root(root)
        encoder = load(encoder) if isinstance(encoder, str) else encoder
        return cls(create_store(path, root, encoder.spec, encoder.location), encoder, load=load)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] = ".",
        *,
        encoder: Encoder | None = None,
        writing: bool = False,
        load: Callable[..., Encoder] = load_encoder,
    ) -> Self:
        """Open the gallery at ``path``, in ``path/.lookalike``, or of the nearest parent folder that has one.

        ``writing`` takes the writer's lock, which :meth:`update` needs. Without ``encoder``, the gallery loads its own
        when it is first needed, by ``load`` with the arguments of :func:`~lookalike.load_encoder`; pass
        ``functools.partial(load_encoder, device="gpu")`` to encode on a GPU. Raises
        :class:`~lookalike.errors.GalleryNotFoundError`,
        :class:`~lookalike.errors.GalleryLockedError`, :class:`~lookalike.errors.GalleryDamagedError`, and
        :class:`~lookalike.errors.StampMismatchError` if the gallery was made with a different encoder.
        """
        store = open_store(path, writing=writing)
        _LOG.info("opened the gallery %s of %s", store.address, store.root)
        return cls(store, encoder, load=load)

    @property
    def encoder(self) -> Encoder:
        """The encoder of this gallery, loaded when it is first needed."""
        return self._own_encoder.for_search()

    def set_options(self, options: GalleryOptions) -> None:
        """Keep other options in this gallery. The next :meth:`update` reads again what they affect.

        Raises :class:`~lookalike.errors.GalleryError` if the gallery was opened read-only.
        """
        write_options(self._store, options)

    def update(
        self,
        *,
        verify: bool = False,
        prune: str | os.PathLike[str] | None = None,
        progress: FileProgress | None = None,
    ) -> UpdateReport:
        """Add new images, re-encode changed ones, follow moved ones, and remove deleted ones.

        Files whose size and modification time are unchanged are not read, unless ``verify`` is set, or other decoding
        rules or :attr:`options` apply to them than when they were encoded. Images that are gone in bulk, as when a disk
        is not mounted, stay and are marked offline; ``prune`` removes those that are gone below this folder, which is
        relative to the root ("" for all). Every batch is committed, so an interrupted update resumes where it stopped.
        ``progress`` is called with the number of files done, their total, and the last one. Raises
        :class:`~lookalike.errors.GalleryWriteError` (full disk and the like; everything committed is kept), and
        :class:`~lookalike.errors.GalleryError` if the gallery was opened read-only, or its folder can't be listed.
        """
        check_writable(self._store)
        return update(
            self._store,
            self._own_encoder.for_update,
            verify=verify,
            options=self.options,
            prune=None if prune is None else path_below(self.root, prune),
            progress=progress,
        )

    def reencode(
        self,
        encoder: Encoder,
        *,
        verify: bool = False,
        accept_missing: bool = False,
        prune: str | os.PathLike[str] | None = None,
        progress: FileProgress | None = None,
    ) -> UpdateReport:
        """Convert this gallery to another encoder, and update it.

        The old embeddings stay active until all new ones are stored. An interrupted conversion resumes with the next
        call; calling this with the gallery's own encoder discards it. Images whose files can't be read now, as those
        that are offline, are taken out of the gallery if ``accept_missing`` is set; otherwise
        :class:`~lookalike.errors.UnreachedImagesError` is raised. The other arguments and errors are those of
        :meth:`update`.
        """
        started = time.monotonic()
        reading = self.options.reading
        reencoded = reencode(self._store, encoder, reading, accept_missing=accept_missing, progress=progress)
        seconds = time.monotonic() - started
        self.set_encoder(encoder)
        report = self.update(verify=verify, prune=prune, progress=progress)
        report.encoded += reencoded
        report.seconds += seconds
        return report

    def remove(self, paths: Iterable[str | os.PathLike[str]]) -> tuple[int, list[str]]:
        """Take images out of the gallery; their files are not touched.

        A path is that of an image or of a folder, absolute or relative to :attr:`root`. Returns the number of images
        removed, and the paths at which there is none. Images that are still in the folder come back with the next
        :meth:`update`. Raises :class:`~lookalike.errors.GalleryError` if the gallery was opened read-only.
        """
        return remove(self._store, [path_below(self.root, path) for path in paths])

    def search(self, query: QueryImage | Query, k: int | None = None, *, include_self: bool = False) -> Ranking:
        """The images most similar to ``query``, best first; ties are ordered by the bytes of their paths.

        ``query`` is an image (a file path, the bytes of a file, a Pillow image, an array) or a :class:`Query`. ``k`` is
        the largest number of hits; None is that of the query, 10 for an image. The query's own file, if it is in the
        gallery, is left out unless ``include_self`` is set. Any number of threads can search at the same time.

        Raises :class:`~lookalike.errors.ImageError` if a query image can't be used,
        :class:`~lookalike.errors.EncoderError` for text if the encoder has no text input,
        :class:`~lookalike.errors.QueryError` if the terms cancel out or an id is unknown, and ValueError for a ``k`` of
        0 or less.
        """
        return self.search_many([query], k, include_self=include_self)[0]

    def search_many(
        self, queries: Iterable[QueryImage | Query], k: int | None = None, *, include_self: bool = False
    ) -> list[Ranking]:
        """One ranking for each of ``queries``, as :meth:`search` gives it; all are compared in one scan.

        Raises what :meth:`search` does, for the first query that can't be used.
        """
        values = [query if isinstance(query, Query) else Query.image(query) for query in queries]
        if k is not None:
            values = [replace(query, k=k) for query in values]
        reading = self.options.reading
        embedded = [(query, embed_query(self._store, self.encoder, query, reading)) for query in values]
        return self._searcher.search_many(embedded, include_self=include_self)

    def duplicates(self, threshold: float | None = None, *, progress: Progress | None = None) -> list[DuplicateGroup]:
        """The groups of identical and nearly identical images, those that take the most space first.

        Images are linked by cosines from ``threshold`` on, by default that from which hits are called copies. Every
        pair is compared; ``progress`` is called with the number of compared embeddings and of all. Nothing is changed.
        Raises :class:`~lookalike.errors.QueryError` if ``threshold`` is not a cosine.
        """
        least = copy_threshold(self.stamp) if threshold is None else threshold
        if not -1 <= least <= 1:
            raise QueryError(f"the threshold {least:g} is no cosine, from -1 to 1")
        return find_duplicates(self._store, least, progress)

    def annotate(
        self,
        values: str | os.PathLike[str] | Mapping[str, Mapping[str, str]],
        *,
        path_column: str | None = None,
    ) -> Annotated:
        """Give images values in columns, which searches can be limited by (:meth:`Query.filtered`).

        ``values`` is a CSV file, whose paths are in ``path_column`` (by default ``path``), or a mapping of paths to
        values by column. An empty value deletes the one that is there; other columns and images keep theirs. Raises
        :class:`~lookalike.errors.TableError` if the file can't be used, and :class:`~lookalike.errors.GalleryError` if
        the gallery was opened read-only.
        """
        check_writable(self._store)
        if isinstance(values, Mapping):
            return annotate(self._store, values)
        return annotate_from_csv(self._store, Path(values), path_column)

    def delete_columns(self, names: Iterable[str]) -> None:
        """Delete columns with all of their values; raises :class:`~lookalike.errors.QueryError` for unknown ones."""
        check_writable(self._store)
        delete_columns(self._store, names)

    def is_made_with(self, encoder: Encoder) -> bool:
        """Whether ``encoder`` is this gallery's own, in the same precision, and computes the same embeddings."""
        return self._own_encoder.is_made_by(encoder)

    def set_encoder(self, encoder: Encoder) -> None:
        """Use ``encoder``, which must be this gallery's own, and record where its weights are now.

        For searching, it may have another precision. Raises :class:`~lookalike.errors.StampMismatchError` and
        :class:`~lookalike.errors.BackendMismatchError`.
        """
        self._own_encoder.replace(encoder)

    def confirm_root(self, root: str | os.PathLike[str]) -> None:
        """Check that this gallery belongs to the folder ``root``, and record it if the folder was moved there.

        Raises :class:`~lookalike.errors.GalleryError` if the gallery belongs to another folder that still exists.
        """
        confirm_root(self._store, root)

    def close(self) -> None:
        """Close the gallery's files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
