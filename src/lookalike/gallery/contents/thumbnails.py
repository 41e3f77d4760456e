"""Small copies of a gallery's images in several sizes, each made once and kept on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, get_args

from lookalike.atomic import atomic_writer
from lookalike.embedding.ahead import map_ahead
from lookalike.encoders.weights.cache import cache_folder
from lookalike.errors import ImageError
from lookalike.gallery.contents.images import GalleryImage
from lookalike.gallery.options import read_options
from lookalike.gallery.records import Entry
from lookalike.gallery.store import Store
from lookalike.images.files import FileStat, open_file, with_path
from lookalike.images.thumbnails import thumbnail
from lookalike.machine import processors
from lookalike.progress import Progress

ThumbnailSide = Literal[320, 640, 1600]
"""The longer side of a thumbnail in pixels."""

SIDES: Final[tuple[ThumbnailSide, ...]] = get_args(ThumbnailSide)
GRID_SIDES: Final[tuple[ThumbnailSide, ...]] = (320, 640)
"""The sizes that a page of many images shows, on screens of one and of two pixels for a unit of length."""

_FOLDER: Final = "thumbnails"
_RIFF: Final = 8
"""The bytes of a WebP file that its length doesn't count."""


class Thumbnails:
    """The thumbnails of one gallery: WebP files in its folder, or in the cache of the user if that can't be written.

    They are kept by the SHA-256 of the image's bytes, so they stay when it is moved, and copies share them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        of_user = cache_folder() / _FOLDER / hashlib.sha256(os.fsencode(store.address)).hexdigest()[:32]
        self._folders = [of_user] if store.folder is None else [store.folder / _FOLDER, of_user]

    def get(self, image: Entry | GalleryImage, side: ThumbnailSide) -> bytes:
        """The thumbnail of an image; raises :class:`~lookalike.errors.ImageError` if its file can't be used."""
        return self._kept(image.digest, side) or self._made(image, side)

    def make(self, sides: Sequence[ThumbnailSide], progress: Progress | None = None) -> int:
        """Make all that are missing in these sizes; returns how many images have none because they can't be used."""
        total, failed = self._store.count(), 0

        def make_one(entry: Entry) -> bool:
            with suppress(ImageError):
                for side in sides:
                    if not self._has(entry.digest, side):
                        self._made(entry, side)
                return True
            return False

        for done, was_made in enumerate(map_ahead(make_one, self._store.iter_entries(), 4 * processors()), 1):
            failed += not was_made
            if progress is not None:
                progress(done, total)
        return failed

    def disk_bytes(self) -> int:
        """The size of all that are kept."""
        total = 0
        for folder in self._folders:
            for file in folder.glob("??/*.webp"):
                with suppress(OSError):  # deleted at this moment
                    total += file.stat().st_size
        return total

    def delete_unused(self) -> None:
        """Delete the thumbnails of contents that the gallery doesn't have any more."""
        for folder in self._folders:
            files = {path: bytes.fromhex(path.name[:64]) for path in folder.glob(f"??/{'[0-9a-f]' * 64}-*.webp")}
            used = {entry.digest for entry in self._store.iter_entries()} if files else set()
            for path, digest in files.items():
                if digest not in used:
                    with suppress(OSError):
                        path.unlink()

    def _has(self, digest: bytes, side: ThumbnailSide) -> bool:
        return any(_path(folder, digest, side).exists() for folder in self._folders)

    def _kept(self, digest: bytes, side: ThumbnailSide) -> bytes | None:
        for folder in self._folders:
            with suppress(OSError):
                content = _path(folder, digest, side).read_bytes()
                if len(content) == int.from_bytes(content[4:8], "little") + _RIFF:  # else it is torn
                    return content
        return None

    def _made(self, image: Entry | GalleryImage, side: ThumbnailSide) -> bytes:
        file = self._store.root / image.path
        try:
            with open_file(file) as opened:
                # A file that was changed since has another content than is known of it: it is shown, but not kept.
                is_current = FileStat.of(os.fstat(opened.fileno())).is_like(image.stat)
                content = thumbnail(opened, side, "WEBP", read_options(self._store).reading)
        except ImageError as error:
            raise with_path(error, file) from error
        if is_current:
            self._keep(image.digest, side, content)
        return content

    def _keep(self, digest: bytes, side: ThumbnailSide, content: bytes) -> None:
        for folder in self._folders:
            path = _path(folder, digest, side)
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_writer(path, durable=False) as file:
                    file.write(content)
                return


def _path(folder: Path, digest: bytes, side: ThumbnailSide) -> Path:
    name = digest.hex()
    return folder / name[:2] / f"{name}-{side}.webp"
