"""Open, create and find stores by their address: the one place that knows which kinds of stores there are."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError, GalleryNotFoundError
from lookalike.gallery.local.database import has_database
from lookalike.gallery.local.store import LocalStore, has_remains, lost_database_error
from lookalike.gallery.store import Store
from lookalike.system_files import real_path, system_errors_as
from lookalike.text import printable

FOLDER_NAME: Final = ".lookalike"
"""The default name of the gallery's folder, inside the folder of images."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@system_errors_as(GalleryError)
def open_store(address: str | os.PathLike[str], *, writing: bool = False) -> Store:
    """Open the gallery at ``address``: a local folder, one that contains ``.lookalike``, or one below such a folder.

    ``writing`` takes the writer's lock. Raises :class:`~lookalike.errors.GalleryNotFoundError`,
    :class:`~lookalike.errors.GalleryLockedError`, :class:`~lookalike.errors.GalleryDamagedError`, and
    :class:`~lookalike.errors.GalleryError` for a URL, whose scheme is not supported.
    """
    _check_scheme(address)
    folder = find_remains(address)
    if folder is not None and not has_database(folder):
        raise lost_database_error(folder)
    if folder is None:
        raise GalleryNotFoundError(
            f"{printable(Path(address).absolute())}: no gallery here or in any parent folder. To create one: "
            "lookalike index FOLDER"
        )
    return LocalStore.open(folder, writing=writing)


@system_errors_as(GalleryError)
def create_store(
    address: str | os.PathLike[str] | None, root: Path, stamp: EncoderSpec, weights_path: Path | None = None
) -> Store:
    """Create an empty gallery of the images in ``root``, open for writing, in ``root/.lookalike`` or at ``address``.

    ``weights_path`` is None for catalogue encoders. Raises :class:`~lookalike.errors.GalleryExistsError`,
    :class:`~lookalike.errors.GalleryWriteError` if nothing can be written there, and
    :class:`~lookalike.errors.GalleryError` for a URL, whose scheme is not supported.
    """
    if address is not None:
        _check_scheme(address)
    return LocalStore.create(Path(address or root / FOLDER_NAME), root, stamp, weights_path)


@system_errors_as(GalleryError)
def find_gallery(path: str | os.PathLike[str]) -> Path | None:
    """The gallery at ``path``, in ``path/.lookalike``, or of the nearest parent folder that has one; else None.

    None if ``path`` does not exist.
    """
    start = real_path(path)  # so that parents are right for paths with ".." in them
    if not start.exists():  # probably mistyped: a gallery in a parent folder would be the wrong one
        return None
    return next(filter(None, map(gallery_at, (start, *start.parents))), None)


@system_errors_as(GalleryError)
def find_remains(path: str | os.PathLike[str]) -> Path | None:
    """As :func:`find_gallery`, but a gallery that has lost its database is found too, unless it is above ``path``."""
    start = real_path(path)
    if not start.exists():
        return None
    remains = (folder for folder in (start, start / FOLDER_NAME) if has_remains(folder))
    return gallery_at(start) or next(remains, None) or find_gallery(path)


@system_errors_as(GalleryError)
def gallery_at(folder: str | os.PathLike[str]) -> Path | None:
    """The gallery at ``folder`` or in ``folder/.lookalike``; None if there is neither."""
    folder = real_path(folder)
    return next((path for path in (folder, folder / FOLDER_NAME) if has_database(path)), None)


def _check_scheme(address: str | os.PathLike[str]) -> None:
    if _SCHEME.match(os.fspath(address)):
        raise GalleryError(
            f"{printable(address)}: unsupported kind of gallery address. Galleries are kept in local folders: "
            "--gallery PATH"
        )
