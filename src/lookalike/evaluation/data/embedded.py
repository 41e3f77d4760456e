"""A dataset's embeddings: each photograph's vector and content, and those that couldn't be used."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding import Progress, Reading, embed_files
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import DatasetError, GalleryError
from lookalike.evaluation.data.dataset import Dataset, Row, sides
from lookalike.gallery.local.store import LocalStore
from lookalike.images.files import FileStat, Found, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.text import shown

if TYPE_CHECKING:
    from lookalike.evaluation.data.relevance import Rows

_NO_STAT = FileStat(-1, -1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedDataset:
    """A dataset as one encoder sees it.

    ``rows`` are those whose photograph could be used, in the dataset's order; ``vectors`` float32 (n, dimension) their
    embeddings, each of length 1; ``digests`` the SHA-256 of their files' bytes (32 bytes each). Rows of equal content
    have equal vectors. ``skipped`` are the files that couldn't be used, with reasons. ``reused`` of the vectors came
    from the gallery's store, the others were made in ``seconds``; ``images_per_second`` is 0 where none was made.
    """

    dataset: Dataset
    vectors: NDArray[np.float32]
    digests: tuple[bytes, ...]
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    spec: EncoderSpec
    seconds: float
    images_per_second: float
    reused: int = 0

    def statistics_rows(self) -> Rows:
        """Labels, groups, visits and contents of :attr:`rows` as numbers, for rankings."""
        from lookalike.evaluation.data.relevance import Rows, codes

        return Rows(
            labels=codes([row.label for row in self.rows]),
            groups=codes([row.group for row in self.rows]),
            visits=codes([row.visit for row in self.rows]),
            contents=codes([digest.hex() for digest in self.digests]),
        )

    def sides(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the :attr:`rows` that query (q,) and that are searched (g,); all, twice, without a split."""
        queries, gallery = sides(self.rows)
        return np.array(queries, np.intp), np.array(gallery, np.intp)


def embed_dataset(dataset: Dataset, encoder: Encoder, *, progress: Progress | None = None) -> EmbeddedDataset:
    """Embed every photograph of ``dataset``; those that can't be used are skipped with their reason.

    Where the photographs lie in a gallery made with the same encoder, the embeddings of unchanged files are taken from
    there. A file's content counts, not its name: a PNG called ``.jpg`` is used. ``progress`` is told how many of how
    many files are done. Raises :class:`~lookalike.errors.DatasetError` where no photograph can be used.
    """
    started = time.monotonic()
    stored = _stored(dataset, encoder)
    made: dict[int, tuple[bytes, NDArray[np.float32]]] = {}
    skipped: list[Skipped] = []
    to_read: list[int] = []
    for number, row in enumerate(dataset.rows):
        known = stored.get(os.path.realpath(dataset.file(row))) if stored else None
        if Path(row.path).suffix.lower() not in EXTENSIONS:
            skipped.append(_not_a_picture(row))
        elif known is not None and known[0] == _stat(dataset.file(row)):
            made[number] = known[1:]
        else:
            to_read.append(number)
    reused = len(made)
    for number, outcome in zip(to_read, _embedded(dataset, encoder, to_read, reused, progress), strict=True):
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        else:
            made[number] = outcome
    seconds = time.monotonic() - started
    if not made:
        first = skipped[0]
        raise DatasetError(
            f"{shown(dataset.source)}: none of its {len(dataset.rows):,} pictures can be used; the first, "
            f"{shown(first.path)}: {first.reason}"
        )
    usable = sorted(made)
    digests = tuple(made[number][0] for number in usable)
    fresh = len(made) - reused
    return EmbeddedDataset(
        dataset=dataset,
        vectors=_alike(digests, np.stack([made[number][1] for number in usable])),
        digests=digests,
        rows=tuple(dataset.rows[number] for number in usable),
        skipped=(*dataset.skipped, *skipped),
        spec=encoder.spec,
        seconds=seconds,
        images_per_second=fresh / seconds if fresh and seconds > 0 else 0.0,
        reused=reused,
    )


def _embedded(
    dataset: Dataset, encoder: Encoder, numbers: list[int], done: int, progress: Progress | None
) -> Iterator[tuple[bytes, NDArray[np.float32]] | Skipped]:
    """What becomes of each of the rows ``numbers``, in that order; ``done`` others are finished already."""
    files = (Found(dataset.rows[number].path, _NO_STAT) for number in numbers)
    total = done + len(numbers)
    for batch in embed_files(encoder, dataset.root, files, reading=Reading(any_extension=True)):
        for outcome in batch:
            if isinstance(outcome, Skipped):
                yield outcome if outcome.stat != _NO_STAT else replace(outcome, stat=None)
            elif outcome.vector is not None:  # always: no content was called known
                yield outcome.digest, outcome.vector
        done += len(batch)
        if progress is not None:
            progress(done, total)


def _stored(dataset: Dataset, encoder: Encoder) -> dict[str, tuple[FileStat, bytes, NDArray[np.float32]]]:
    """What the gallery around the dataset knows of its files, by their real paths; nothing if it can't be used."""
    if dataset.gallery is None:
        return {}
    try:
        store = LocalStore.open(dataset.gallery)
    except GalleryError:  # damaged, or of another version: then everything is embedded anew
        return {}
    try:
        with store.snapshot():
            by_path = encoder.location is not None and store.location is not None
            if (replace(encoder.spec, name=store.stamp.name) if by_path else encoder.spec) != store.stamp:
                return {}
            entries, vectors = {entry.id: entry for entry in store.entries()}, store.vectors()
            return {
                os.path.realpath(store.root / entries[number].path): (
                    entries[number].stat,
                    entries[number].digest,
                    np.array(vectors.matrix[row]),
                )
                for number, row in zip(vectors.ids.tolist(), vectors.rows.tolist(), strict=True)
            }
    except GalleryError:
        return {}
    finally:
        store.close()


def _stat(file: Path) -> FileStat | None:
    try:
        return FileStat.of(file.stat())
    except OSError:
        return None


def _not_a_picture(row: Row) -> Skipped:
    extension = Path(row.path).suffix
    reason = f"its name ends in {shown(extension)}" if extension else "its name has no extension"
    return Skipped(row.path, SkipKind.NOT_A_PICTURE, f"not a picture: {reason}, which promises none")


def _alike(digests: tuple[bytes, ...], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same vectors, those of equal contents made equal: a batch's make-up moves the last digit."""
    first: dict[bytes, int] = {}
    return vectors[[first.setdefault(digest, number) for number, digest in enumerate(digests)]]
