"""A dataset's embeddings: the vector and content hash of each usable image, and the images skipped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.cached_files import CachedFiles
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.evaluation.data.contents import check_usable
from lookalike.evaluation.data.dataset import Dataset, Row, split_rows
from lookalike.gallery.gallery import Gallery
from lookalike.images.decode import ReadOptions
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.images.formats import EXTENSIONS
from lookalike.progress import Progress
from lookalike.text import printable

if TYPE_CHECKING:
    from lookalike.evaluation.data.relevance import RowCodes

_NO_STAT = FileStat(-1, -1, -1)


@dataclass(frozen=True, slots=True)
class ExternalEmbeddings:
    """Where embeddings are from that were computed elsewhere: of the model, nothing is known."""

    name: str
    dimension: int
    sha256: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the file of embeddings, in hexadecimal."""
        return self.sha256

    def __str__(self) -> str:
        """One line for people: the name and the first digits of the checksum of the file."""
        return f"{self.name} ({self.dimension}-d, computed elsewhere, file {self.sha256[:12]})"


EmbeddingSource = EncoderSpec | ExternalEmbeddings
"""What made embeddings."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedDataset:
    """A dataset embedded by one encoder.

    ``rows`` are those with a usable image, in the dataset's order; ``vectors`` float32 (n, dimension) their embeddings,
    each of length 1; ``digests`` the SHA-256 of their files' bytes (32 bytes each). Rows of equal content have equal
    vectors. ``skipped`` are the unusable files, with reasons. ``reused`` is the number of vectors taken from a gallery
    or the cache; the others were computed in ``seconds``. ``images_per_second`` is the speed of the run that computed
    them, 0 where it isn't known. ``spec`` says which encoder it was, or where the embeddings are from if they were
    computed elsewhere.
    """

    dataset: Dataset
    vectors: NDArray[np.float32]
    digests: tuple[bytes, ...]
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    spec: EmbeddingSource
    seconds: float
    images_per_second: float
    reused: int = 0

    def row_codes(self) -> RowCodes:
        """Labels, groups, visits and contents of :attr:`rows` as integer codes, for rankings."""
        from lookalike.evaluation.data.relevance import RowCodes, integer_codes

        return RowCodes(
            labels=integer_codes([row.label for row in self.rows]),
            groups=integer_codes([row.group for row in self.rows]),
            visits=integer_codes([row.visit for row in self.rows]),
            contents=integer_codes([digest.hex() for digest in self.digests]),
        )

    def split_rows(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The numbers of the :attr:`rows` that are queries (q,) and gallery (g,); both are all rows without a split."""
        queries, gallery = split_rows(self.rows)
        return np.array(queries, np.intp), np.array(gallery, np.intp)


def embed_dataset(
    dataset: Dataset, encoder: Encoder, *, cache: EmbeddingCache | None = None, progress: Progress | None = None
) -> EmbeddedDataset:
    """Embed every image of ``dataset``; unusable ones are skipped with the reason.

    If the images are in a gallery made with the same encoder, the embeddings of unchanged files are reused, and so are
    those in ``cache``, where new ones are kept: an interrupted run goes on where it was. The format is read from a
    file's content, not its name: a PNG called ``.jpg`` is used. ``progress`` is called with the numbers of files done
    and in total. Raises :class:`~lookalike.errors.DatasetError` where no image can be used, or one can't and the
    dataset requires all.
    """
    started = time.monotonic()
    stored = _gallery_embeddings(dataset, encoder)
    done: dict[int, tuple[bytes, NDArray[np.float32]]] = {}
    skipped: list[Skipped] = []
    to_read: list[int] = []
    for number, row in enumerate(dataset.rows):
        known = stored.get(os.path.realpath(dataset.file(row))) if stored else None
        if Path(row.path).suffix.lower() not in EXTENSIONS:
            skipped.append(_not_an_image(row))
        elif known is not None and known[0] == _stat(dataset.file(row)):
            done[number] = known[1:]
        else:
            to_read.append(number)
    in_gallery = len(done)
    files = CachedFiles(encoder, cache)
    for number, outcome in zip(to_read, _embed_rows(dataset, files, to_read, in_gallery, progress), strict=True):
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
            if dataset.requires_all:
                break
        else:
            done[number] = outcome
    seconds = time.monotonic() - started
    check_usable(dataset, len(done), skipped)
    usable = sorted(done)
    digests = tuple(done[number][0] for number in usable)
    return EmbeddedDataset(
        dataset=dataset,
        vectors=_equal_for_copies(digests, np.stack([done[number][1] for number in usable])),
        digests=digests,
        rows=tuple(dataset.rows[number] for number in usable),
        skipped=(*dataset.skipped, *skipped),
        spec=encoder.spec,
        seconds=seconds,
        images_per_second=files.images_per_second(seconds, all_computed=files.computed == len(done)),
        reused=len(done) - files.computed,
    )


def _embed_rows(
    dataset: Dataset, embedding: CachedFiles, numbers: list[int], done: int, progress: Progress | None
) -> Iterator[tuple[bytes, NDArray[np.float32]] | Skipped]:
    """Digest and vector, or the skip reason, of each row in ``numbers``, in order; ``done`` counts rows finished."""
    files = (FoundFile(dataset.rows[number].path, _NO_STAT) for number in numbers)
    total = done + len(numbers)
    for batch in embedding.embed(dataset.root, files):
        for outcome in batch:
            if isinstance(outcome, Skipped):
                yield outcome if outcome.stat != _NO_STAT else replace(outcome, stat=None)
            elif outcome.vector is not None:  # always true: those in the cache have theirs, too
                yield outcome.digest, outcome.vector
        done += len(batch)
        if progress is not None:
            progress(done, total)


def _gallery_embeddings(dataset: Dataset, encoder: Encoder) -> dict[str, tuple[FileStat, bytes, NDArray[np.float32]]]:
    """The entries of the gallery that contains the dataset, by real path; empty if that gallery can't be used."""
    if dataset.gallery is None:
        return {}
    try:
        with Gallery.open(dataset.gallery) as gallery:
            if not gallery.is_made_with(encoder):
                return {}
            outdated = gallery.outdated_paths(ReadOptions())
            return {
                os.path.realpath(gallery.root / entry.path): (entry.stat, entry.digest, vector)
                for entry, vector in gallery.iter_embeddings()
                if entry.path not in outdated
            }
    except GalleryError:  # damaged, or of another version: then everything is embedded anew
        return {}


def _stat(file: Path) -> FileStat | None:
    try:
        return FileStat.of(file.stat())
    except OSError:
        return None


def _not_an_image(row: Row) -> Skipped:
    extension = Path(row.path).suffix
    reason = f"unsupported extension {printable(extension)}" if extension else "no file extension"
    return Skipped(row.path, SkipKind.NOT_AN_IMAGE, f"not an image: {reason}")


def _equal_for_copies(digests: tuple[bytes, ...], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors, made equal for equal contents: the last digit of an embedding depends on its batch."""
    first: dict[bytes, int] = {}
    return vectors[[first.setdefault(digest, number) for number, digest in enumerate(digests)]]
