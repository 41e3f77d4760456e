"""The contents of a dataset's files: what tells, before anything is decoded, whether they are what they were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from lookalike.embedding import Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.weights.cache import file_sha256
from lookalike.errors import DatasetError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.images.files import FileStat, Found, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.text import shown

NO_STAT: Final = FileStat(-1, -1, -1)
"""Stands for what isn't asked about a file."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The rows of ``dataset`` whose files can be read, the SHA-256 of each (32 bytes); ``skipped`` are the others."""

    dataset: Dataset
    rows: tuple[Row, ...]
    digests: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]

    def fingerprint(self, settings: Sequence[Any]) -> str:
        """A fingerprint (32 hexadecimal digits) of the rows, their files and ``settings``, which JSON can carry.

        Raises :class:`~lookalike.errors.DatasetError` where a mask can't be read.
        """
        told = [
            (row.path, row.label, row.group, digest.hex(), self._mask_digest(row))
            for row, digest in zip(self.rows, self.digests, strict=True)
        ]
        return hashlib.sha256(json.dumps([*settings, told]).encode()).hexdigest()[:32]

    def _mask_digest(self, row: Row) -> str | None:
        mask = self.dataset.mask(row)
        if mask is None:
            return None
        try:
            return file_sha256(mask)
        except OSError as error:
            raise DatasetError(
                f"{shown(mask)}: this mask can't be read ({error.strerror}); mend the mask column of "
                f"{shown(self.dataset.source)}, or leave it out"
            ) from error


def contents_of(dataset: Dataset, encoder: Encoder) -> Contents:
    """Read the files of ``dataset``, without decoding any; ``encoder`` isn't asked for anything.

    Raises :class:`~lookalike.errors.DatasetError` where none can be read.
    """
    promising = [number for number, row in enumerate(dataset.rows) if Path(row.path).suffix.lower() in EXTENSIONS]
    skipped = [
        Skipped(dataset.rows[number].path, SkipKind.NOT_A_PICTURE, "not a picture: its name promises none")
        for number in sorted(set(range(len(dataset.rows))) - set(promising))
    ]
    files = (Found(dataset.rows[number].path, NO_STAT) for number in promising)
    reading = Reading(any_extension=True)
    batches = embed_files(encoder, dataset.root, files, known=lambda _: True, reading=reading)
    rows, digests = [], []
    for number, outcome in zip(promising, chain.from_iterable(batches), strict=True):
        if isinstance(outcome, Skipped):
            skipped.append(replace(outcome, stat=None))
        else:
            rows.append(dataset.rows[number])
            digests.append(outcome.digest)
    if not rows:
        raise nothing_usable(dataset, skipped[0])
    return Contents(dataset, tuple(rows), tuple(digests), tuple(skipped))


def nothing_usable(dataset: Dataset, first: Skipped) -> DatasetError:
    """The error for a dataset of which no picture can be used; ``first`` is the first that can't."""
    return DatasetError(
        f"{shown(dataset.source)}: none of its pictures can be used; the first, {shown(first.path)}: {first.reason}"
    )
