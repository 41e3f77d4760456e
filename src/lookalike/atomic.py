"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lookalike.system_files import real_path


@contextmanager
def atomic_writer(path: Path, *, unfinished: Path | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write bytes to, which replaces ``path`` when the body of the ``with`` statement is done.

    After an error, ``path`` is unchanged. A reader sees the old file or the new one, also after a power cut.
    ``unfinished`` is the path of the file until then, by default one of its own beside ``path``; a caller that holds a
    lock can name it, and so replaces what a killed process left there. Behind a link, the file it leads to is replaced;
    a device or pipe, such as /dev/stdout, is written to. If it need not be ``durable``, as in a cache, it is written
    faster, and may be damaged after a power cut. Raises ``OSError`` if the folder doesn't exist or can't be written.
    """
    if unfinished is None:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                yield file
            return
        path = real_path(path)
    unfinished = unfinished or path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create ``folder`` and the parent folders it lacks, durably; raises ``OSError``."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new file names in ``folder`` durable, where the system has such a call; Windows does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems don't support it
            raise
    finally:
        os.close(descriptor)
