"""Check, repair and copy galleries in local folders, also those that can't be opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import GalleryNotFoundError, ImageError
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.local.care.backup import back_up
from lookalike.gallery.local.care.check import Finding, check_files
from lookalike.gallery.local.care.rebuild import Rebuilt, rebuild
from lookalike.gallery.stamp_check import load_like
from lookalike.gallery.store import Store
from lookalike.gallery.stores import find_remains, open_store
from lookalike.gallery.updating.update import UpdateReport
from lookalike.images.files import FileStat, open_file, sha256
from lookalike.progress import FileProgress
from lookalike.text import printable

__all__ = ["Finding", "RepairReport", "backup", "check", "repair"]


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did: ``findings`` are what was wrong before.

    ``rebuilt`` is None if the database was sound, and ``update`` None if nothing was wrong.
    """

    folder: Path
    findings: list[Finding]
    rebuilt: Rebuilt | None = None
    update: UpdateReport | None = None


def check(
    path: str | os.PathLike[str] = ".", *, deep: bool = False, progress: FileProgress | None = None
) -> tuple[Path, list[Finding]]:
    """Check all files of the gallery at ``path``; returns its folder, and what is wrong.

    With ``deep``, every image file is read too, and compared with what it was when it was indexed; ``progress`` is
    called with the number of files read and of all. Nothing is changed. Raises
    :class:`~lookalike.errors.GalleryNotFoundError`.
    """
    folder = _folder_of(path)
    findings = check_files(folder)
    if deep and not any(finding.is_damage for finding in findings):
        with closing(open_store(folder)) as store:
            findings += _check_images(store, progress)
    return folder, findings


def repair(
    path: str | os.PathLike[str] = ".",
    *,
    load: Callable[..., Encoder] = load_encoder,
    weights: str | os.PathLike[str] | None = None,
    progress: FileProgress | None = None,
) -> RepairReport:
    """Repair the gallery at ``path``: keep all that is sound, and encode only what is missing or damaged.

    The encoder, the options and the ids of images stay. A damaged or lost database is written anew; the damaged one is
    kept beside it. ``load`` loads the gallery's own encoder, from ``weights`` if they were moved.

    Raises :class:`~lookalike.errors.GalleryNotFoundError`, :class:`~lookalike.errors.GalleryDamagedError` if nothing
    says which encoder the gallery has, and the errors of :meth:`~lookalike.Gallery.update`, after which another call
    goes on.
    """
    folder, findings = check(path)
    if not findings:
        return RepairReport(folder, [])
    rebuilt = rebuild(folder) if any(finding.is_damage for finding in findings) else None
    with Gallery.open(folder, writing=True, load=load) as gallery:
        if weights is not None:
            gallery.set_encoder(load_like(gallery.stamp, weights, load))
        # What is known of files beside their pixels is read again, if any of it was lost.
        report = gallery.update(verify=gallery.without_properties() > 0, progress=progress)
    return RepairReport(folder, findings, rebuilt, report)


def backup(path: str | os.PathLike[str], destination: str | os.PathLike[str]) -> Path:
    """Copy the gallery at ``path`` into the new or empty folder ``destination``, also while others write to it.

    Returns the gallery's folder. The copy can be searched where it is. Raises
    :class:`~lookalike.errors.GalleryNotFoundError`, :class:`~lookalike.errors.GalleryExistsError` and
    :class:`~lookalike.errors.GalleryWriteError`.
    """
    folder = _folder_of(path)
    back_up(folder, Path(destination))
    return folder


def _folder_of(path: str | os.PathLike[str]) -> Path:
    folder = find_remains(path)
    if folder is None:
        raise GalleryNotFoundError(f"{printable(Path(path).absolute())}: no gallery here or in any parent folder")
    return folder


def _check_images(store: Store, progress: FileProgress | None) -> list[Finding]:
    """The images whose files have other bytes than when they were indexed, but the same size and time."""
    findings, total = [], store.count()
    for number, entry in enumerate(store.iter_entries(), 1):
        file = store.root / entry.path
        try:
            with open_file(file) as opened:
                is_same = FileStat.of(os.fstat(opened.fileno())).is_like(entry.stat)
                if is_same and sha256(opened) != entry.digest:
                    problem = "its bytes have changed since it was indexed, but not its size and time"
                    findings.append(Finding(entry.path, problem, is_damage=False))
        except (OSError, ImageError):
            findings.append(Finding(entry.path, "can't be read", is_damage=False))
        if progress is not None:
            progress(number, total, entry.path)
    return findings
