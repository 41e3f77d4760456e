"""Read a dataset: folders named for classes, names that tell the class, or a CSV of labels."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from lookalike.errors import DatasetError
from lookalike.evaluation.data import labels_file
from lookalike.evaluation.data.dataset import Dataset, Row, sides
from lookalike.gallery.gallery import find_gallery, gallery_at
from lookalike.gallery.local.database import DATABASE
from lookalike.gallery.local.store import LocalStore
from lookalike.images.files import Found, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.images.walk import find_pictures
from lookalike.text import shown

__all__ = ["Dataset", "Row", "load_dataset", "load_pictures"]

_FLAT_NAME: Final = re.compile(r"([^.]+)\.\d+\.[^.]+")
"""A name as in Kaggle's Dogs vs. Cats: ``cat.123.jpg``."""

_PART: Final = re.compile(
    r"(train|training|test|testing|val|valid|validation|query|queries|gallery)([-_ ]?set)?\d*", re.IGNORECASE
)
"""Names of folders that divide a dataset rather than name classes: ``train``, ``test1``, ``training_set``."""

_WAYS: Final = "a folder for each class, names like cat.123.jpg, or a labels.csv (path,label) beside the pictures"


def load_dataset(
    source: str | os.PathLike[str], *, csv: str | os.PathLike[str] | None = None, one_class: bool = False
) -> Dataset:
    """Read the labelled photographs that ``source`` stands for; none is opened yet.

    ``source`` is a folder with a folder for each class, a folder of flat names (``cat.123.jpg``), a CSV
    (``path,label[,group][,visit][,split][,mask]``), a gallery with such a CSV, or a folder with a ``labels.csv``, which
    then decides. ``csv`` names the labels of a folder or gallery that lie elsewhere. A single class is refused unless
    ``one_class``: retrieval within it can't be wrong. Raises :class:`~lookalike.errors.DatasetError`, which names the
    file, the line and the way out.
    """
    place = Path(source).absolute()
    labels = None if csv is None else Path(csv).absolute()
    if place.is_dir():
        dataset = _from_folder(place, labels)
    elif labels is not None:
        raise DatasetError(f"{shown(place)}: there is no such folder or gallery for the labels in {shown(labels)}")
    elif not place.exists():
        raise DatasetError(f"{shown(place)}: there is no such folder or file; name {_WAYS}")
    elif place.suffix.lower() in EXTENSIONS:
        raise DatasetError(f"{shown(place)}: this is a picture; a dataset is a folder of pictures, or a CSV of labels")
    else:
        dataset = _from_csv(place)
    _check_classes(dataset, one_class=one_class)
    return replace(dataset, notes=(*dataset.notes, *_thin_classes(dataset)))


def load_pictures(source: str | os.PathLike[str], *, csv: str | os.PathLike[str] | None = None) -> Dataset:
    """Read pictures whose classes need not be known: whatever :func:`load_dataset` reads, a folder, or one picture.

    Where neither labels nor names tell the classes, every row's label is empty, and a note says why. Raises
    :class:`~lookalike.errors.DatasetError` where there is no picture, or labels that can't be used.
    """
    place = Path(source).absolute()
    if csv is None and place.is_file() and place.suffix.lower() in EXTENSIONS:
        return _without_labels(place, place.parent, [place.name], "one picture")
    try:
        return load_dataset(source, csv=csv, one_class=True)
    except DatasetError as error:
        if csv is not None or not place.is_dir() or (place / labels_file.NAME).exists():
            raise
        found, skipped = _find(place, gallery_at(place))
        if not found:
            raise
        pictures = _without_labels(place, place, [file.path for file in found], "classes unknown")
        return replace(pictures, notes=(f"classes unknown: {error}",), skipped=tuple(skipped))


def _without_labels(source: Path, root: Path, paths: list[str], how: str) -> Dataset:
    return Dataset(
        name=source.name or str(source),
        root=root,
        rows=tuple(Row(path, "") for path in paths),
        layout="unlabelled",
        source=source,
        understood=f"{_many(len(paths), 'picture')} in {shown(root)}, {how}",
        gallery=find_gallery(root),
    )


def _from_folder(folder: Path, labels: Path | None) -> Dataset:
    gallery = gallery_at(folder)
    if (folder / DATABASE).is_file():  # the gallery's own folder: the photographs may lie elsewhere
        store = LocalStore.open(folder)
        store.close()
        folder, beside = store.root, folder.parent
    else:
        beside = folder
    if labels is None:
        places = (place / labels_file.NAME for place in (folder, beside))
        labels = next((place for place in places if place.exists()), None)
    if labels is None:
        dataset = _from_names(folder, gallery)
        return replace(dataset, gallery=gallery or find_gallery(folder))
    dataset = _from_csv(labels, folder)
    return replace(dataset, name=folder.name or dataset.name, gallery=gallery or find_gallery(folder))


def _from_csv(file: Path, folder: Path | None = None) -> Dataset:
    """A CSV, which labels the pictures below ``folder`` if one is given; those without a row are counted."""
    root, rows = labels_file.read_labels(file, *([] if folder is None else [folder]))
    is_usual = file.name == labels_file.NAME
    return Dataset(
        name=(file.parent.name if is_usual else file.stem) or file.stem,
        root=root,
        rows=rows,
        layout="CSV",
        source=file,
        understood=_many(len(rows), "row")
        + f" of {shown(file)}"
        + ("" if root == file.parent else f", whose paths start from {shown(root)}"),
        notes=() if folder is None else tuple(_without_rows(folder, root, rows)),
        gallery=find_gallery(root),
    )


def _without_rows(folder: Path, root: Path, rows: Iterable[Row]) -> Iterable[str]:
    named = {os.path.normpath(root / row.path) for row in rows} | {
        os.path.normpath(root / row.mask) for row in rows if row.mask
    }
    left = [file.path for file in _find(folder)[0] if os.path.normpath(folder / file.path) not in named]
    if left:
        yield f"{_many(len(left), 'picture')} without a row in the CSV left out, {shown(left[0])} the first"


def _from_names(folder: Path, gallery: Path | None) -> Dataset:
    """A folder of pictures whose names, or whose folders' names, say what they show."""
    found, skipped = _find(folder, gallery)
    flat = [file.path for file in found if "/" not in file.path]
    if not found:
        raise DatasetError(f"{shown(folder)}: no pictures in this folder; wanted: {_WAYS}")
    if flat and len(flat) < len(found):
        below = next(file.path for file in found if "/" in file.path)
        raise DatasetError(
            f"{shown(folder)}: {_many(len(flat), 'picture')} ({shown(flat[0])}) beside folders of pictures "
            f"({shown(below)}), so what names the class isn't clear; move the one or the other away, or write a "
            "labels.csv"
        )
    if flat:
        rows = tuple(Row(path, _flat_label(folder, path)) for path in flat)
        form = f"names like {shown(flat[0])}: the class ({shown(rows[0].label)}) stands before the first dot"
    else:
        _refuse_parts(folder, found)
        rows = tuple(Row(file.path, file.path.split("/", 1)[0]) for file in found)
        form = "a folder for each class; pictures in folders below belong to it"
    return Dataset(
        name=folder.resolve().name,
        root=folder,
        rows=rows,
        layout="flat names" if flat else "class folders",
        source=folder,
        understood=f"{_many(len(rows), 'picture')} in {shown(folder)}: {form}",
        notes=() if flat else tuple(_empty_folders(folder, rows)),
        skipped=tuple(skipped),
    )


def _find(folder: Path, gallery: Path | None = None) -> tuple[list[Found], list[Skipped]]:
    try:
        return find_pictures(folder, leave_out=gallery)
    except OSError as error:
        raise DatasetError(f"{shown(folder)}: this folder can't be listed ({error.strerror})") from error


def _flat_label(folder: Path, name: str) -> str:
    form = _FLAT_NAME.fullmatch(name)
    if form is None:
        raise DatasetError(
            f"{shown(folder / name)}: nothing tells its class. Pictures that lie side by side are to have names like "
            "cat.123.jpg (class, number, extension); otherwise make a folder for each class, or write a labels.csv "
            "(path,label)"
        )
    return form[1]


def _refuse_parts(folder: Path, found: Iterable[Found]) -> None:
    """A folder above train and test folders would give "train" and "test" as its classes."""
    names = sorted({file.path.split("/")[0] for file in found})
    if len(names) > 1 and all(_PART.fullmatch(name) for name in names):
        raise DatasetError(
            f"{shown(folder)}: {', '.join(map(shown, names))} look like parts of a dataset, not like classes; name one "
            f"of them ({shown(folder / names[0])}), or write a CSV with the columns path,label,split"
        )


def _empty_folders(folder: Path, rows: Iterable[Row]) -> Iterable[str]:
    """A class folder in which there is no picture is no class, and that is said."""
    labels = {row.label for row in rows}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return [f"the folder {shown(name)} holds no pictures, so it is no class" for name in names if name not in labels]


def _check_classes(dataset: Dataset, *, one_class: bool) -> None:
    if len(dataset.labels) > 1 or one_class:
        return
    (label,) = dataset.labels
    raise DatasetError(
        f"{shown(dataset.source)}: there is one class only ({shown(label)}), and where every picture is right no "
        f"figure says anything; {_way_to_classes(dataset, label)}"
    )


def _way_to_classes(dataset: Dataset, label: str) -> str:
    """What to do about a single class; often the folder below it is meant."""
    if dataset.layout == "class folders":
        inner = shown(dataset.root / label)
        below = sorted({row.path.split("/")[1] for row in dataset.rows if row.path.count("/") > 1})
        if len(below) > 1:
            return f"did you mean {inner}, which has folders {', '.join(map(shown, below[:3]))}?"
        flat = [row.path.split("/")[1] for row in dataset.rows]
        if all(map(_FLAT_NAME.fullmatch, flat)):
            return f"did you mean {inner}, where names like {shown(flat[0])} tell the class?"
    return f"add pictures of another class ({_WAYS})"


def _thin_classes(dataset: Dataset) -> Iterable[str]:
    """Classes whose queries can find nothing, whatever the encoder."""
    queries, gallery = sides(dataset.rows)
    searched = Counter(dataset.rows[number].label for number in gallery)
    for label, count in sorted(Counter(dataset.rows[number].label for number in queries).items()):
        if dataset.has_split and not searched[label]:
            yield (
                f"class {shown(label)} has nothing to find in the gallery (R = 0): its {_many(count, 'query')} left "
                "out of the figures and counted"
            )
        elif not dataset.has_split and count == 1:
            yield (
                f"class {shown(label)} has one picture: as a query it has nothing to find (R = 0), so it is left out "
                "of the figures and counted"
            )


def _many(number: int, word: str) -> str:
    plural = "queries" if word == "query" else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
