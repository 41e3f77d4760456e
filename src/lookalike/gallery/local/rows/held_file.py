"""A file that can be kept open: a process that did so can read it to the end, even if another one has deleted it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lookalike.gallery.local.database import damage_error, unreadable_error


class HeldFile:
    """A file to be read, at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: BinaryIO | None = None

    def hold(self) -> None:
        """Keep the file open until :meth:`release`. If it can't be opened, the next reader gets the error."""
        with suppress(OSError):
            self._held = self._path.open("rb", buffering=0)

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The file that is kept open, otherwise the one that is at the path now.

        Raises :class:`~lookalike.errors.GalleryDamagedError` if it is missing, because a writer has replaced it or for
        good, and :class:`~lookalike.errors.GalleryWriteError` if it can't be read.
        """
        try:
            if self._held is None:
                with self._path.open("rb", buffering=0) as file:
                    yield file
            else:
                self._held.seek(0)
                yield self._held
        except FileNotFoundError as error:
            raise damage_error(self._path, "missing") from error
        except OSError as error:
            raise unreadable_error(self._path, error) from error

    def release(self) -> None:
        """Close the file; what was mapped of it stays readable."""
        if self._held is not None:
            self._held.close()
            self._held = None
