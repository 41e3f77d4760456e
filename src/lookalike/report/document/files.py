"""Write a report's files: whole or not at all, into a folder that is made if it isn't there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lookalike.errors import OutputError
from lookalike.report.document.json_text import as_text
from lookalike.text import printable


def output_folder(path: str | os.PathLike[str]) -> Path:
    """The folder ``path``, made if it isn't there; raises :class:`~lookalike.errors.OutputError` where it can't be.

    Call it before a long experiment: what can't be written later is then known at once.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{printable(folder)}: the report can't be written there ({error.strerror})") from error
    return folder


def write_text(file: Path, text: str) -> Path:
    """Write ``text`` as UTF-8 to ``file``, which is returned; a reader sees the old file or the new one, never half.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with atomic_writer(file) as opened:
        opened.write(text.encode("utf-8", "backslashreplace"))
    return file


def write_answer(file: Path, answer: dict[str, Any]) -> Path:
    """Write ``answer`` as JSON to ``file``, as :func:`write_text` does."""
    return write_text(file, as_text(answer))


@contextlib.contextmanager
def atomic_writer(file: Path) -> Iterator[BinaryIO]:
    """A file to write bytes to, which takes the place of ``file`` once all is written, and leaves nothing if it isn't.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as opened:
            yield opened
        unfinished.replace(file)
    except OSError as error:
        raise OutputError(f"{printable(file)}: it can't be written ({error.strerror})") from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
