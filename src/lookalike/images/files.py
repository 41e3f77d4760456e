"""Open and fingerprint picture files, and say in words why one can't be used."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Final

from lookalike.errors import PictureError
from lookalike.text import shown

_63_BITS: Final = 0x7FFF_FFFF_FFFF_FFFF


class SkipKind(StrEnum):
    """Why a file was skipped."""

    EMPTY = "empty"
    NOT_A_PICTURE = "not-a-picture"
    WRONG_EXTENSION = "wrong-extension"
    DAMAGED = "damaged"
    TOO_LARGE = "too-large"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    FOLDER = "folder"
    SPECIAL = "special"
    BROKEN_LINK = "broken-link"
    UNREADABLE_FOLDER = "unreadable-folder"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells, without reading it, that a file has not changed: bytes, nanoseconds since 1970, inode."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileStat:
        """Take the three from what ``os.stat`` gave."""
        # SQLite keeps signed 64-bit integers; some file systems use all 64 bits of an inode number, and a clock gone
        # wrong can date a file after the year 2262.
        return cls(status.st_size, status.st_mtime_ns & _63_BITS, status.st_ino & _63_BITS)


@dataclass(frozen=True, slots=True)
class Found:
    """A file with a picture's extension; ``path`` is relative to the folder searched, with ``/`` between its parts.

    Bytes that are no UTF-8 stand in it as surrogates, as :func:`os.fsdecode` gives them.
    """

    path: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file (or folder) that was left out, and why, in words that go on from "skipped:"."""

    path: str
    kind: SkipKind
    reason: str
    stat: FileStat | None = None


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; raises :class:`PictureError` in words for every way in which that can fail."""
    try:
        # Without O_NONBLOCK, opening a named pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise refusal(SkipKind.VANISHED, "there is no such file, or it has vanished") from error
    except PermissionError as error:
        raise refusal(SkipKind.UNREADABLE, "no permission to read it") from error
    except OSError as error:
        raise refusal(SkipKind.UNREADABLE, f"can't be opened ({error.strerror})") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise refusal(SkipKind.FOLDER, "a folder, not a picture")
    raise refusal(SkipKind.SPECIAL, "a device, pipe or socket, not a picture")


def sha256(file: BinaryIO) -> bytes:
    """SHA-256 of the whole of an open file (32 bytes), which is left at its start."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]  # BinaryIO has readinto all right
    file.seek(0)
    return digest


def refusal(kind: SkipKind, reason: str) -> PictureError:
    """The error for a file that can't be used, before its name is known."""
    return PictureError(reason, reason=reason, kind=kind)


def named(error: PictureError, path: str | os.PathLike[str]) -> PictureError:
    """The same error once the file's name is known."""
    return PictureError(f"{shown(path)}: {error.reason}", reason=error.reason, kind=error.kind)
