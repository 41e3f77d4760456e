"""The galleries that are served, by names that can be part of an address."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lookalike.encoders.encoder import Encoder
from lookalike.errors import QueryError
from lookalike.gallery.gallery import Gallery
from lookalike.web.encoding.previews import Previews
from lookalike.web.encoding.query_encoder import QueryEncoder
from lookalike.web.encoding.uploads import Uploads
from lookalike.web.settings import Settings


class ServedGallery:
    """One gallery, open for as long as it is served. It is opened again when another one has taken its place."""

    def __init__(self, name: str, gallery: Gallery, encoders: Encoders) -> None:
        self.name = name
        self._gallery = gallery
        self._former: Gallery | None = None
        self._encoders = encoders
        self._identity = _identity(gallery)
        self._lock = threading.Lock()
        self.updating: tuple[int, int] | None = None
        """The number of files done, and of all, of an update that is running in this process."""

    @property
    def gallery(self) -> Gallery:
        """The gallery as it is now; call this on a thread."""
        with self._lock:
            if _identity(self._gallery) not in (self._identity, None):
                current = self._encoders.open(self._gallery.path)
                if self._former is not None:
                    self._former.close()
                self._former, self._gallery = self._gallery, current  # the former one may still be in use
                self._identity = _identity(self._gallery)
            return self._gallery

    def query_encoder(self) -> QueryEncoder:
        """What encodes the images of queries for this gallery; call this on a thread. It loads the encoder if needed.

        Raises :class:`~lookalike.errors.EncoderError` if that can't be loaded.
        """
        return self._encoders.for_queries(self.gallery)

    def open_to_write(self) -> Gallery:
        """The same gallery, opened for an update.

        Raises :class:`~lookalike.errors.GalleryLockedError` while another process writes to it, and other errors of
        :meth:`~lookalike.Gallery.open`.
        """
        return self._encoders.open(self.gallery.path, writing=True)

    def close(self) -> None:
        """Close its files."""
        if self._former is not None:
            self._former.close()
        self._gallery.close()


class Encoders:
    """The encoders of all galleries; each is loaded once, when it is first needed."""

    def __init__(self, settings: Settings, uploads: Uploads) -> None:
        self._settings = settings
        self._uploads = uploads
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._loaded: dict[tuple[Any, ...], Encoder] = {}
        self._for_queries: dict[tuple[Any, ...], QueryEncoder] = {}

    def open(self, path: Path, *, writing: bool = False) -> Gallery:
        """Open a gallery whose encoder is one of these."""
        return Gallery.open(path, writing=writing, load=self._load)

    def for_queries(self, gallery: Gallery) -> QueryEncoder:
        """What encodes the images of queries for ``gallery``."""
        with self._lock:
            encoder, reading = gallery.encoder, gallery.options.reading
            key = (id(encoder), reading)
            if key not in self._for_queries:
                limits = self._settings.limits.file_limits
                self._for_queries[key] = QueryEncoder(encoder, reading, limits, self._uploads)
                self._for_queries[key].start()
            return self._for_queries[key]

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for encoder in self._for_queries.values():
                encoder.close()
            self._for_queries.clear()

    def _load(self, name: str | os.PathLike[str], **options: Any) -> Encoder:
        key = (os.fspath(name), *sorted(options.items()))
        with self._loading:
            if key not in self._loaded:
                self._loaded[key] = self._settings.load(name, **options)
            return self._loaded[key]


class Galleries:
    """All galleries that are served, by their names."""

    def __init__(self, settings: Settings) -> None:
        """Open them. Raises what :meth:`~lookalike.Gallery.open` does."""
        self.uploads = Uploads()
        self.previews = Previews(self.uploads, settings.limits.file_limits)
        self._encoders = Encoders(settings, self.uploads)
        self._served: dict[str, ServedGallery] = {}
        try:
            for path in settings.galleries:
                self._add(self._encoders.open(path))
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name: str) -> ServedGallery:
        """The gallery with this name; raises :class:`~lookalike.errors.QueryError` if there is none."""
        try:
            return self._served[name]
        except KeyError:
            raise QueryError(f"{name!r}: no gallery has this name") from None

    def __iter__(self) -> Iterator[ServedGallery]:
        return iter(self._served.values())

    def __len__(self) -> int:
        return len(self._served)

    def close(self) -> None:
        """Close them, and end all processes."""
        self._encoders.close()
        self.previews.close()
        for served in self:
            served.close()
        self.uploads.close()

    def _add(self, gallery: Gallery) -> None:
        if any(one.gallery.path == gallery.path for one in self):
            gallery.close()  # it was named twice
            return
        name = _free_name(gallery.root.name, self._served)
        self._served[name] = ServedGallery(name, gallery, self._encoders)


def _free_name(folder: str, taken: Iterable[str]) -> str:
    """A name made of that of a folder: ``Fotos 2024`` becomes ``fotos-2024``, the next one ``fotos-2024-2``."""
    name = "-".join(re.findall(r"[a-z0-9]+", folder.lower())) or "gallery"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _identity(gallery: Gallery) -> tuple[object, ...] | None:
    """What changes when another gallery takes the place of this one, or another encoder that of its own.

    None while its disk is gone.
    """
    try:
        status = gallery.path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, gallery.serving()
