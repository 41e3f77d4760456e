"""Datasets without a file of labels: one folder per class, or file names that start with the class."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.images.files import FoundFile
from lookalike.images.kinds import PassedOver, in_words
from lookalike.images.walk import FolderContents, find_images
from lookalike.system_files import real_path
from lookalike.text import plural, printable

_FLAT_NAME: Final = re.compile(r"([^.]+)\.\d+\.[^.]+")
"""File names like those of Kaggle's Dogs vs. Cats: ``cat.123.jpg``."""

_SPLIT_FOLDER: Final = re.compile(
    r"(train|training|test|testing|val|valid|validation|query|queries|gallery)([-_ ]?set)?\d*", re.IGNORECASE
)
"""Names of folders that are parts of a split rather than classes: ``train``, ``test1``, ``training_set``."""

LAYOUTS: Final = "one folder per class, names like cat.123.jpg, or a labels.csv (path,label) beside the images"


def dataset_of_names(folder: Path, gallery: Path | None) -> Dataset:
    """A folder of images labelled by their names or by the names of their folders."""
    contents = find_files(folder, gallery)
    files = contents.files
    flat = [file.path for file in files if "/" not in file.path]
    if not files:
        raise DatasetError(f"{printable(folder)}: no images in this folder. A dataset is {LAYOUTS}")
    if flat and len(flat) < len(files):
        nested = next(file.path for file in files if "/" in file.path)
        raise DatasetError(
            f"{printable(folder)}: contains both images ({plural(len(flat), 'image')}, for example "
            f"{printable(flat[0])}) and folders of images ({printable(nested)}), so the classes are ambiguous. Move "
            "one of them away, or write a labels.csv"
        )
    if flat:
        rows = tuple(Row(path, _flat_label(folder, path)) for path in flat)
        form = f"names like {printable(flat[0])}, with the class ({printable(rows[0].label)}) before the first dot"
    else:
        _reject_split_folders(folder, files)
        rows = tuple(Row(file.path, file.path.split("/", 1)[0]) for file in files)
        form = "one folder per class, including its subfolders"
    return Dataset(
        name=real_path(folder).name,
        root=folder,
        rows=rows,
        layout="flat names" if flat else "class folders",
        source=folder,
        description=f"{plural(len(rows), 'image')} in {printable(folder)}: {form}",
        notes=(*(() if flat else _empty_folders(folder, rows)), *passed_over_notes(contents.passed_over)),
        skipped=tuple(contents.skipped),
    )


def find_files(folder: Path, gallery: Path | None = None) -> FolderContents:
    """The images in ``folder``, which may contain its ``gallery``; raises :class:`~lookalike.errors.DatasetError`."""
    try:
        return find_images(folder, leave_out=gallery)
    except OSError as error:
        raise DatasetError(f"{printable(folder)}: can't list this folder ({error.strerror})") from error


def passed_over_notes(counts: Mapping[PassedOver, int]) -> Iterable[str]:
    """A note on what is not read because of what it is, hidden files aside."""
    if text := in_words({kind: count for kind, count in counts.items() if kind != PassedOver.HIDDEN}):
        yield f"passed over: {text} (lookalike formats tells what is read)"


def _flat_label(folder: Path, name: str) -> str:
    match = _FLAT_NAME.fullmatch(name)
    if match is None:
        raise DatasetError(
            f"{printable(folder / name)}: class unknown. Use names like cat.123.jpg (class, number, extension), one "
            "folder per class, or a labels.csv (path,label)"
        )
    return match[1]


def _reject_split_folders(folder: Path, files: Iterable[FoundFile]) -> None:
    """Raise where the folders are parts of a split: "train" and "test" would become the classes."""
    names = sorted({file.path.split("/")[0] for file in files})
    if len(names) > 1 and all(_SPLIT_FOLDER.fullmatch(name) for name in names):
        raise DatasetError(
            f"{printable(folder)}: {', '.join(map(printable, names))} look like parts of a split, not like classes. "
            "Name the folder of the queries and that of the gallery (--query-split "
            f"{printable(names[-1])} --gallery-split {printable(names[0])}), or use one of them "
            f"({printable(folder / names[0])})"
        )


def _empty_folders(folder: Path, rows: Iterable[Row]) -> Iterable[str]:
    """A note for every class folder without images."""
    labels = {row.label for row in rows}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return [
        f"the folder {printable(name)} has no images and is not counted as a class"
        for name in names
        if name not in labels
    ]


def single_class_hint(dataset: Dataset, label: str) -> str:
    """What to do about a single class; often the folder below is the intended one."""
    if dataset.layout == "class folders":
        inner = printable(dataset.root / label)
        subfolders = sorted({row.path.split("/")[1] for row in dataset.rows if row.path.count("/") > 1})
        if len(subfolders) > 1:
            return f"Did you mean {inner}, which has the folders {', '.join(map(printable, subfolders[:3]))}?"
        flat = [row.path.split("/")[1] for row in dataset.rows]
        if all(map(_FLAT_NAME.fullmatch, flat)):
            return f"Did you mean {inner}, with names like {printable(flat[0])}?"
    return f"Add images of another class ({LAYOUTS})"
