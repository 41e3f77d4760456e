"""Hashes of a dataset's files, which show without decoding whether the files have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

from lookalike.embedding.files import embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.weights.cache import file_sha256
from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.text import printable

NO_STAT: Final = FileStat(-1, -1, -1)
"""A placeholder for files whose size and times are not needed."""


@dataclass(frozen=True, slots=True)
class HashedDataset:
    """Rows of ``dataset`` whose files can be read, with the SHA-256 (32 bytes) of each; ``skipped`` has the rest."""

    dataset: Dataset
    rows: tuple[Row, ...]
    digests: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]

    def mask_digests(self) -> list[bytes]:
        """The SHA-256 of each row's mask; empty where it has none.

        Raises :class:`~lookalike.errors.DatasetError` where a mask can't be read.
        """
        return [self._mask_digest(row) for row in self.rows]

    def _mask_digest(self, row: Row) -> bytes:
        mask = self.dataset.mask(row)
        if mask is None:
            return b""
        try:
            return bytes.fromhex(file_sha256(mask))
        except OSError as error:
            raise DatasetError(
                f"{printable(mask)}: can't read this mask ({error.strerror}). Correct or remove the mask column of "
                f"{printable(self.dataset.source)}"
            ) from error


def hash_dataset(dataset: Dataset, encoder: Encoder) -> HashedDataset:
    """Hash the files of ``dataset`` without decoding them; ``encoder`` is not run.

    Raises :class:`~lookalike.errors.DatasetError` where none can be read.
    """
    candidates = [number for number, row in enumerate(dataset.rows) if Path(row.path).suffix.lower() in EXTENSIONS]
    skipped = [
        Skipped(dataset.rows[number].path, SkipKind.NOT_AN_IMAGE, "not an image: unsupported file extension")
        for number in sorted(set(range(len(dataset.rows))) - set(candidates))
    ]
    files = (FoundFile(dataset.rows[number].path, NO_STAT) for number in candidates)
    # Every digest counts as known, so nothing is decoded or encoded.
    batches = embed_files(encoder, dataset.root, files, known=lambda _: True)
    rows, digests = [], []
    for number, outcome in zip(candidates, chain.from_iterable(batches), strict=True):
        if isinstance(outcome, Skipped):
            skipped.append(replace(outcome, stat=None))
        else:
            rows.append(dataset.rows[number])
            digests.append(outcome.digest)
    check_usable(dataset, len(rows), skipped)
    return HashedDataset(dataset, tuple(rows), tuple(digests), tuple(skipped))


def check_usable(dataset: Dataset, usable: int, skipped: Sequence[Skipped]) -> None:
    """Raise :class:`~lookalike.errors.DatasetError` if no image is ``usable``, or a required one was ``skipped``."""
    skipped = (*dataset.skipped, *skipped)
    if usable and not (skipped and dataset.requires_all):
        return
    source, first = printable(dataset.source), f"{printable(skipped[0].path)}: {skipped[0].reason}"
    if dataset.requires_all:
        raise DatasetError(
            f"{source}: not every image can be used. {first}. Correct or remove the file, or leave such images out: "
            "--on-missing skip"
        )
    raise DatasetError(f"{source}: none of its images can be used. The first one, {first}")
