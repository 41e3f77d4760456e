"""Groups of images that are the same, or nearly."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.contents.images import GalleryImage
from lookalike.gallery.records import VectorBatch
from lookalike.gallery.store import Store
from lookalike.progress import Progress
from lookalike.search.similarity import ROUNDING, cosines, similarity_matrix

_ROWS: Final = 1024
"""How many embeddings are compared with a batch at once."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One image of a group; ``score`` is the cosine with the group's first image.

    ``is_identical`` says that it has the same bytes as that.
    """

    image: GalleryImage
    score: float
    is_identical: bool


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are identical or nearly, the largest file first, and at least two."""

    images: tuple[Duplicate, ...]

    @property
    def size(self) -> int:
        """The bytes that all files take."""
        return sum(one.image.size for one in self.images)

    @property
    def spare(self) -> int:
        """The bytes that all files but the largest take."""
        return self.size - self.images[0].image.size


def find_duplicates(store: Store, threshold: float, progress: Progress | None = None) -> list[DuplicateGroup]:
    """The groups of images linked by cosines from ``threshold`` on, those that take the most space first.

    Two images of a group may be less similar than that, if others lie between them, as in a burst. Every pair is
    compared, in time that grows with the square of the number of images, and in bounded memory beyond the groups;
    ``progress`` is called with the number of compared embeddings and of all. Raises
    :class:`~lookalike.errors.GalleryError` if the gallery is compacted meanwhile.
    """
    with store.snapshot():
        links = _Links()
        for first, second in _near_pairs(store, threshold, progress):
            links.join(first, second)
        groups = [_group(store, images) for images in _images_together(store, links)]
    return sorted(groups, key=lambda group: (-group.spare, group.images[0].image.path))


class _Links:
    """Contents that are linked, directly or by way of others (a disjoint-set forest)."""

    def __init__(self) -> None:
        self._parents: dict[bytes, bytes] = {}

    def join(self, first: bytes, second: bytes) -> None:
        self._parents[self.root(first)] = self.root(second)

    def root(self, digest: bytes) -> bytes:
        """The content that stands for all that are linked with ``digest``."""
        while (parent := self._parents.get(digest, digest)) != digest:
            self._parents[digest] = self._parents.get(parent, parent)  # shortens the way for the next time
            digest = parent
        return digest


def _near_pairs(store: Store, threshold: float, progress: Progress | None) -> Iterator[tuple[bytes, bytes]]:
    """The pairs of contents with a cosine of at least ``threshold``."""
    total, done = store.vector_count(), 0
    for number, rows in enumerate(store.iter_vectors()):
        for other, columns in enumerate(store.iter_vectors()):
            if other > number:
                break
            for start in range(0, len(rows.digests), _ROWS):
                part = VectorBatch(rows.digests[start : start + _ROWS], rows.vectors[start : start + _ROWS])
                yield from _pairs_of(part, columns, threshold)
        done += len(rows.digests)
        if progress is not None:
            progress(done, total)


def _pairs_of(rows: VectorBatch, columns: VectorBatch, threshold: float) -> Iterator[tuple[bytes, bytes]]:
    scores = similarity_matrix(rows.vectors, columns.vectors)
    for row, column in zip(*(found.tolist() for found in np.nonzero(scores >= threshold - ROUNDING)), strict=True):
        first, second = rows.digests[row], columns.digests[column]
        if first == second:
            continue
        is_sure = scores[row, column] > threshold + ROUNDING
        if is_sure or cosines(rows.vectors[row], columns.vectors[column, np.newaxis])[0] >= threshold:
            yield first, second


def _images_together(store: Store, links: _Links) -> list[list[GalleryImage]]:
    """The images of each group, of which there are at least two."""
    counts = Counter(links.root(entry.digest) for entry in store.iter_entries())
    groups: dict[bytes, list[GalleryImage]] = defaultdict(list)
    for entry in store.iter_entries():
        root = links.root(entry.digest)
        if counts[root] > 1:
            groups[root].append(GalleryImage.of(store, entry))
    return list(groups.values())


def _group(store: Store, images: list[GalleryImage]) -> DuplicateGroup:
    images = sorted(images, key=lambda image: -image.size)  # stable: the first path among files of the same size
    vectors = store.vectors_of([image.digest for image in images])
    first = vectors.get(images[0].digest)
    return DuplicateGroup(
        tuple(
            Duplicate(image, _cosine(first, vectors.get(image.digest)), image.digest == images[0].digest)
            for image in images
        )
    )


def _cosine(first: NDArray[np.float32] | None, second: NDArray[np.float32] | None) -> float:
    """The cosine of two embeddings; NaN if one is lacking, as in an incomplete copy."""
    return float("nan") if first is None or second is None else float(cosines(first, second[np.newaxis])[0])
