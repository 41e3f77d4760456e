"""The writer's lock, and file systems on which files can't be locked."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike import file_locks
from lookalike.errors import GalleryLockedError, GalleryLocksError
from lookalike.file_locks import NoLocksError
from lookalike.text import printable

if TYPE_CHECKING:
    from filelock import FileLock

LOCK: Final = "writer.lock"

_NETWORK_TYPES: Final = ("nfs", "cifs", "smb", "afs", "9p", "ceph", "fuse.sshfs", "fuse.rclone", "davfs", "fuse.s3fs")
_MOUNTS: Final = Path("/proc/self/mountinfo")


def acquire_lock(folder: Path) -> FileLock:
    """Take the writer's lock, held until ``release`` or the end of the process, even if it is killed.

    Raises :class:`~lookalike.errors.GalleryLockedError` at once if another process holds it, and
    :class:`~lookalike.errors.GalleryLocksError` if files can't be locked.
    """
    try:
        return file_locks.acquire_lock(folder / LOCK)
    except BlockingIOError:
        raise _locked_error(folder) from None
    except NoLocksError as error:
        raise _locks_error(folder, error) from error


def check_locks(folder: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryLocksError` if the file system of a gallery's folder can't lock files."""
    try:
        file_locks.check_locks(folder / LOCK)
    except NoLocksError as error:
        raise _locks_error(folder, error) from error


def _locked_error(folder: Path) -> GalleryLockedError:
    return GalleryLockedError(
        f"{printable(folder)}: another process is writing to this gallery. Try again when it has finished"
    )


def _locks_error(folder: Path, error: NoLocksError) -> GalleryLocksError:
    return GalleryLocksError(
        f"{printable(folder)}: {error.problem}, so two programs could damage the gallery. Keep it on a local disk: "
        "lookalike index FOLDER --gallery PATH"
    )


def network_type(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the network file system that ``folder`` is on; None if it is none, or the system doesn't tell.

    Only Linux tells, in ``mounts``. SQLite's locks and shared memory work on such a file system for the programs of one
    computer, but not for several computers at a time.
    """
    real, best, kind = os.path.realpath(folder), "", ""
    with suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            fields, _, rest = line.partition(" - ")
            mount_point = fields.split()[4].encode("latin-1", "backslashreplace").decode("unicode_escape")
            inside = real == mount_point or real.startswith(mount_point.rstrip("/") + "/")
            if inside and len(mount_point) >= len(best):
                best, kind = mount_point, rest.split()[0]
    return kind if kind.startswith(_NETWORK_TYPES) else None
