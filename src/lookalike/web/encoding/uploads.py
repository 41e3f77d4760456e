"""Uploaded images: files of their own for as long as they are read, under names that no client chooses."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.load import Loaded
from lookalike.images.decode import format_of
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped, image_error
from lookalike.images.formats import EXTENSIONS, RAW_EXTENSIONS


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: its bytes, and the ``name`` that the client gives it, of which only the extension is used."""

    content: bytes
    name: str = ""

    @property
    def digest(self) -> bytes:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.content).digest()


class Uploads:
    """Puts uploads where the processes that read images find them."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)

    @contextmanager
    def file(self, upload: Upload) -> Iterator[FoundFile]:
        """The upload as a file, until the end of the context; its path is absolute.

        Raises :class:`~lookalike.errors.ImageError` if it is no image.
        """
        number, path = tempfile.mkstemp(_extension(upload), dir=self.folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(upload.content)
            yield FoundFile(path, FileStat.of(Path(path).stat()))
        finally:
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """Delete what is left."""
        self._temporary.cleanup()


def digest_and_pixels(outcome: Loaded | Skipped) -> tuple[bytes, NDArray[np.uint8]]:
    """The SHA-256 and the pixels, uint8 (v, H, W, 3), of a file that was read.

    Raises :class:`~lookalike.errors.ImageError` if it can't be used.
    """
    if isinstance(outcome, Skipped):
        raise image_error(outcome.kind, outcome.reason.removesuffix(" (--time-limit)"))
    if outcome.pixels is None:
        raise RuntimeError("a file was taken for known")
    return outcome.digest, outcome.pixels


def _extension(upload: Upload) -> str:
    """The extension of the format, which is that of the name if both fit: it tells a RAW file that begins like a TIFF.

    A wrong name doesn't matter: nothing depends on it afterwards.
    """
    if not upload.content:
        raise image_error(SkipKind.EMPTY, "empty file")
    named = PurePath(upload.name).suffix.lower()
    is_known = named in EXTENSIONS or named in RAW_EXTENSIONS
    form = format_of(io.BytesIO(upload.content), f"upload{named}" if is_known else "upload")
    if EXTENSIONS.get(named) == form:
        return named
    return next((extension for extension, other in EXTENSIONS.items() if other == form), ".raw")
