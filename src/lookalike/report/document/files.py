"""Write a report's files atomically, into a folder that is created where necessary."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lookalike.atomic import atomic_writer
from lookalike.errors import OutputError
from lookalike.report.document.blocks import Document
from lookalike.report.document.html import page
from lookalike.report.document.json import as_text
from lookalike.report.document.markdown import markdown
from lookalike.text import printable

Content = Document | dict[str, Any] | str | bytes
"""What a file of a report is made from: a document (HTML or Markdown by the file's name), JSON, text, or bytes."""


def output_folder(path: str | os.PathLike[str]) -> Path:
    """The folder ``path``, created if it doesn't exist; raises :class:`~lookalike.errors.OutputError` if it can't be.

    Call it before a long experiment, so that an unwritable folder is reported at once.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{printable(folder)}: the report can't be written there ({error.strerror})") from error
    return folder


def write_files(folder: Path, contents: Mapping[str, Content]) -> None:
    """Write each of ``contents`` to the file of that name; raises :class:`~lookalike.errors.OutputError`."""
    for name, content in contents.items():
        with report_writer(folder / name) as file:
            file.write(_encoded(name, content))


def write_text(file: Path, text: str) -> Path:
    """Write ``text`` as UTF-8 to ``file``, which is returned.

    Raises :class:`~lookalike.errors.OutputError`.
    """
    with report_writer(file) as opened:
        opened.write(_encoded(file.name, text))
    return file


@contextlib.contextmanager
def report_writer(file: Path) -> Iterator[BinaryIO]:
    """Like :func:`~lookalike.atomic.atomic_writer`, but raises :class:`~lookalike.errors.OutputError`."""
    try:
        with atomic_writer(file) as opened:
            yield opened
    except OSError as error:
        raise OutputError(f"{printable(file)}: can't be written ({error.strerror})") from error


def _encoded(name: str, content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, Document):
        content = page(content) if name.endswith(".html") else markdown(content, "figures")
    elif isinstance(content, dict):
        content = as_text(content)
    return content.encode("utf-8", "backslashreplace")
