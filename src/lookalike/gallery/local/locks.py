"""The writer's lock, and file systems on which files can't be locked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import GalleryLockedError, GalleryLocksError
from lookalike.text import printable

if TYPE_CHECKING:
    from filelock import FileLock

LOCK: Final = "writer.lock"

_PROBLEMS: Final = {
    errno.ENOLCK: "the server of this share has no lock service",
    errno.ENOSYS: "this file system can't lock files",
    errno.EOPNOTSUPP: "this file system can't lock files",
    errno.ENOTSUP: "this file system can't lock files",
    errno.EACCES: "files must not be locked here",
    errno.EPERM: "files must not be locked here",
}
_NETWORK_TYPES: Final = ("nfs", "cifs", "smb", "afs", "9p", "ceph", "fuse.sshfs", "fuse.rclone", "davfs", "fuse.s3fs")
_MOUNTS: Final = Path("/proc/self/mountinfo")


def acquire_lock(folder: Path) -> FileLock:
    """Take the writer's lock, held until ``release`` or the end of the process, even if it is killed.

    Raises :class:`~lookalike.errors.GalleryLockedError` at once if another process holds it, and
    :class:`~lookalike.errors.GalleryLocksError` if files can't be locked.
    """
    from filelock import FileLock, Timeout

    check_locks(folder, writing=True)
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _locked_error(folder) from None
    return lock


def check_locks(folder: Path, *, writing: bool = False) -> None:
    """Raise :class:`~lookalike.errors.GalleryLocksError` if the file system of a gallery's folder can't lock files.

    For ``writing``, :class:`~lookalike.errors.GalleryLockedError` if another process holds the writer's lock. The
    check takes no lock that another process could wait for. It is needed because SQLite takes some of these errors for
    a lock held by another process, and waits. Without ``writing``, nothing is known if there is no lock file.
    """
    try:
        import fcntl
    except ImportError:  # Windows, whose file systems all have locks
        return
    try:
        with _opened(folder / LOCK, writing=writing) as descriptor:
            # SQLite locks byte ranges. Several processes can share this lock, so no other one makes this fail.
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if writing:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError:
        raise _locked_error(folder) from None
    except OSError as error:
        if error.filename is not None and not writing:  # not from locking: the lock file can't be opened
            return
        if error.filename is not None:
            raise
        raise _locks_error(folder, error) from error


@contextmanager
def _opened(path: Path, *, writing: bool) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT if writing else os.O_RDONLY
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked_error(folder: Path) -> GalleryLockedError:
    return GalleryLockedError(
        f"{printable(folder)}: another process is writing to this gallery. Try again when it has finished"
    )


def _locks_error(folder: Path, error: OSError) -> GalleryLocksError:
    problem = _PROBLEMS.get(error.errno or 0, "files can't be locked here")
    return GalleryLocksError(
        f"{printable(folder)}: {problem} ({error.strerror}), so two programs could damage the gallery. Keep it on a "
        "local disk: lookalike index FOLDER --gallery PATH"
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
