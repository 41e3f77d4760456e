"""Locks between processes, held until they are released or the process ends, and file systems without them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from filelock import FileLock

_PROBLEMS: Final = {
    errno.ENOLCK: "the server of this share has no lock service",
    errno.ENOSYS: "this file system can't lock files",
    errno.EOPNOTSUPP: "this file system can't lock files",
    errno.ENOTSUP: "this file system can't lock files",
    errno.EACCES: "files must not be locked here",
    errno.EPERM: "files must not be locked here",
}


class NoLocksError(OSError):
    """Files can't be locked on this file system; ``problem`` says why in a few words."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        reason = _PROBLEMS.get(error.errno or 0, "files can't be locked here")
        self.problem = f"{reason} ({error.strerror})"


def acquire_lock(path: Path, *, on_wait: Callable[[], object] | None = None) -> FileLock:
    """Lock the file ``path``, which is created if needed, until :func:`release_lock` or the end of the process.

    If another process holds the lock, ``on_wait`` is called and this one waits; without it, ``BlockingIOError`` is
    raised. Raises :class:`NoLocksError` if files can't be locked, and other ``OSError`` if the file can't be opened.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        check_locks(path, writing=True)
        lock.acquire(timeout=0)
    except (BlockingIOError, Timeout):
        if on_wait is None:
            raise BlockingIOError(errno.EAGAIN, "locked by another process", str(path)) from None
        on_wait()
        lock.acquire()
    return lock


def release_lock(lock: FileLock) -> None:
    """Release a lock of :func:`acquire_lock`.

    A disk that is gone can't be told; the lock is gone with it, and the process's at its end at the latest.
    """
    with suppress(OSError):
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock of :func:`acquire_lock`; False where that can't be told.

    A process that wants the lock at this very moment finds it taken, so call this only if the answer matters.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        with _opened(path, writing=False) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def check_locks(path: Path, *, writing: bool = False) -> None:
    """Raise :class:`NoLocksError` if the file system of ``path`` can't lock files.

    For ``writing``, ``path`` is created if needed, and ``BlockingIOError`` is raised if another process holds its lock.
    Otherwise nothing is known if ``path`` can't be opened. The check takes no lock that another process could wait for.
    It is needed because SQLite and filelock take some of these errors for a lock that another process holds, and wait.
    """
    try:
        import fcntl
    except ImportError:  # Windows, whose file systems all have locks
        return
    try:
        with _opened(path, writing=writing) as descriptor:
            # SQLite locks byte ranges. Several processes can share this lock, so no other one makes this fail.
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if writing:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.filename is None:  # from locking, not from opening
            raise NoLocksError(error) from error
        if writing:
            raise


@contextmanager
def _opened(path: Path, *, writing: bool) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT if writing else os.O_RDONLY
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
