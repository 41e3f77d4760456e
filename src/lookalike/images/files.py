"""Open and hash image files, and describe why a file is skipped."""

from __future__ import annotations

import errno
import hashlib
import math
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO, Final, TypeGuard

from lookalike.errors import ImageError
from lookalike.system_files import NotRegularError, open_regular
from lookalike.text import printable

_63_BITS: Final = 0x7FFF_FFFF_FFFF_FFFF


class SkipKind(StrEnum):
    """Why a file was skipped."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not-an-image"
    WRONG_EXTENSION = "wrong-extension"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    BLANK = "blank"
    TOO_LARGE = "too-large"
    OUT_OF_MEMORY = "out-of-memory"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"
    UNREADABLE = "unreadable"
    VANISHED = "vanished"
    FOLDER = "folder"
    SPECIAL = "special"
    BROKEN_LINK = "broken-link"
    UNREADABLE_FOLDER = "unreadable-folder"


@dataclass(frozen=True, slots=True)
class FileStat:
    """Size in bytes, modification time in nanoseconds since 1970, and inode: enough to detect that a file changed."""

    size: int
    mtime_ns: int
    inode: int

    def is_like(self, other: FileStat) -> bool:
        """Whether size and time are equal. Not all file systems have inodes that stay."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)

    @classmethod
    def of(cls, status: os.stat_result) -> FileStat:
        """Take the three values from the result of ``os.stat``."""
        # SQLite stores signed 64-bit integers, but some file systems use all 64 bits of an inode number, and a wrong
        # clock can date a file after the year 2262.
        return cls(status.st_size, status.st_mtime_ns & _63_BITS, status.st_ino & _63_BITS)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with an image extension; ``path`` is relative to the folder searched, with ``/`` as separator.

    Bytes that aren't UTF-8 are surrogates in ``path``, as returned by :func:`os.fsdecode`.
    """

    path: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file (or folder) that was skipped, and the reason as a short phrase.

    ``rules`` are the decoding rules under which a gallery read it, as text.
    """

    path: str
    kind: SkipKind
    reason: str
    stat: FileStat | None = None
    rules: str = field(default="", compare=False)


class NoteKind(StrEnum):
    """What is unusual about an image that is used nevertheless."""

    PARTIAL = "partial"
    WRONG_EXTENSION = "wrong-extension"


@dataclass(frozen=True, slots=True)
class Note:
    """An image that is used although something is wrong with its file, and what that is as a short phrase."""

    path: str
    kind: NoteKind
    text: str


def notes_of(path: str, other_format: str | None, share: float | None) -> list[Note]:
    """The notes on an image: ``other_format`` if its extension belongs to another one, and the ``share`` decoded."""
    notes = []
    if other_format is not None:
        text = f"named {PurePosixPath(path).suffix} but contains {other_format}"
        notes.append(Note(path, NoteKind.WRONG_EXTENSION, text))
    if share is not None:
        notes.append(Note(path, NoteKind.PARTIAL, f"partial: {math.floor(share * 100)} % of its rows could be decoded"))
    return notes


def is_system_error(error: Exception) -> TypeGuard[OSError]:
    """Whether the system could not read a file.

    Decoders raise ``OSError`` for damage too: without an error number, or by seeking to an impossible position.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.EOVERFLOW)


def unreadable_error(error: OSError) -> ImageError:
    """The error for a file that the system could not read."""
    return image_error(SkipKind.UNREADABLE, f"can't be read ({error.strerror or error})")


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; raises :class:`ImageError` if that fails for any reason."""
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise image_error(SkipKind.VANISHED, "file not found") from error
    except PermissionError as error:
        raise image_error(SkipKind.UNREADABLE, "no read permission") from error
    except IsADirectoryError as error:
        raise image_error(SkipKind.FOLDER, "not an image (folder); use the path of an image") from error
    except NotRegularError as error:
        raise image_error(SkipKind.SPECIAL, f"not an image ({error.strerror})") from error
    except OSError as error:
        raise image_error(SkipKind.UNREADABLE, f"can't be opened ({error.strerror})") from error
    if os.fstat(file.fileno()).st_size == 0:  # a file of /proc may wait for ever
        file.close()
        raise image_error(SkipKind.EMPTY, "empty file")
    return file


def sha256(file: BinaryIO) -> bytes:
    """SHA-256 of an open file (32 bytes); afterwards the file is positioned at its start."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]  # typeshed's BinaryIO lacks readinto
    file.seek(0)
    return digest


def image_error(kind: SkipKind, reason: str) -> ImageError:
    """An error without a path, for code that reads an open file; :func:`with_path` adds the path."""
    reason = printable(" ".join(reason.split()))  # decoders quote what is in the file
    return ImageError(reason, reason=reason, kind=kind)


def with_path(error: ImageError, path: str | os.PathLike[str]) -> ImageError:
    """The same error with ``path`` at the beginning of its message."""
    return ImageError(f"{printable(path)}: {error.reason}", reason=error.reason, kind=error.kind)
