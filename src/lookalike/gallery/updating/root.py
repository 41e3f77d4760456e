"""The folder of images of a gallery: whether it can be indexed, and whether it was moved."""

from __future__ import annotations

import os
from pathlib import Path

from lookalike.errors import GalleryError
from lookalike.gallery.store import Store
from lookalike.images.walk import has_images
from lookalike.system_files import real_path, system_errors_as
from lookalike.text import printable


@system_errors_as(GalleryError)
def check_writable(store: Store) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless ``store`` is open for writing and its root exists."""
    if not store.is_writable:
        raise GalleryError(f"{printable(store.address)}: this gallery was opened read-only. Open it with writing=True")
    if not store.root.is_dir():
        raise GalleryError(
            f"{printable(store.root)}: this gallery's image folder does not exist; the gallery was not changed. "
            f"If the folder was moved: lookalike index NEW_FOLDER --gallery {printable(store.address)}"
        )


@system_errors_as(GalleryError)
def confirm_root(store: Store, root: str | os.PathLike[str]) -> None:
    """Check that the store's images are in ``root``, and record it if they were moved there.

    A moved folder is one whose old path no longer exists. Raises :class:`~lookalike.errors.GalleryError` if the
    store belongs to another folder that still exists.
    """
    wanted = real_path(root)
    if wanted == store.root:
        return
    if store.root.is_dir():
        raise GalleryError(
            f"{printable(store.address)}: this is the gallery of {printable(store.root)}, not of "
            f"{printable(wanted)}. Choose another place for the new gallery: --gallery PATH"
        )
    check_root(wanted)
    store.set_root(wanted)


@system_errors_as(GalleryError)
def check_root(root: str | os.PathLike[str]) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless ``root`` is a folder that contains images."""
    root = Path(root)
    if not root.is_dir():
        problem = "not a folder. Use the folder that contains it" if root.exists() else "there is no such folder"
        raise GalleryError(f"{printable(root)}: {problem}")
    try:
        contains_images = has_images(root)
    except OSError as error:
        raise GalleryError(f"{printable(root)}: can't list this folder ({error.strerror})") from error
    if not contains_images:
        raise GalleryError(f"{printable(root)}: no images in this folder or its subfolders")


def path_below(root: Path, path: str | os.PathLike[str]) -> str:
    """``path`` (absolute, or relative to ``root``) relative to ``root`` and with ``/``; "" for the root itself."""
    relative = os.path.relpath(real_path(root) / path, real_path(root))
    return "" if relative == os.curdir else relative.replace(os.sep, "/")
