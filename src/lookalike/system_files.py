"""Meet whatever is at a path: pipes, devices, endless files, loops of links, folders that can't be entered."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from lookalike.errors import LookalikeError
from lookalike.text import printable

_MOST_BYTES: Final = 100_000_000
"""The longest file that is read at once, far above any that is meant."""


class NotRegularError(OSError):
    """A device, pipe or socket where a file is expected."""


def real_path(path: str | os.PathLike[str]) -> Path:
    """The absolute path without links; a loop of links stays as it is, and nothing is there."""
    return Path(os.path.realpath(path))  # unlike Path.resolve, which raises RuntimeError for a loop


@contextmanager
def system_errors_as(kind: type[LookalikeError]) -> Iterator[None]:
    """Raise ``kind``, naming the file, instead of an ``OSError``; also usable as a decorator."""
    try:
        yield
    except OSError as error:
        file = "" if error.filename is None else f"{printable(os.fsdecode(error.filename))}: "
        raise kind(f"{file}can't be reached ({error.strerror})") from error


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading.

    Raises :class:`IsADirectoryError` for a folder, :class:`NotRegularError`, and whatever else opening it raises.
    """
    # Without O_NONBLOCK, opening a named pipe without a writer would block forever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(None, "folder", os.fspath(path))
    raise NotRegularError(None, "device, pipe or socket", os.fspath(path))


def read_bytes(path: Path, *, most: int = _MOST_BYTES) -> bytes:
    """The content of a regular file of at most ``most`` bytes; raises ``OSError``."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(None, f"longer than {most:,} bytes", os.fspath(path))
        return file.read(size)  # nothing of a file of /proc, which has no size and may wait for ever


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a small file, which is UTF-8; raises ``OSError`` and ``UnicodeDecodeError``."""
    return read_bytes(path).decode("utf-8", errors)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises ``ValueError``, also where it is nested too deeply to be meant."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
