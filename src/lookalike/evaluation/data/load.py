"""Read a dataset: one folder per class, file names that start with the class, or a CSV of labels."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from lookalike.errors import DatasetError
from lookalike.evaluation.data import labels_file
from lookalike.evaluation.data.dataset import Dataset, Row, split_rows
from lookalike.evaluation.data.spelling import with_one_spelling
from lookalike.gallery.gallery import Gallery, find_gallery, gallery_at
from lookalike.images.files import FoundFile
from lookalike.images.formats import EXTENSIONS
from lookalike.images.kinds import PassedOver, in_words
from lookalike.images.walk import FolderContents, find_images
from lookalike.system_files import real_path
from lookalike.text import printable

__all__ = ["Dataset", "Row", "load_dataset", "load_images"]

_FLAT_NAME: Final = re.compile(r"([^.]+)\.\d+\.[^.]+")
"""File names like those of Kaggle's Dogs vs. Cats: ``cat.123.jpg``."""

_SPLIT_FOLDER: Final = re.compile(
    r"(train|training|test|testing|val|valid|validation|query|queries|gallery)([-_ ]?set)?\d*", re.IGNORECASE
)
"""Names of folders that are parts of a split rather than classes: ``train``, ``test1``, ``training_set``."""

_LAYOUTS: Final = "one folder per class, names like cat.123.jpg, or a labels.csv (path,label) beside the images"


def load_dataset(
    source: str | os.PathLike[str],
    *,
    csv: str | os.PathLike[str] | None = None,
    one_class: bool = False,
    skip_missing: bool = False,
    require_all: bool = False,
    allow_outside: bool = False,
) -> Dataset:
    """Read a list of labelled images; no image is opened.

    ``source`` is a folder with one folder per class, a folder of flat names (``cat.123.jpg``), a CSV
    (``path,label[,group][,visit][,split][,mask]``), or a folder or gallery with a ``labels.csv``, which takes
    precedence. ``csv`` is the path of the labels of a folder or gallery if they are elsewhere. A single class raises an
    error unless ``one_class`` is set, since every retrieved image is then relevant. So does a row of a CSV whose file
    is missing, unless ``skip_missing`` is set, and one whose file is not below the folder of the CSV (or ``source``),
    unless ``allow_outside`` is set. With ``require_all``, embedding the dataset raises an error if an image
    can't be used (damaged, blank); otherwise such images are skipped and counted. Raises
    :class:`~lookalike.errors.DatasetError`, which names the file, the line and what to change.
    """
    path = Path(source).absolute()
    labels = None if csv is None else Path(csv).absolute()
    if path.is_dir():
        dataset = _from_folder(path, labels, skip_missing=skip_missing, allow_outside=allow_outside)
    elif labels is not None:
        raise DatasetError(f"{printable(path)}: no such folder or gallery (for the labels in {printable(labels)})")
    elif not path.exists():
        raise DatasetError(f"{printable(path)}: no such folder or file. A dataset is {_LAYOUTS}")
    elif path.suffix.lower() in EXTENSIONS:
        raise DatasetError(f"{printable(path)}: an image, not a dataset. A dataset is {_LAYOUTS}")
    else:
        dataset = _from_csv(path, skip_missing=skip_missing, allow_outside=allow_outside)
    dataset = with_one_spelling(dataset)
    _check_classes(dataset, one_class=one_class)
    notes = (*dataset.notes, *_classes_without_relevant(dataset))
    return replace(dataset, notes=notes, requires_all=require_all)


def load_images(
    source: str | os.PathLike[str], *, csv: str | os.PathLike[str] | None = None, allow_outside: bool = False
) -> Dataset:
    """Read images with or without labels: anything that :func:`load_dataset` reads, any folder, or one image.

    Where neither labels nor names give the classes, the label of every row is empty, and a note says why. Raises
    :class:`~lookalike.errors.DatasetError` where there is no image or the labels are invalid.
    """
    path = Path(source).absolute()
    if csv is None and path.is_file() and path.suffix.lower() in EXTENSIONS:
        return _without_labels(path, path.parent, [path.name], "one image")
    try:
        return load_dataset(source, csv=csv, one_class=True, allow_outside=allow_outside)
    except DatasetError as error:
        if csv is not None or not path.is_dir() or (path / labels_file.NAME).exists():
            raise
        contents = _find_files(path, gallery_at(path))
        if not contents.files:
            raise
        images = _without_labels(path, path, [file.path for file in contents.files], "classes unknown")
        notes = (f"classes unknown: {error}", *_passed_over(contents.passed_over))
        return replace(images, notes=notes, skipped=tuple(contents.skipped))


def _without_labels(source: Path, root: Path, paths: list[str], remark: str) -> Dataset:
    return Dataset(
        name=source.name or str(source),
        root=root,
        rows=tuple(Row(path, "") for path in paths),
        layout="unlabelled",
        source=source,
        description=f"{_many(len(paths), 'image')} in {printable(root)}, {remark}",
        gallery=find_gallery(root),
    )


def _from_folder(folder: Path, labels: Path | None, *, skip_missing: bool, allow_outside: bool) -> Dataset:
    gallery = gallery_at(folder)
    if gallery is not None and gallery == real_path(folder):  # its own folder: the images may lie elsewhere
        with Gallery.open(gallery) as opened:
            folder, parent = opened.root, folder.parent
    else:
        parent = folder
    if labels is None:
        candidates = (place / labels_file.NAME for place in (folder, parent))
        labels = next((candidate for candidate in candidates if candidate.exists()), None)
    if labels is None:
        dataset = _from_names(folder, gallery)
        return replace(dataset, gallery=gallery or find_gallery(folder))
    dataset = _from_csv(labels, folder, skip_missing=skip_missing, allow_outside=allow_outside)
    return replace(dataset, name=folder.name or dataset.name, gallery=gallery or find_gallery(folder))


def _from_csv(file: Path, folder: Path | None = None, *, skip_missing: bool, allow_outside: bool) -> Dataset:
    """A CSV of labels, for the images below ``folder`` if it is given; a note counts those without a row."""
    labels = labels_file.read_labels(
        file, *([] if folder is None else [folder]), skip_missing=skip_missing, allow_outside=allow_outside
    )
    root, rows = labels.root, labels.rows
    has_default_name = file.name == labels_file.NAME
    return Dataset(
        name=(file.parent.name if has_default_name else file.stem) or file.stem,
        root=root,
        rows=rows,
        layout="CSV",
        source=file,
        description=_many(len(rows), "row")
        + f" of {printable(file)}"
        + ("" if root == file.parent else f", paths relative to {printable(root)}"),
        notes=(*_rows_without_image(labels.missing), *(_images_without_row(folder, root, rows) if folder else ())),
        gallery=find_gallery(root),
    )


def _rows_without_image(missing: Sequence[str]) -> Iterable[str]:
    if missing:
        yield f"{_many(len(missing), 'row')} left out because the file is missing, the first is {printable(missing[0])}"


def _images_without_row(folder: Path, root: Path, rows: Iterable[Row]) -> Iterable[str]:
    listed = {os.path.normpath(root / row.path) for row in rows} | {
        os.path.normpath(root / row.mask) for row in rows if row.mask
    }
    others = [file.path for file in _find_files(folder).files if os.path.normpath(folder / file.path) not in listed]
    if others:
        yield f"{_many(len(others), 'image')} without a row in the CSV left out, the first is {printable(others[0])}"


def _from_names(folder: Path, gallery: Path | None) -> Dataset:
    """A folder of images labelled by their names or by the names of their folders."""
    contents = _find_files(folder, gallery)
    files = contents.files
    flat = [file.path for file in files if "/" not in file.path]
    if not files:
        raise DatasetError(f"{printable(folder)}: no images in this folder. A dataset is {_LAYOUTS}")
    if flat and len(flat) < len(files):
        nested = next(file.path for file in files if "/" in file.path)
        raise DatasetError(
            f"{printable(folder)}: contains both images ({_many(len(flat), 'image')}, for example "
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
        description=f"{_many(len(rows), 'image')} in {printable(folder)}: {form}",
        notes=(*(() if flat else _empty_folders(folder, rows)), *_passed_over(contents.passed_over)),
        skipped=tuple(contents.skipped),
    )


def _find_files(folder: Path, gallery: Path | None = None) -> FolderContents:
    try:
        return find_images(folder, leave_out=gallery)
    except OSError as error:
        raise DatasetError(f"{printable(folder)}: can't list this folder ({error.strerror})") from error


def _passed_over(counts: Mapping[PassedOver, int]) -> Iterable[str]:
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
            f"Use one of them ({printable(folder / names[0])}), or write a CSV with the columns path,label,split"
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


def _check_classes(dataset: Dataset, *, one_class: bool) -> None:
    if len(dataset.labels) > 1 or one_class:
        return
    (label,) = dataset.labels
    raise DatasetError(
        f"{printable(dataset.source)}: only one class ({printable(label)}), so every hit would be relevant. "
        f"{_single_class_hint(dataset, label)}"
    )


def _single_class_hint(dataset: Dataset, label: str) -> str:
    """What to do about a single class; often the folder below is the intended one."""
    if dataset.layout == "class folders":
        inner = printable(dataset.root / label)
        subfolders = sorted({row.path.split("/")[1] for row in dataset.rows if row.path.count("/") > 1})
        if len(subfolders) > 1:
            return f"Did you mean {inner}, which has the folders {', '.join(map(printable, subfolders[:3]))}?"
        flat = [row.path.split("/")[1] for row in dataset.rows]
        if all(map(_FLAT_NAME.fullmatch, flat)):
            return f"Did you mean {inner}, with names like {printable(flat[0])}?"
    return f"Add images of another class ({_LAYOUTS})"


def _classes_without_relevant(dataset: Dataset) -> Iterable[str]:
    """A note for every class whose queries have no relevant image, whatever the encoder."""
    queries, gallery = split_rows(dataset.rows)
    searched = Counter(dataset.rows[number].label for number in gallery)
    for label, count in sorted(Counter(dataset.rows[number].label for number in queries).items()):
        if dataset.has_split and not searched[label]:
            yield (
                f"class {printable(label)} has no image in the gallery (R = 0): "
                f"{_many(count, 'query')} excluded from the metrics"
            )
        elif not dataset.has_split and count == 1:
            yield (
                f"class {printable(label)} has one image, so as a query it has nothing to find (R = 0): excluded from "
                "the metrics"
            )


def _many(number: int, noun: str) -> str:
    plural = "queries" if noun == "query" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
