"""The gallery: a folder of photographs that can be searched by picture."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding import Progress, Reading
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError, GalleryNotFoundError, PictureError, StampMismatchError, WeightsError
from lookalike.gallery import calibration
from lookalike.gallery.local.database import DATABASE
from lookalike.gallery.local.session import read_only
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.reencode import reencode
from lookalike.gallery.store import Calibration, Store
from lookalike.gallery.update import UpdateReport, update
from lookalike.images.decode import DEFAULT_PIXEL_CAP, open_picture
from lookalike.images.files import Skipped, named, open_file, sha256
from lookalike.images.walk import has_pictures
from lookalike.search.query import ImageLike, Query, Term
from lookalike.search.ranking import Hit, Ranking, order, percentile
from lookalike.search.similarity import combined, cosines
from lookalike.text import shown

FOLDER_NAME: Final = ".lookalike"
"""The gallery's folder inside the folder of photographs, unless it is kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is in a gallery: its stamp, how many pictures, bytes on disk, and the files that were skipped."""

    stamp: EncoderSpec
    pictures: int
    disk_bytes: int
    skipped: tuple[Skipped, ...]


class Gallery:
    """A searchable folder of photographs. Make one with :meth:`create`, use one again with :meth:`open`.

    A gallery is read by any number of processes and threads while one writes. Close it, or use it in ``with``.
    """

    def __init__(self, store: Store, encoder: Encoder | None = None) -> None:
        self._store = store
        self._given = encoder
        self._provisional: Calibration | None = None
        if encoder is not None:
            try:
                self._check(encoder)
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
        """Make an empty gallery of the photographs below ``root``; :meth:`update` fills it.

        It is kept in ``root/.lookalike``, or at ``path``. Raises :class:`~lookalike.errors.GalleryError` where ``root``
        is no folder or holds no pictures, :class:`~lookalike.errors.GalleryExistsError` and
        :class:`~lookalike.errors.GalleryWriteError`.
        """
        root = Path(root)
        check_root(root)
        encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
        place = Path(path or root / FOLDER_NAME)
        return cls(LocalStore.create(place, root, encoder.spec, encoder.location), encoder)

    @classmethod
    def open(cls, path: str | os.PathLike[str] = ".", *, encoder: Encoder | None = None, writing: bool = False) -> Self:
        """Open the gallery at ``path``, or of the folder ``path``, or of the nearest folder above it that has one.

        ``writing`` takes the writer's lock, which :meth:`update` needs. Without ``encoder`` the gallery loads its own
        when it needs it. Raises :class:`~lookalike.errors.GalleryNotFoundError`,
        :class:`~lookalike.errors.GalleryLockedError`, :class:`~lookalike.errors.GalleryDamagedError`, and
        :class:`~lookalike.errors.StampMismatchError` where ``encoder`` isn't the one the gallery was made with.
        """
        found = find_gallery(path)
        if found is None:
            raise GalleryNotFoundError(
                f"{shown(Path(path).absolute())}: no gallery here or in any folder above; to make one: lookalike index "
                "FOLDER"
            )
        return cls(LocalStore.open(found, writing=writing), encoder)

    @property
    def path(self) -> Path:
        """The folder that the gallery itself is kept in."""
        return self._store.folder

    @property
    def root(self) -> Path:
        """The folder of photographs; all paths in rankings are relative to it."""
        return self._store.root

    @property
    def stamp(self) -> EncoderSpec:
        """The encoder that every embedding here was made with."""
        return self._store.stamp

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of this gallery, made ready when it is first needed."""
        encoder = self._given or self._own_encoder()
        self._check(encoder)
        return encoder

    def _own_encoder(self) -> Encoder:
        stamp, location = self.stamp, self._store.location
        if location is None:
            return load_encoder(stamp.name, precision=stamp.precision, view=stamp.view)
        if not location.exists():
            raise WeightsError(
                f"{shown(location)}: the weights that this gallery was made with are not there any more; say where "
                "they are now: --encoder PATH"
            )
        activation = stamp.clip.activation if stamp.clip else None
        return load_encoder(location, precision=stamp.precision, view=stamp.view, activation=activation)

    def update(
        self,
        *,
        verify: bool = False,
        pixel_cap: int = DEFAULT_PIXEL_CAP,
        any_extension: bool = False,
        progress: Progress | None = None,
    ) -> UpdateReport:
        """Enter what is new below the root, encode what has changed, follow what was moved, let go of what is gone.

        Files whose size, modification time and inode are unchanged are not read unless ``verify`` is set. Pictures of
        more than ``pixel_cap`` pixels are skipped, and so are those whose name promises another format than they
        hold, unless ``any_extension`` is set. Every batch is committed as it is made, so a stopped update goes on where
        it was; ``progress`` is told how many of how many files are done. Raises
        :class:`~lookalike.errors.GalleryWriteError` (full disk and the like; what was committed is kept), and
        :class:`~lookalike.errors.GalleryError` where the gallery is open for reading only or no picture is found.
        """
        self._need_root()
        reading = Reading(pixel_cap, any_extension)
        return update(
            self._store, lambda: self._check_for_update(self.encoder), verify=verify, reading=reading, progress=progress
        )

    def _need_root(self) -> None:
        if not self._store.is_writable:
            raise read_only(self.path)
        if not self._store.root.is_dir():
            raise GalleryError(
                f"{shown(self.root)}: the folder of this gallery's photographs is not there; the gallery is kept as it "
                "was. If the folder was moved: lookalike index NEW_FOLDER --gallery " + shown(self.path)
            )

    def reencode(
        self,
        encoder: Encoder,
        *,
        verify: bool = False,
        pixel_cap: int = DEFAULT_PIXEL_CAP,
        any_extension: bool = False,
        progress: Progress | None = None,
    ) -> UpdateReport:
        """Move this gallery to another encoder, and bring it up to date with its folder.

        The old embeddings serve until the new ones are whole; stopped, the next call goes on where it was. Moving to
        its own encoder gives up a move that was begun. The other arguments, and what is raised, are :meth:`update`'s.
        """
        started, moved = time.monotonic(), 0
        if self._same(encoder.spec, encoder):
            self._store.forget_replacement()
        else:
            self._need_root()
            moved = reencode(self._store, encoder, progress)
        seconds = time.monotonic() - started
        self.use(encoder)
        report = self.update(verify=verify, pixel_cap=pixel_cap, any_extension=any_extension, progress=progress)
        report.encoded += moved
        report.seconds += seconds
        return report

    def search(self, query: ImageLike | Query, k: int = 10, *, include_self: bool = False) -> Ranking:
        """The ``k`` pictures most like ``query``, best first; ties in the order of their paths' bytes.

        ``query`` is a picture (a file's path, a Pillow image, an array) or a :class:`Query`. Entries
        with the same content as a picture given as a file are left out unless ``include_self``. Raises
        :class:`~lookalike.errors.PictureError` if a picture can't be used, :class:`~lookalike.errors.EncoderError` for
        words where the gallery's encoder knows none, :class:`~lookalike.errors.QueryError` where the query's terms
        cancel out, and ValueError if ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError("k must be at least 1")
        query = query if isinstance(query, Query) else Query.picture(query)
        embedded = [self._embedded(term) for term in query.terms]
        vector = combined([(vector, term.weight) for (vector, _), term in zip(embedded, query.terms, strict=True)])
        with self._store.snapshot():
            digests = [] if include_self else [digest for _, digest in embedded if digest is not None]
            own = [number for digest in digests for number in self._store.filter(digest=digest).tolist()]
            return self._ranked(vector, k, own, query)

    def use(self, encoder: Encoder) -> None:
        """Search and update with ``encoder``, which must be this gallery's own, from wherever its weights are now.

        Another precision of it will do to search. Raises :class:`~lookalike.errors.StampMismatchError`.
        """
        self._check(encoder)
        self._given = encoder
        self.__dict__.pop("encoder", None)
        location = None if encoder.location is None else encoder.location.absolute()
        if self._store.is_writable and location is not None and location != self._store.location:
            self._store.move_weights(location)

    @property
    def weights(self) -> Path | None:
        """Where the weights of this gallery's encoder were; None where it is one of the catalogue."""
        return self._store.location

    def expect_root(self, root: str | os.PathLike[str]) -> None:
        """Make sure that this gallery's photographs lie at ``root``.

        Where the folder it knew is gone, ``root`` is taken to be the same folder, moved. Raises
        :class:`~lookalike.errors.GalleryError` where the other folder is still there.
        """
        wanted = Path(root).resolve()
        if wanted == self.root:
            return
        if self.root.is_dir():
            raise GalleryError(
                f"{shown(self.path)}: this is the gallery of {shown(self.root)}, not of {shown(wanted)}; give that "
                "folder a gallery of its own"
            )
        check_root(wanted)
        self._store.move_root(wanted)

    def status(self) -> Status:
        """What is in this gallery, and what was skipped and why."""
        size = sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())
        return Status(self.stamp, len(self._store.vectors().ids), size, tuple(self._store.skips()))

    def close(self) -> None:
        """Let go of the gallery's files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _embedded(self, term: Term) -> tuple[NDArray[np.float32], bytes | None]:
        """A term's embedding (dimension,), and its content's digest where it is a file."""
        if term.words is not None:
            return self.encoder.embed_texts([term.words])[0], None
        if term.path is None:
            return self.encoder.embed([term.value])[0], None
        try:
            with open_file(term.path) as file:
                digest = sha256(file)
                picture = open_picture(file, least_side=self.encoder.least_side)
        except PictureError as error:
            raise named(error, term.path) from error
        return self.encoder.embed_prepared([self.encoder.prepare(picture)])[0], digest

    def _best_matches(self) -> NDArray[np.float64]:
        """The sample's best-match scores, sorted; computed here where no update has yet run to its end."""
        stored = self._store.calibration()
        if stored is not None:
            return np.sort(stored.scores)
        written = self._store.written()
        if self._provisional is None or self._provisional.through != written:
            sample = self._store.sample(calibration.SAMPLE_SIZE)
            self._provisional = calibration.calibrate(self._store.vectors(), sample, None, written)
        return np.sort(self._provisional.scores)

    def _ranked(self, vector: NDArray[np.float32], k: int, without: Sequence[int], query: Query) -> Ranking:
        ids, vectors = self._store.candidates(vector, k, without)
        scores = cosines(vector, vectors)
        best = order(scores)[:k]
        paths = self._store.paths(ids[best].tolist())
        sample = np.empty(0) if query.has_words else self._best_matches()
        return Ranking(
            query,
            tuple(
                Hit(rank, f"{ids[place]:x}", path, float(scores[place]), percentile(scores[place], sample))
                for rank, (place, path) in enumerate(zip(best, paths, strict=True), start=1)
            ),
        )

    def _check(self, encoder: Encoder) -> None:
        """Refuse an encoder that can't be compared with this gallery; another precision will do to search."""
        if not self._same(replace(encoder.spec, precision=self.stamp.precision), encoder):
            raise self._mismatch(encoder)

    def _check_for_update(self, encoder: Encoder) -> Encoder:
        if not self._same(encoder.spec, encoder):
            raise self._mismatch(encoder)
        return encoder

    def _same(self, spec: EncoderSpec, encoder: Encoder) -> bool:
        """Whether ``spec`` is this gallery's stamp; a checkpoint by path may have been renamed."""
        by_path = encoder.location is not None and self._store.location is not None
        return (replace(spec, name=self.stamp.name) if by_path else spec) == self.stamp

    def _mismatch(self, encoder: Encoder) -> StampMismatchError:
        return StampMismatchError(
            f"{shown(self.path)}: this gallery was made with {self.stamp}, the encoder in hand is {encoder.spec}. "
            "Embeddings of different encoders can't be mixed: use the gallery's own encoder, index into another "
            "gallery, or move this one: lookalike index --reencode NAME"
        )


def find_gallery(path: str | os.PathLike[str]) -> Path | None:
    """The gallery at ``path``, or of the folder ``path``, or of the nearest folder above it; None if there is none.

    Above a path that doesn't exist none is looked for.
    """
    start = Path(path).resolve()  # so that ".." leads up, also in the middle of a path
    if not start.exists():  # mistyped, most likely: what lies above it isn't what was meant
        return None
    return next(filter(None, map(gallery_at, (start, *start.parents))), None)


def gallery_at(folder: str | os.PathLike[str]) -> Path | None:
    """The gallery that ``folder`` is, or has in ``.lookalike``; None if there is neither."""
    folder = Path(folder).resolve()
    return next((place for place in (folder, folder / FOLDER_NAME) if (place / DATABASE).is_file()), None)


def check_root(root: str | os.PathLike[str]) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless ``root`` is a folder that holds pictures."""
    root = Path(root)
    if not root.is_dir():
        raise GalleryError(f"{shown(root)}: there is no such folder")
    try:
        found = has_pictures(root)
    except OSError as error:
        raise GalleryError(f"{shown(root)}: this folder can't be listed ({error.strerror})") from error
    if not found:
        raise GalleryError(f"{shown(root)}: no pictures in this folder")
