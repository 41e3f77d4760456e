"""Read a CSV of labels: ``path,label[,group][,visit][,split][,mask]``, in any order; other columns are ignored.

``file_name`` may stand for ``path``, and a file of JSON lines for a CSV.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Final

from lookalike.csv_rows import CsvRow, line_error, read_rows, read_text
from lookalike.errors import DatasetError, TableError
from lookalike.evaluation.data.dataset import Row, Split
from lookalike.evaluation.data.layouts.spelling import existing_spelling
from lookalike.system_files import parse_json
from lookalike.text import printable

NAME: Final = "labels.csv"
"""The name of a file with the labels of its own folder."""
METADATA: Final = ("metadata.csv", "metadata.jsonl")
"""What such a file is called in an ImageFolder of Hugging Face's datasets."""

_REQUIRED: Final = ("path", "label")
_COLUMNS: Final = (*_REQUIRED, "group", "visit", "split", "mask")
_SPLITS: Final[dict[str, Split | None]] = {"query": "query", "gallery": "gallery", "": None}
_FORMAT: Final = "path,label[,group][,visit][,split][,mask]"
_MAX_LISTED: Final = 5
"""How many line numbers an error message lists; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The rows of a CSV of labels; their paths are relative to ``root``. ``missing`` are the paths that don't exist."""

    root: Path
    rows: tuple[Row, ...]
    missing: tuple[str, ...]


def read_labels(
    file: Path, *others: Path, skip_missing: bool = False, allow_outside: bool = False, need_all: bool = True
) -> Labels:
    """Read a CSV of labels.

    Its paths are relative to its own folder, or to the first of ``others`` that contains the first row's file. Raises
    :class:`~lookalike.errors.DatasetError`, which names the line, for anything invalid, for files that don't exist
    unless ``skip_missing`` is set, and for files outside of that folder unless ``allow_outside`` is set. Without
    ``need_all``, paths of files that don't exist are kept as they are, and labels may be empty.
    """
    records = list(_records(file, _REQUIRED if need_all else ("path",)))
    if not records:
        raise DatasetError(f"{printable(file)}: no rows below the header. Add one row per image ({_FORMAT})")
    candidates = (file.parent, *others)
    first = records[0].fields["path"]
    root = next((folder for folder in candidates if _existing_path(folder, first) is not None), file.parent)
    if not allow_outside:
        _check_inside(file, root, records)
    missing = [record for record in records if need_all and _existing_path(root, record.fields["path"]) is None]
    if skip_missing and len(missing) < len(records):
        left_out = {record.line for record in missing}
        records = [record for record in records if record.line not in left_out]
    rows = tuple(_rows(file, root, records, need_all=need_all))
    _check_split(file, records, rows)
    return Labels(root, rows, tuple(record.fields["path"] for record in missing))


@dataclass(frozen=True, slots=True)
class _Record:
    """One row of the file: the number of its first line, and the value of every known column."""

    line: int
    fields: dict[str, str]


def has_labels(file: Path) -> bool:
    """Whether there is a column of labels; ImageFolders may have one of captions, or boxes, instead."""
    try:
        return "label" in (name.strip().lower() for name in next(_raw_rows(file)).values)
    except TableError as error:
        raise DatasetError(str(error)) from error


def _raw_rows(file: Path) -> Iterator[CsvRow]:
    return _json_rows(file) if file.suffix.lower() == ".jsonl" else read_rows(file, _FORMAT)


def _json_rows(file: Path) -> Iterator[CsvRow]:
    """The lines of JSON, each an object, as those of a table: the names of all fields first."""
    objects = []
    for line, text in enumerate(read_text(file, '{"file_name": ..., "label": ...}').split("\n"), 1):
        if text.strip():
            try:
                objects.append((line, dict(parse_json(text))))
            except (ValueError, TypeError) as error:
                raise line_error(file, line, f"not a JSON object ({error})") from error
    names = [*dict.fromkeys(name for _, fields in objects for name in fields)]
    yield CsvRow(1, names)
    for line, fields in objects:
        yield CsvRow(line, ["" if fields.get(name) is None else str(fields[name]) for name in names])


def _records(file: Path, required: Sequence[str]) -> Iterator[_Record]:
    """The rows of the file; the columns ``required`` must not be empty."""
    try:
        rows = _raw_rows(file)
        header = next(rows).values
        columns = _columns(file, header)
        for line, values in rows:
            fields = _fields(file, line, values, header, columns)
            if empty := next((name for name in required if not fields[name].strip()), None):
                raise _line_error(file, line, f"the {empty} is empty. Fill it in, or delete the row")
            yield _Record(line, fields)
    except TableError as error:
        raise DatasetError(str(error)) from error


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    """The index of each known column."""
    names = [name.strip().lower() for name in header]
    if "path" not in names:
        names = ["path" if name == "file_name" else name for name in names]
    duplicate = next((name for name in _COLUMNS if names.count(name) > 1), None)
    if duplicate is not None:
        raise _line_error(file, 1, f"several columns are called {duplicate}. Rename all but one")
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        separator = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
        hint = f" (separate columns by commas, not by {separator!r})" if separator else ""
        raise _line_error(
            file, 1, f"no column called {' or '.join(missing)}{hint}. The first line must name the columns: {_FORMAT}"
        )
    return {name: names.index(name) for name in _COLUMNS if name in names}


def _fields(file: Path, line: int, values: list[str], header: list[str], columns: dict[str, int]) -> dict[str, str]:
    if len(values) > len(header):
        raise _line_error(
            file,
            line,
            f"{len(values)} values, but the first line names {len(header)} columns. "
            'Put quotes around names that contain a comma: "a, b.jpg"',
        )
    padded = values + [""] * (len(header) - len(values))
    fields = {name: padded[columns[name]] if name in columns else "" for name in _COLUMNS}
    # Spaces around a label are a mistake; the name of a file can really start or end with one.
    fields |= {name: fields[name].strip() for name in _COLUMNS if name not in ("path", "mask")}
    return fields


def _rows(file: Path, root: Path, records: list[_Record], *, need_all: bool) -> Iterator[Row]:
    paths = _existing_paths(file, root, records, "path", need_all=need_all)
    masks = _existing_paths(file, root, [record for record in records if record.fields["mask"].strip()], "mask")
    seen: dict[str, int] = {}
    for record in records:
        path = paths[record.line]
        earlier = seen.setdefault(os.path.normpath(root / path), record.line)
        if earlier != record.line:
            raise _line_error(
                file, record.line, f"{printable(path)} is already listed in line {earlier}. Delete one of the two rows"
            )
        fields = record.fields
        if fields["split"].lower() not in _SPLITS:
            raise _line_error(
                file, record.line, f"the split is {printable(fields['split'])!r}. Use query, gallery or nothing"
            )
        yield Row(
            path=path,
            label=fields["label"],
            group=fields["group"] or None,
            visit=fields["visit"] or None,
            split=_SPLITS[fields["split"].lower()],
            mask=masks.get(record.line),
        )


def _existing_paths(
    file: Path, root: Path, records: list[_Record], column: str, *, need_all: bool = True
) -> dict[int, str]:
    """The path in ``column`` by line; each must exist and not be a folder, unless not all are needed."""
    paths, missing = {}, []
    for record in records:
        path = _existing_path(root, record.fields[column])
        if path is None and not need_all:
            paths[record.line] = record.fields[column].strip()
        elif path is None:
            missing.append(record)
        elif (root / path).is_dir():
            raise _line_error(file, record.line, f"{printable(path)} is a folder, not an image. Name one file per row")
        else:
            paths[record.line] = path
    if missing:
        first, others = missing[0], [str(record.line) for record in missing[1:]]
        more = f", and {len(others) - _MAX_LISTED:,} more" if len(others) > _MAX_LISTED else ""
        also = f" (also line {', '.join(others[:_MAX_LISTED])}{more})" if others else ""
        raise _line_error(
            file,
            first.line,
            f"no such {'mask' if column == 'mask' else 'file'}: {printable(first.fields[column])}{also}. "
            f"Paths are relative to {printable(root)}. Add the files, correct or delete these rows, or leave them out: "
            "--on-missing skip",
        )
    return paths


def _check_inside(file: Path, root: Path, records: list[_Record]) -> None:
    """Raise for the first path that leads out of ``root``: a CSV from elsewhere must not name its reader's files."""
    for record in records:
        for text in (record.fields["path"], record.fields["mask"]):
            path = Path(os.path.normpath(text.strip().replace("\\", "/")))
            if path.is_absolute() or os.pardir in path.parts[:1] or PureWindowsPath(text.strip()).drive:
                raise _line_error(
                    file,
                    record.line,
                    f"{printable(text)} is not below {printable(root)}. If you trust this file: --allow-outside",
                )


def _existing_path(root: Path, text: str) -> str | None:
    """``text`` as a path that exists below ``root``: unchanged, stripped, or with backslashes as slashes; or None.

    Composed and decomposed letters are taken as equal.
    """
    for path in dict.fromkeys((text, text.strip(), text.strip().replace("\\", "/"))):
        if path and "\0" not in path:
            spelled = existing_spelling(root, path.replace(os.sep, "/"))
            if spelled is not None:
                return spelled
    return None


def _check_split(file: Path, records: list[_Record], rows: tuple[Row, ...]) -> None:
    splits = {row.split for row in rows}
    if splits in ({None}, {"query", "gallery"}):
        return
    if None in splits:
        line = next(record.line for record, row in zip(records, rows, strict=True) if row.split is None)
        raise _line_error(file, line, "the split is empty, but other rows have one. Fill it in for all rows or none")
    (only,) = splits
    other = "gallery" if only == "query" else "query"
    raise DatasetError(
        f"{printable(file)}: the split of every row is {only}, so there is nothing to compare with. Mark some rows as "
        f"{other}, or remove the column to query each image against all others"
    )


def _line_error(file: Path, line: int, message: str) -> DatasetError:
    return DatasetError(f"{printable(file)}, line {line}: {message}")
