"""Annotate images with the columns of a CSV file, joined by path."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from lookalike.csv_rows import CsvRow, line_error, read_rows
from lookalike.errors import QueryError, TableError
from lookalike.gallery.store import Store
from lookalike.system_files import read_bytes, real_path
from lookalike.text import printable

LABELS: Final = "labels.csv"
"""The file in the folder of images whose columns an update adds by itself."""

_PATH_COLUMNS: Final = ("path", "file", "file_name", "filename", "image", "image_path")
"""What the column of paths may be called, the first that is there."""
_EXPECTED: Final = "the names of the columns, one of them path"
_SEPARATORS: Final = ",;\t"
_MOST_COLUMNS: Final = 1000
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_LABELS_DIGEST: Final = "labels"


@dataclass(frozen=True, slots=True)
class Annotated:
    """What an annotation did: the number of ``images`` that have values now, and the names of the ``columns``.

    ``unmatched`` are the paths of rows that name no image of the gallery. Those below its folder of images are kept,
    for when there is one, unless no row names an image.
    """

    images: int
    columns: tuple[str, ...]
    unmatched: tuple[str, ...]


def annotate(store: Store, values: Mapping[str, Mapping[str, str]]) -> Annotated:
    """Set values of columns by path, which is relative to the root or absolute; an empty value deletes one."""
    names = dict.fromkeys(name for fields in values.values() for name in fields)
    return _annotate(
        store, [(meanings(str(store.root), [""], path), fields) for path, fields in values.items()], [*names]
    )


def annotate_from_csv(store: Store, file: Path, path_column: str | None = None) -> Annotated:
    """Set the values of all columns of a CSV file, by the paths in ``path_column``, by default the column ``path``.

    Paths are relative to the root or to the folder of the file. Raises :class:`~lookalike.errors.TableError` if the
    file can't be used, and if none of its rows belongs to an image.
    """
    table = _Table(file, path_column)
    starts = ["", *_below(real_path(store.root), real_path(file.absolute().parent))]
    rows = [(meanings(str(store.root), starts, path), fields) for path, fields in table.rows()]
    if not rows:
        raise TableError(f"{printable(file)}: no rows below the header")
    annotated = _annotate(store, rows, table.columns)
    if not annotated.images:
        raise TableError(
            f"{printable(file)}: none of its {len(rows):,} rows names an image of this gallery. The first has "
            f"{printable(annotated.unmatched[0])}; paths are relative to {printable(store.root)}, or to the folder of "
            "the file"
        )
    return annotated


def annotate_from_labels(store: Store) -> Annotated | None:
    """Set the values in ``labels.csv`` of the root, if it is there and has changed.

    Raises as :func:`annotate_from_csv` does; a file that can't be used is tried again when it has changed.
    """
    file = store.root / LABELS
    try:
        digest = hashlib.sha256(read_bytes(file)).hexdigest()
    except OSError:
        return None
    if store.metadata(_LABELS_DIGEST) == digest:
        return None
    try:
        annotated = annotate_from_csv(store, file)
    except TableError:
        store.set_metadata(_LABELS_DIGEST, digest)
        raise
    store.set_metadata(_LABELS_DIGEST, digest)
    return annotated


def delete_columns(store: Store, names: Iterable[str]) -> None:
    """Delete columns with all of their values; raises :class:`~lookalike.errors.QueryError` for unknown ones."""
    known = {name.casefold(): name for name in store.columns()}
    wanted = list(names)
    if unknown := [name for name in wanted if name.casefold() not in known]:
        has = f"has {', '.join(map(printable, known.values()))}" if known else "has none"
        raise QueryError(f"{printable(unknown[0])}: no such column. This gallery {has}")
    store.annotate({}, [known[name.casefold()] for name in wanted])


class _Table:
    """The rows of a CSV file, with the column of paths apart."""

    def __init__(self, file: Path, path_column: str | None) -> None:
        self._file = file
        self._rows = read_rows(file, _EXPECTED, _SEPARATORS)
        self._names = [name.strip() for name in next(self._rows).values]
        self._key = self._path_index(path_column)
        self._check_names()

    @property
    def columns(self) -> list[str]:
        """The names of the columns, except that of paths and columns without a name."""
        return [name for name in self._names if name]

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """The path and the values of each row."""
        seen: dict[str, int] = {}
        for row in self._rows:
            path, fields = self._fields(row)
            if (earlier := seen.setdefault(path, row.line)) != row.line:
                message = f"{printable(path)} is already in line {earlier}. Delete one of the two rows"
                raise line_error(self._file, row.line, message)
            yield path, fields

    def _path_index(self, path_column: str | None) -> int:
        folded = [name.casefold() for name in self._names]
        wanted = _PATH_COLUMNS if path_column is None else (path_column.strip().casefold(),)
        found = next((name for name in wanted if name in folded), None)
        if found is None:
            names = ", ".join(printable(name) for name in self._names)
            raise line_error(
                self._file, 1, f"no column called {printable(wanted[0])} among: {names}. To name it: --path-column NAME"
            )
        return folded.index(found)

    def _check_names(self) -> None:
        self._names[self._key] = ""
        names = [name.casefold() for name in self.columns]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise line_error(self._file, 1, f"several columns are called {printable(twice)}. Rename all but one")
        if not names:
            raise line_error(self._file, 1, "there is only a column of paths. Add columns for what is known of images")
        if len(names) > _MOST_COLUMNS:
            raise line_error(self._file, 1, f"{len(names):,} columns are more than {_MOST_COLUMNS:,}")

    def _fields(self, row: CsvRow) -> tuple[str, dict[str, str]]:
        if len(row.values) > len(self._names):
            raise line_error(
                self._file,
                row.line,
                f"{len(row.values)} values, but the first line names {len(self._names)} columns. "
                'Put quotes around values that contain a comma: "a, b"',
            )
        values = row.values + [""] * (len(self._names) - len(row.values))
        if not values[self._key].strip():
            raise line_error(self._file, row.line, "the path is empty. Fill it in, or delete the row")
        return values[self._key], {n: _with_point(v.strip()) for n, v in zip(self._names, values, strict=True) if n}


def _with_point(value: str) -> str:
    """A value, with the decimal comma of spreadsheets in many languages as a point, so that it is a number."""
    return value.replace(",", ".") if _DECIMAL_COMMA.fullmatch(value) else value


def _annotate(store: Store, rows: Sequence[tuple[list[str], Mapping[str, str]]], columns: Collection[str]) -> Annotated:
    """Set the values of ``rows``, each with the paths that it may mean, the first of which is as it was written."""
    known = store.entries_by_path([path for paths, _ in rows for path in paths])
    spelled = {name.casefold(): name for name in store.columns()}
    columns = [spelled.get(name.casefold(), name) for name in columns]
    values: dict[str, Mapping[str, str]] = {}
    unmatched = []
    for (written, *paths), fields in rows:
        path = next((path for path in (written, *paths) if path in known), None)
        if path is None:
            unmatched.append(written)
        if path is not None or paths:
            values[path or paths[0]] = {spelled.get(name.casefold(), name): value for name, value in fields.items()}
    matched = len(rows) - len(unmatched)
    if matched:
        store.annotate(values)
    return Annotated(matched, tuple(columns), tuple(unmatched))


def meanings(root: str, starts: Sequence[str], text: str, system: ModuleType = os.path) -> list[str]:
    """What a path may mean: as it is written, and then relative to the root, from each of ``starts`` below it.

    ``system`` has the rules for paths: :mod:`posixpath` or :mod:`ntpath`.
    """
    found = []
    stripped = text.strip()
    # The apostrophe is what our own tables put before a text that a spreadsheet would take for a formula.
    for spelled in dict.fromkeys((text, stripped, stripped.replace("\\", "/"), stripped.removeprefix("'"))):
        for start in starts:
            with suppress(ValueError):  # on another drive of Windows
                relative = system.relpath(system.join(root, start, spelled), root).replace(system.sep, "/")
                if relative not in (".", "..") and not relative.startswith("../"):
                    found += [unicodedata.normalize(form, relative) for form in ("NFC", "NFD")]
    return [text, *dict.fromkeys(found)]


def _below(root: Path, folder: Path) -> list[str]:
    """The path of ``folder`` from ``root``, if it is below it."""
    return [folder.relative_to(root).as_posix()] if folder != root and folder.is_relative_to(root) else []
