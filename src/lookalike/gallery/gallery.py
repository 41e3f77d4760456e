"""The gallery: a searchable folder of images."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from lookalike.embedding import Progress, ReadOptions
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError, GalleryNotFoundError, StampMismatchError, WeightsError
from lookalike.gallery.local.database import DATABASE
from lookalike.gallery.local.session import read_only_error
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.reencode import reencode
from lookalike.gallery.searcher import Searcher, embed_term
from lookalike.gallery.stamp_check import check_for_search, check_for_update, matches_stamp
from lookalike.gallery.store import Store
from lookalike.gallery.update import UpdateReport, update
from lookalike.images.decode import DEFAULT_PIXEL_CAP
from lookalike.images.files import Skipped
from lookalike.images.walk import has_images
from lookalike.search.query import ImageLike, Query
from lookalike.search.ranking import Ranking
from lookalike.search.similarity import combine
from lookalike.text import printable

FOLDER_NAME: Final = ".lookalike"
"""The default name of the gallery's folder, inside the folder of images."""


@dataclass(frozen=True, slots=True)
class Status:
    """The contents of a gallery: its stamp, number of images, bytes on disk, and skipped files."""

    stamp: EncoderSpec
    images: int
    disk_bytes: int
    skipped: tuple[Skipped, ...]


class Gallery:
    """A searchable folder of images. Create one with :meth:`create`, or open an existing one with :meth:`open`.

    Any number of processes and threads can read a gallery while one writes. Close it, or use it in a ``with`` block.
    """

    def __init__(self, store: Store, encoder: Encoder | None = None) -> None:
        self._store = store
        self._preset_encoder = encoder
        self._searcher = Searcher(store)
        if encoder is not None:
            try:
                check_for_search(store, encoder)
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
    ) -> Self:
        """Create an empty gallery for the images in ``root`` and its subfolders; :meth:`update` adds the images.

        The gallery is stored in ``root/.lookalike``, or at ``path``. Raises :class:`~lookalike.errors.GalleryError` if
        ``root`` is not a folder or contains no images, :class:`~lookalike.errors.GalleryExistsError`, and
        :class:`~lookalike.errors.GalleryWriteError`.
        """
        root = Path(root)
        check_root(root)
        encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
        folder = Path(path or root / FOLDER_NAME)
        return cls(LocalStore.create(folder, root, encoder.spec, encoder.location), encoder)

    @classmethod
    def open(cls, path: str | os.PathLike[str] = ".", *, encoder: Encoder | None = None, writing: bool = False) -> Self:
        """Open the gallery at ``path``, in ``path/.lookalike``, or of the nearest parent folder that has one.

        ``writing`` takes the writer's lock, which :meth:`update` needs. Without ``encoder``, the gallery loads its own
        when it is first needed. Raises :class:`~lookalike.errors.GalleryNotFoundError`,
        :class:`~lookalike.errors.GalleryLockedError`, :class:`~lookalike.errors.GalleryDamagedError`, and
        :class:`~lookalike.errors.StampMismatchError` if the gallery was made with a different encoder.
        """
        folder = find_gallery(path)
        if folder is None:
            raise GalleryNotFoundError(
                f"{printable(Path(path).absolute())}: no gallery here or in any parent folder. To create one: "
                "lookalike index FOLDER"
            )
        return cls(LocalStore.open(folder, writing=writing), encoder)

    @property
    def path(self) -> Path:
        """The folder of the gallery's own files."""
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

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of this gallery, loaded when it is first needed."""
        encoder = self._preset_encoder or self._load_own_encoder()
        check_for_search(self._store, encoder)
        return encoder

    def _load_own_encoder(self) -> Encoder:
        stamp, path = self.stamp, self.weights_path
        if path is None:
            return load_encoder(stamp.name, precision=stamp.precision, view=stamp.view)
        if not path.exists():
            raise WeightsError(
                f"{printable(path)}: the weights of this gallery's encoder are no longer here. If they were moved: "
                "--encoder PATH"
            )
        activation = stamp.clip.activation if stamp.clip else None
        return load_encoder(path, precision=stamp.precision, view=stamp.view, activation=activation)

    def update(
        self,
        *,
        verify: bool = False,
        pixel_cap: int = DEFAULT_PIXEL_CAP,
        any_extension: bool = False,
        progress: Progress | None = None,
    ) -> UpdateReport:
        """Add new images, re-encode changed ones, follow moved ones, and remove deleted ones.

        Files whose size, modification time and inode are unchanged are not read, unless ``verify`` is set. Images of
        more than ``pixel_cap`` pixels are skipped, and so are those whose extension does not match their format, unless
        ``any_extension`` is set. Every batch is committed, so an interrupted update resumes where it stopped.
        ``progress`` is called with the number of files done and their total. Raises
        :class:`~lookalike.errors.GalleryWriteError` (full disk and the like; everything committed is kept), and
        :class:`~lookalike.errors.GalleryError` if the gallery was opened read-only or the folder holds no images.
        """
        self._check_writable()
        reading = ReadOptions(pixel_cap, any_extension)
        return update(self._store, self._update_encoder, verify=verify, reading=reading, progress=progress)

    def _check_writable(self) -> None:
        if not self._store.is_writable:
            raise read_only_error(self.path)
        if not self.root.is_dir():
            raise GalleryError(
                f"{printable(self.root)}: this gallery's image folder does not exist; the gallery was not changed. "
                f"If the folder was moved: lookalike index NEW_FOLDER --gallery {printable(self.path)}"
            )

    def _update_encoder(self) -> Encoder:
        check_for_update(self._store, self.encoder)
        return self.encoder

    def reencode(
        self,
        encoder: Encoder,
        *,
        verify: bool = False,
        pixel_cap: int = DEFAULT_PIXEL_CAP,
        any_extension: bool = False,
        progress: Progress | None = None,
    ) -> UpdateReport:
        """Convert this gallery to another encoder, and update it.

        The old embeddings stay active until all new ones are stored. An interrupted conversion resumes with the next
        call; calling this with the gallery's own encoder discards it. The other arguments and the errors are those of
        :meth:`update`.
        """
        started, reencoded = time.monotonic(), 0
        if matches_stamp(self._store, encoder):
            self._store.discard_replacement()
        else:
            self._check_writable()
            reencoded = reencode(self._store, encoder, progress)
        seconds = time.monotonic() - started
        self.set_encoder(encoder)
        report = self.update(verify=verify, pixel_cap=pixel_cap, any_extension=any_extension, progress=progress)
        report.encoded += reencoded
        report.seconds += seconds
        return report

    def search(self, query: ImageLike | Query, k: int = 10, *, include_self: bool = False) -> Ranking:
        """The ``k`` images most similar to ``query``, best first; ties are ordered by the bytes of their paths.

        ``query`` is an image (a file path, a Pillow image, an array) or a :class:`Query`. Gallery images with the same
        content as a query file are left out unless ``include_self`` is set. Raises
        :class:`~lookalike.errors.ImageError` if a query image can't be used, :class:`~lookalike.errors.EncoderError`
        for text if the gallery's encoder has no text input, :class:`~lookalike.errors.QueryError` if the query's terms
        cancel out, and ValueError if ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError("k must be at least 1")
        query = query if isinstance(query, Query) else Query.image(query)
        embedded = [embed_term(self.encoder, term) for term in query.terms]
        vector = combine([(vector, term.weight) for (vector, _), term in zip(embedded, query.terms, strict=True)])
        own_digests = [] if include_self else [digest for _, digest in embedded if digest is not None]
        return self._searcher.search(query, vector, k, own_digests)

    def set_encoder(self, encoder: Encoder) -> None:
        """Use ``encoder``, which must be this gallery's own, and record where its weights are now.

        For searching, it may have another precision. Raises :class:`~lookalike.errors.StampMismatchError`.
        """
        check_for_search(self._store, encoder)
        self._preset_encoder = encoder
        self.__dict__.pop("encoder", None)
        path = None if encoder.location is None else encoder.location.absolute()
        if self._store.is_writable and path is not None and path != self.weights_path:
            self._store.set_weights_path(path)

    def confirm_root(self, root: str | os.PathLike[str]) -> None:
        """Check that this gallery belongs to the folder ``root``, and record it if the folder was moved there.

        A moved folder is one whose old path no longer exists. Raises :class:`~lookalike.errors.GalleryError` if the
        gallery belongs to another folder that still exists.
        """
        wanted = Path(root).resolve()
        if wanted == self.root:
            return
        if self.root.is_dir():
            raise GalleryError(
                f"{printable(self.path)}: this is the gallery of {printable(self.root)}, not of "
                f"{printable(wanted)}. Choose another place for the new gallery: --gallery PATH"
            )
        check_root(wanted)
        self._store.set_root(wanted)

    def status(self) -> Status:
        """The gallery's encoder, size and skipped files."""
        size = sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())
        return Status(self.stamp, len(self._store.vectors().ids), size, tuple(self._store.skips()))

    def close(self) -> None:
        """Close the gallery's files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def find_gallery(path: str | os.PathLike[str]) -> Path | None:
    """The gallery at ``path``, in ``path/.lookalike``, or of the nearest parent folder that has one; else None.

    None if ``path`` does not exist.
    """
    start = Path(path).resolve()  # so that parents are right for paths with ".." in them
    if not start.exists():  # probably mistyped: a gallery in a parent folder would be the wrong one
        return None
    return next(filter(None, map(gallery_at, (start, *start.parents))), None)


def gallery_at(folder: str | os.PathLike[str]) -> Path | None:
    """The gallery at ``folder`` or in ``folder/.lookalike``; None if there is neither."""
    folder = Path(folder).resolve()
    return next((path for path in (folder, folder / FOLDER_NAME) if (path / DATABASE).is_file()), None)


def check_root(root: str | os.PathLike[str]) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless ``root`` is a folder that contains images."""
    root = Path(root)
    if not root.is_dir():
        raise GalleryError(f"{printable(root)}: there is no such folder")
    try:
        contains_images = has_images(root)
    except OSError as error:
        raise GalleryError(f"{printable(root)}: can't list this folder ({error.strerror})") from error
    if not contains_images:
        raise GalleryError(f"{printable(root)}: no images in this folder or its subfolders")
