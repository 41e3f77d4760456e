"""Embeddings that were computed elsewhere, by any model, with the labels of their images."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.weights.cache import file_sha256
from lookalike.errors import DatasetError, ImageError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, ExternalEmbeddings
from lookalike.evaluation.data.layouts.labels_file import read_labels
from lookalike.evaluation.data.load import dataset_of_labels, with_checked_classes
from lookalike.images.files import open_file, sha256
from lookalike.text import plural, printable

_UNIT_TOLERANCE: Final = 1e-3
_AT_ONCE: Final = 16384


def load_embeddings(
    file: Path, labels: Path, source: Path | None = None, *, allow_outside: bool = False
) -> EmbeddedDataset:
    """Embeddings in ``file``, a numpy array (n, dimension), of the images in the rows of the CSV ``labels`` (n).

    The embeddings are normalised to length 1, and rows without a label left out. The images, below ``source`` or the
    folder of ``labels``, needn't be there; only where they are, exact copies are recognised. Raises
    :class:`~lookalike.errors.DatasetError`.
    """
    array = _open_array(file)
    others = [] if source is None else [source.absolute()]
    read = read_labels(labels.absolute(), *others, allow_outside=allow_outside, need_all=False)
    if len(read.rows) != len(array):
        raise DatasetError(
            f"{printable(file)}: {plural(len(array), 'row')}, but {printable(labels)} has {len(read.rows):,}. Row i of "
            "the array must be the embedding of row i of the CSV"
        )
    labelled = [number for number, row in enumerate(read.rows) if row.label]
    if not labelled:
        raise DatasetError(f"{printable(labels)}: no row has a label")
    rows = tuple(read.rows[number] for number in labelled)
    dataset = with_checked_classes(replace(dataset_of_labels(labels.absolute(), read), rows=rows))
    vectors, were_unit = _normalised(array, file)
    digests, missing = _digests(dataset)
    notes = _notes(were_unit=were_unit, missing=missing, unlabelled=len(read.rows) - len(rows))
    return EmbeddedDataset(
        dataset=replace(dataset, notes=(*dataset.notes, *notes)),
        vectors=vectors[labelled],
        digests=digests,
        rows=dataset.rows,
        skipped=(),
        spec=ExternalEmbeddings(file.name, vectors.shape[1], file_sha256(file)),
        seconds=0.0,
        images_per_second=0.0,
    )


def _open_array(file: Path) -> NDArray[np.floating]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise DatasetError(f"{printable(file)}: can't read this file ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise DatasetError(f"{printable(file)}: not a numpy array (.npy). Write one with numpy.save") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DatasetError(f"{printable(file)}: an archive of arrays. Write one array with numpy.save")
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):  # noqa: PLR2004  rows and components
        what = f"{array.dtype} {array.shape}"
        raise DatasetError(f"{printable(file)}: {what}; embeddings are an array of floats, a row for each image")
    if not array.size:
        raise DatasetError(f"{printable(file)}: the array is empty")
    return array


def _normalised(array: NDArray[np.floating], file: Path) -> tuple[NDArray[np.float32], bool]:
    """The rows, float32 (n, dimension), with length 1, and whether they had that before."""
    vectors, were_unit = np.empty(array.shape, np.float32), True
    for start in range(0, len(array), _AT_ONCE):
        part = array[start : start + _AT_ONCE].astype(np.float64)
        lengths = np.linalg.norm(part, axis=1)
        wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
        if len(wrong):
            problem = "has length 0" if lengths[wrong[0]] == 0 else "is not finite"
            raise DatasetError(f"{printable(file)}: row {start + wrong[0]:,} {problem} (rows are counted from 0)")
        were_unit = were_unit and bool((np.abs(lengths - 1) < _UNIT_TOLERANCE).all())
        vectors[start : start + _AT_ONCE] = part / lengths[:, np.newaxis]
    return vectors, were_unit


def _digests(dataset: Dataset) -> tuple[tuple[bytes, ...], int]:
    """The SHA-256 of the file of each row, or of its path where there is no file, and the number of those."""
    digests, missing = [], 0
    for row in dataset.rows:
        try:
            with open_file(dataset.file(row)) as file:
                digests.append(sha256(file))
        except (ImageError, OSError):
            missing += 1
            digests.append(hashlib.sha256(f"missing: {row.path}".encode("utf-8", "surrogateescape")).digest())
    return tuple(digests), missing


def _notes(*, were_unit: bool, missing: int, unlabelled: int) -> list[str]:
    notes = [] if were_unit else ["the embeddings were normalised to length 1"]
    if unlabelled:
        notes.append(f"{plural(unlabelled, 'row')} without a label left out")
    if missing:
        notes.append(f"{plural(missing, 'image')} not found: exact copies among them are not recognised")
    return notes
