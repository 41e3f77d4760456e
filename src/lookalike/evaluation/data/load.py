"""Read a dataset: one folder per class, file names that start with the class, or a CSV of labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset, Row, split_rows
from lookalike.evaluation.data.layouts import labels_file
from lookalike.evaluation.data.layouts.class_folders import (
    LAYOUTS,
    dataset_of_names,
    find_files,
    passed_over_notes,
    single_class_hint,
)
from lookalike.evaluation.data.layouts.spelling import with_one_spelling
from lookalike.evaluation.data.layouts.splits import SplitFolders, joined, split_by_folder
from lookalike.gallery.gallery import Gallery, find_gallery, gallery_at
from lookalike.images.formats import EXTENSIONS
from lookalike.system_files import real_path
from lookalike.text import plural, printable

__all__ = ["Dataset", "Row", "SplitFolders", "load_dataset", "load_images"]


def load_dataset(
    source: str | os.PathLike[str],
    *,
    csv: str | os.PathLike[str] | None = None,
    split: SplitFolders | None = None,
    one_class: bool = False,
    skip_missing: bool = False,
    require_all: bool = False,
    allow_outside: bool = False,
) -> Dataset:
    """Read a list of labelled images; no image is opened.

    ``source`` is a folder with one folder per class, a folder of flat names (``cat.123.jpg``), a CSV
    (``path,label[,group][,visit][,split][,mask]``), or a folder or gallery with a ``labels.csv`` (or ``metadata.csv``
    or ``metadata.jsonl`` with labels, as in an ImageFolder of Hugging Face's datasets), which takes precedence. ``csv``
    is the path of the labels of a folder or gallery if they are elsewhere. ``split`` names the folders of queries and
    gallery, each a dataset, or listed by one file of labels; other folders are left out.

    A single class raises an error unless ``one_class`` is set, since every retrieved image is then relevant. So does a
    row of a CSV whose file is missing, unless ``skip_missing`` is set, and one whose file is not below the folder of
    the CSV (or ``source``), unless ``allow_outside`` is set. With ``require_all``, embedding the dataset raises an
    error if an image can't be used (damaged, blank); otherwise such images are skipped and counted. Raises
    :class:`~lookalike.errors.DatasetError`, which names the file, the line and what to change.
    """
    path = Path(source).absolute()
    labels = None if csv is None else Path(csv).absolute()
    read = partial(_from_csv, skip_missing=skip_missing, allow_outside=allow_outside)
    dataset = _read(path, labels, read) if split is None else _read_split(path, labels, read, split)
    return replace(with_checked_classes(dataset, one_class=one_class), requires_all=require_all)


def with_checked_classes(dataset: Dataset, *, one_class: bool = False) -> Dataset:
    """The dataset with labels in one spelling, and notes on classes that have nothing to find.

    Raises :class:`~lookalike.errors.DatasetError` for a single class, unless ``one_class`` is set.
    """
    dataset = with_one_spelling(dataset)
    _check_classes(dataset, one_class=one_class)
    return replace(dataset, notes=(*dataset.notes, *_classes_without_relevant(dataset)))


def _read(path: Path, labels: Path | None, read: Callable[..., Dataset]) -> Dataset:
    """The dataset at ``path``; ``read`` reads a CSV of labels."""
    if path.is_dir():
        return _from_folder(path, labels, read)
    if labels is not None:
        raise DatasetError(f"{printable(path)}: no such folder or gallery (for the labels in {printable(labels)})")
    if not path.exists():
        raise DatasetError(f"{printable(path)}: no such folder or file. A dataset is {LAYOUTS}")
    if path.suffix.lower() in EXTENSIONS:
        raise DatasetError(f"{printable(path)}: an image, not a dataset. A dataset is {LAYOUTS}")
    return read(path)


def _read_split(path: Path, labels: Path | None, read: Callable[..., Dataset], split: SplitFolders) -> Dataset:
    """The dataset in two folders of ``path``."""
    split.check(path)
    if labels is not None or labels_of(path) is not None:
        return split_by_folder(_read(path, labels, read), path, split)
    dataset = joined(path, {name: _read(path / name, None, read) for name in split.parts}, split)
    return replace(dataset, gallery=find_gallery(path))


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
        contents = find_files(path, gallery_at(path))
        if not contents.files:
            raise
        images = _without_labels(path, path, [file.path for file in contents.files], "classes unknown")
        notes = (f"classes unknown: {error}", *passed_over_notes(contents.passed_over))
        return replace(images, notes=notes, skipped=tuple(contents.skipped))


def _without_labels(source: Path, root: Path, paths: list[str], remark: str) -> Dataset:
    return Dataset(
        name=source.name or str(source),
        root=root,
        rows=tuple(Row(path, "") for path in paths),
        layout="unlabelled",
        source=source,
        description=f"{plural(len(paths), 'image')} in {printable(root)}, {remark}",
        gallery=find_gallery(root),
    )


def _from_folder(folder: Path, labels: Path | None, read: Callable[..., Dataset]) -> Dataset:
    """A folder or gallery; ``read`` reads a CSV of labels."""
    gallery = gallery_at(folder)
    if gallery is not None and gallery == real_path(folder):  # its own folder: the images may lie elsewhere
        with Gallery.open(gallery) as opened:
            folder, parent = opened.root, folder.parent
    else:
        parent = folder
    if labels is None:
        labels = labels_of(folder) or labels_of(parent)
    if labels is None:
        dataset = dataset_of_names(folder, gallery)
        return replace(dataset, gallery=gallery or find_gallery(folder))
    dataset = read(labels, folder)
    return replace(dataset, name=folder.name or dataset.name, gallery=gallery or find_gallery(folder))


def labels_of(folder: Path) -> Path | None:
    """The file in ``folder`` with the labels of its images; None if there is none."""
    metadata = (folder / name for name in labels_file.METADATA)
    candidates = (
        folder / labels_file.NAME,
        *(file for file in metadata if file.exists() and labels_file.has_labels(file)),
    )
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _from_csv(file: Path, folder: Path | None = None, *, skip_missing: bool, allow_outside: bool) -> Dataset:
    """A CSV of labels, for the images below ``folder`` if it is given; a note counts those without a row."""
    labels = labels_file.read_labels(
        file, *([] if folder is None else [folder]), skip_missing=skip_missing, allow_outside=allow_outside
    )
    dataset = dataset_of_labels(file, labels)
    others = () if folder is None else _images_without_row(folder, labels.root, labels.rows)
    return replace(dataset, notes=(*dataset.notes, *others))


def dataset_of_labels(file: Path, labels: labels_file.Labels) -> Dataset:
    """The dataset of the labels that were read from ``file``."""
    root, rows = labels.root, labels.rows
    has_default_name = file.name in (labels_file.NAME, *labels_file.METADATA)
    return Dataset(
        name=(file.parent.name if has_default_name else file.stem) or file.stem,
        root=root,
        rows=rows,
        layout="CSV",
        source=file,
        description=plural(len(rows), "row")
        + f" of {printable(file)}"
        + ("" if root == file.parent else f", paths relative to {printable(root)}"),
        notes=tuple(_rows_without_image(labels.missing)),
        gallery=find_gallery(root),
    )


def _rows_without_image(missing: Sequence[str]) -> Iterable[str]:
    if missing:
        count = plural(len(missing), "row")
        yield f"{count} left out because the file is missing, the first is {printable(missing[0])}"


def _images_without_row(folder: Path, root: Path, rows: Iterable[Row]) -> Iterable[str]:
    listed = {os.path.normpath(root / row.path) for row in rows} | {
        os.path.normpath(root / row.mask) for row in rows if row.mask
    }
    others = [file.path for file in find_files(folder).files if os.path.normpath(folder / file.path) not in listed]
    if others:
        yield f"{plural(len(others), 'image')} without a row in the CSV left out, the first is {printable(others[0])}"


def _check_classes(dataset: Dataset, *, one_class: bool) -> None:
    if len(dataset.labels) > 1 or one_class:
        return
    (label,) = dataset.labels
    raise DatasetError(
        f"{printable(dataset.source)}: only one class ({printable(label)}), so every hit would be relevant. "
        f"{single_class_hint(dataset, label)}"
    )


def _classes_without_relevant(dataset: Dataset) -> Iterable[str]:
    """A note for every class whose queries have no relevant image, whatever the encoder."""
    queries, gallery = split_rows(dataset.rows)
    searched = Counter(dataset.rows[number].label for number in gallery)
    for label, count in sorted(Counter(dataset.rows[number].label for number in queries).items()):
        if dataset.has_split and not searched[label]:
            yield (
                f"class {printable(label)} has no image in the gallery (R = 0): "
                f"{plural(count, 'query', 'queries')} excluded from the metrics"
            )
        elif not dataset.has_split and count == 1:
            yield (
                f"class {printable(label)} has one image, so as a query it has nothing to find (R = 0): excluded from "
                "the metrics"
            )
