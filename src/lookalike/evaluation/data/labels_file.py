"""Labels in a CSV: ``path,label[,group][,visit][,split][,mask]``, columns in any order, others ignored."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Row, Split
from lookalike.text import shown

NAME: Final = "labels.csv"
"""What the file is called that labels the folder it lies in."""

_NEEDED: Final = ("path", "label")
_COLUMNS: Final = (*_NEEDED, "group", "visit", "split", "mask")
_SPLITS: Final[dict[str, Split | None]] = {"query": "query", "gallery": "gallery", "": None}
_FORM: Final = "path,label[,group][,visit][,split][,mask]"
# So many lines are named in a message; the others are counted.
_NAMED: Final = 5


def read_labels(file: Path, *others: Path) -> tuple[Path, tuple[Row, ...]]:
    """The rows of a CSV and the folder that their paths start from.

    That is the CSV's own folder, or else the first of ``others`` in which the first row's file is. Raises
    :class:`~lookalike.errors.DatasetError`, which names the line, for whatever can't be used as it is.
    """
    records = list(_records(file))
    if not records:
        raise DatasetError(f"{shown(file)}: there is no row below the header; write one for each picture ({_FORM})")
    candidates = (file.parent, *others)
    first = records[0].fields["path"]
    root = next((place for place in candidates if _spelling(place, first) is not None), file.parent)
    rows = tuple(_rows(file, root, records))
    _check_split(file, records, rows)
    return root, rows


@dataclass(frozen=True, slots=True)
class _Record:
    """One row as it stands in the file: the number of its first line, and a value for every column we know."""

    line: int
    fields: dict[str, str]


def _records(file: Path) -> Iterator[_Record]:
    # strict: a quote that is never closed would otherwise swallow the rest of the file.
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        header = next(reader, [])
        columns = _columns(file, header)
        line = reader.line_num + 1
        for values in reader:
            if values:
                yield _Record(line, _fields(file, line, values, header, columns))
            line = reader.line_num + 1
    except csv.Error as error:
        raise _wrong(
            file, reader.line_num, f"this is no CSV that can be read ({error}): is there a quote too many, or too few?"
        ) from error


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except IsADirectoryError as error:
        raise DatasetError(f"{shown(file)}: this is a folder, not a CSV of labels; name the file") from error
    except OSError as error:
        raise DatasetError(f"{shown(file)}: the labels can't be read ({error.strerror})") from error
    if not content.strip():
        raise DatasetError(f"{shown(file)}: this file is empty; the first line is to be {_FORM}")
    save = "save it as UTF-8 (in a spreadsheet: Save as, CSV UTF-8)"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DatasetError(f"{shown(file)}: this file is UTF-16, not UTF-8: {save}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _wrong(file, line, f"the byte 0x{content[error.start]:02X} is no UTF-8: {save}") from error


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    """The place of each column that we know."""
    names = [name.strip().lower() for name in header]
    twice = next((name for name in _COLUMNS if names.count(name) > 1), None)
    if twice is not None:
        raise _wrong(file, 1, f"there are several columns called {twice}; rename all but one")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        other = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
        hint = f" (columns are to be separated by commas, not by {other!r})" if other else ""
        raise _wrong(
            file, 1, f"no column called {' or '.join(missing)}{hint}; the first line names the columns: {_FORM}"
        )
    return {name: names.index(name) for name in _COLUMNS if name in names}


def _fields(file: Path, line: int, values: list[str], header: list[str], columns: dict[str, int]) -> dict[str, str]:
    if len(values) > len(header):
        raise _wrong(
            file,
            line,
            f"{len(values)} values where the first line names {len(header)} columns; "
            'a name with a comma in it goes between quotes: "a, b.jpg"',
        )
    filled = values + [""] * (len(header) - len(values))
    fields = {name: filled[columns[name]] if name in columns else "" for name in _COLUMNS}
    # Spaces around words are nobody's intention; a file's name may truly have them.
    fields |= {name: fields[name].strip() for name in _COLUMNS if name not in ("path", "mask")}
    for name in _NEEDED:
        if not fields[name].strip():
            raise _wrong(file, line, f"the {name} is empty; fill it in, or take the row out")
    return fields


def _rows(file: Path, root: Path, records: list[_Record]) -> Iterator[Row]:
    paths = _existing(file, root, records, "path")
    masks = _existing(file, root, [record for record in records if record.fields["mask"].strip()], "mask")
    seen: dict[str, int] = {}
    for record in records:
        path = paths[record.line]
        before = seen.setdefault(os.path.normpath(root / path), record.line)
        if before != record.line:
            raise _wrong(
                file, record.line, f"{shown(path)} stands in line {before} already; take one of the two rows out"
            )
        fields = record.fields
        if fields["split"].lower() not in _SPLITS:
            raise _wrong(
                file, record.line, f"the split is {shown(fields['split'])!r}; it is to be query, gallery, or empty"
            )
        yield Row(
            path=path,
            label=fields["label"],
            group=fields["group"] or None,
            visit=fields["visit"] or None,
            split=_SPLITS[fields["split"].lower()],
            mask=masks.get(record.line),
        )


def _existing(file: Path, root: Path, records: list[_Record], column: str) -> dict[int, str]:
    """The path in ``column`` by line; every one must be there and no folder."""
    paths, missing = {}, []
    for record in records:
        path = _spelling(root, record.fields[column])
        if path is None:
            missing.append(record)
        elif (root / path).is_dir():
            raise _wrong(file, record.line, f"{shown(path)} is a folder, not a picture; each row names one file")
        else:
            paths[record.line] = path
    if missing:
        first, others = missing[0], [str(record.line) for record in missing[1:]]
        more = f", and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
        also = f" (likewise line {', '.join(others[:_NAMED])}{more})" if others else ""
        what = "a mask that" if column == "mask" else "a file that"
        raise _wrong(
            file,
            first.line,
            f"it names {what} is not there: {shown(first.fields[column])}{also}; paths are relative to {shown(root)}. "
            "Put the files there, or mend or take out these rows",
        )
    return paths


def _spelling(root: Path, written: str) -> str | None:
    """How a path is written that leads to something: as it stands, stripped, or with slashes for backslashes."""
    for path in dict.fromkeys((written, written.strip(), written.strip().replace("\\", "/"))):
        if path and "\0" not in path and os.path.lexists(root / path):
            return path.replace(os.sep, "/")
    return None


def _check_split(file: Path, records: list[_Record], rows: tuple[Row, ...]) -> None:
    sides = {row.split for row in rows}
    if sides in ({None}, {"query", "gallery"}):
        return
    if None in sides:
        line = next(record.line for record, row in zip(records, rows, strict=True) if row.split is None)
        raise _wrong(file, line, "the split is empty, other rows have one; write query or gallery in every row or none")
    (only,) = sides
    other = "gallery" if only == "query" else "query"
    raise DatasetError(
        f"{shown(file)}: every row's split is {only}, so there is nothing to compare with; mark some rows {other}, or "
        "leave the column out, and each picture queries all others"
    )


def _wrong(file: Path, line: int, what: str) -> DatasetError:
    return DatasetError(f"{shown(file)}, line {line}: {what}")
