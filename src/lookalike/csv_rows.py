"""Read the rows of a CSV file."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from lookalike.errors import TableError
from lookalike.system_files import read_bytes
from lookalike.text import printable

_MOST_BYTES: Final = 2_000_000_000  # tens of millions of rows


class CsvRow(NamedTuple):
    """A row of a file that is not empty: the number of its first line, and its values."""

    line: int
    values: list[str]


def read_rows(file: Path, expected: str, separators: str = ",") -> Iterator[CsvRow]:
    """The rows of a CSV file in UTF-8, the header first, which is expected to be such as ``expected``.

    Values are separated by that of ``separators`` that is most frequent in the first line. Raises
    :class:`~lookalike.errors.TableError`, which names the line.
    """
    text = read_text(file, expected)
    # Without strict, an unclosed quote would turn the rest of the file into one value.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator(text, separators))
    line = 1
    try:
        for values in reader:
            if values or line == 1:
                yield CsvRow(line, values)
            line = reader.line_num + 1
    except csv.Error as error:
        raise line_error(file, reader.line_num, f"invalid CSV ({error}). Check for unbalanced quotes") from error


def separator(text: str, separators: str) -> str:
    """The one of ``separators`` that is most frequent in the first line; the first one if none is there."""
    head = text.partition("\n")[0]
    return max(separators, key=head.count)


def line_error(file: Path, line: int, message: str) -> TableError:
    """The error for a line of a file."""
    return TableError(f"{printable(file)}, line {line}: {message}")


def read_text(file: Path, expected: str) -> str:
    """The text of a file in UTF-8; raises as :func:`read_rows` does."""
    try:
        content = read_bytes(file, most=_MOST_BYTES)
    except IsADirectoryError as error:
        raise TableError(f"{printable(file)}: a folder, not a CSV file. Give the path of the file") from error
    except OSError as error:
        raise TableError(f"{printable(file)}: can't read this file ({error.strerror})") from error
    if not content.strip():
        raise TableError(f"{printable(file)}: the file is empty. The first line must be {expected}")
    save = "Save it as UTF-8 (in a spreadsheet: Save as, CSV UTF-8)"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TableError(f"{printable(file)}: the file is UTF-16, not UTF-8. {save}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise line_error(file, line, f"the byte 0x{content[error.start]:02X} is not UTF-8. {save}") from error
