"""The work of a robustness run, image by image: decode once, corrupt in every way, prepare for the encoder."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.encoder import Encoder
from lookalike.errors import DatasetError, ImageError
from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE, Context, standardise
from lookalike.evaluation.corruptions.background import object_pixels
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.vector_store import Segment
from lookalike.evaluation.robustness.donors import DonorPlan
from lookalike.evaluation.robustness.grid import Version, image_key
from lookalike.images.decode import check_not_blank, from_pillow, open_image
from lookalike.images.files import SkipKind, Skipped
from lookalike.text import printable

MAX_ASPECT_RATIO: Final = 32
"""Images with a larger ratio of longer to shorter side are skipped: at the standard size they would be huge."""


class LazyImage:
    """One image in standard form with the mask of its object; decoded once, on first use. Safe to share by threads."""

    def __init__(self, dataset: Dataset, row: Row) -> None:
        self._dataset = dataset
        self._row = row
        self._lock = threading.Lock()
        self._decoded: tuple[Image.Image, Image.Image | None] | Skipped | None = None

    def load(self) -> tuple[Image.Image, Image.Image | None] | Skipped:
        """The image and its mask, or the reason to skip it."""
        with self._lock:
            if self._decoded is None:
                self._decoded = self._decode()
            return self._decoded

    def _decode(self) -> tuple[Image.Image, Image.Image | None] | Skipped:
        path = self._row.path
        try:
            image = check_not_blank(open_image(self._dataset.file(self._row), min_side=2 * STANDARD_SIDE))
            longer, shorter = max(image.size), min(image.size)
            if longer > MAX_ASPECT_RATIO * shorter:
                reason = f"too narrow: {longer} x {shorter} pixels (sides may differ by a factor of {MAX_ASPECT_RATIO})"
                return Skipped(path, SkipKind.TOO_LARGE, reason)
            mask = self._mask()
            return mask if isinstance(mask, Skipped) else (standardise(image.pixels), mask)
        except ImageError as error:
            return Skipped(path, SkipKind(error.kind), error.reason)
        except MemoryError:
            return Skipped(path, SkipKind.OUT_OF_MEMORY, "too large for this machine's memory")

    def _mask(self) -> Image.Image | Skipped | None:
        """The mask of the object, or the reason to skip the image; None if the row has no mask."""
        path, name = self._dataset.mask(self._row), printable(self._row.mask or "")
        if path is None:
            return None
        try:
            mask = open_image(path).pixels
        except ImageError as error:
            return Skipped(self._row.path, SkipKind(error.kind), f"its mask {name}: {error.reason}")
        if not object_pixels(mask).any():
            return Skipped(self._row.path, SkipKind.NOT_AN_IMAGE, f"its mask {name} is all black")
        return mask


@dataclass(frozen=True, slots=True)
class Job:
    """Some versions of one image, all of the same corruption and draw.

    ``completes_record`` is true for the last job that the segment's record of this image needs. ``donors`` are tried in
    order.
    """

    segment: Segment
    completes_record: bool
    image: LazyImage
    digest: bytes
    versions: tuple[Version, ...]
    donors: tuple[LazyImage, ...]

    def run(self, encoder: Encoder, seed: int) -> list[NDArray[np.uint8]] | Skipped:
        """The network's input for each version, or the reason to skip the image."""
        decoded = self.image.load()
        if isinstance(decoded, Skipped):
            return decoded
        image, mask = decoded
        first = self.versions[0]
        if not first.severity:
            return [encoder.prepare(from_pillow(image))]
        corruption = CORRUPTIONS[first.corruption]
        context = Context(self._donor(), mask)
        if corruption.donor is not None and context.donor is None:
            raise DatasetError(
                f"{corruption.name}: none of the images drawn as background donors can be used. Repair them, or leave "
                "this corruption out"
            )
        key = image_key(self.digest, first.draw)
        corrupted = (
            corruption.apply(image, version.severity, corruption.generator(key, seed=seed), context)
            for version in self.versions
        )
        return [encoder.prepare(from_pillow(one)) for one in corrupted]

    def _donor(self) -> Image.Image | None:
        for donor in self.donors:
            decoded = donor.load()
            if not isinstance(decoded, Skipped):
                return decoded[0]
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """All work for ``rows`` (content digests ``digests``), in the order ``order``.

    ``versions`` maps the version names used in ``segments`` to the versions.
    """

    dataset: Dataset
    rows: Sequence[Row]
    digests: Sequence[bytes]
    order: Sequence[int]
    donors: DonorPlan | None
    segments: Sequence[Segment]
    versions: Mapping[str, Version]

    @property
    def remaining(self) -> int:
        """The number of vectors that are not stored yet."""
        return sum((len(self.rows) - segment.done) * len(segment.cells) for segment in self.segments)

    def jobs(self) -> Iterator[Job]:
        """All jobs in order; those of one image follow one another.

        An image is released after its jobs. Donors are kept as long as they may be needed: the pool to the end, the
        pool of a class until the next class begins.
        """
        pool = {row: self._lazy_image(row) for row in (self.donors.pool if self.donors else ())}
        class_pool: dict[int, LazyImage] = {}
        label: str | None = None
        starts = [segment.done for segment in self.segments]
        for number, row in enumerate(self.order):
            pending = [segment for segment, start in zip(self.segments, starts, strict=True) if start <= number]
            if pending and self.donors and self.rows[row].label != label:
                label = self.rows[row].label
                class_pool = {
                    donor: pool.get(donor) or self._lazy_image(donor) for donor in self.donors.class_pools[label]
                }
            donors = {**pool, **class_pool}
            image = donors.get(row) or self._lazy_image(row)
            for segment in pending:
                yield from self._segment_jobs(segment, row, image, donors)

    def _lazy_image(self, row: int) -> LazyImage:
        return LazyImage(self.dataset, self.rows[row])

    def _segment_jobs(
        self, segment: Segment, row: int, image: LazyImage, donors: Mapping[int, LazyImage]
    ) -> Iterator[Job]:
        versions = [self.versions[name] for name in segment.cells]
        runs = [tuple(run) for _, run in groupby(versions, key=lambda version: (version.corruption, version.draw))]
        for number, run in enumerate(runs, start=1):
            candidates = self._donors_for(row, run[0], donors)
            yield Job(segment, number == len(runs), image, self.digests[row], run, candidates)

    def _donors_for(self, row: int, version: Version, donors: Mapping[int, LazyImage]) -> tuple[LazyImage, ...]:
        kind = CORRUPTIONS[version.corruption].donor if version.severity else None
        if kind is None or self.donors is None:
            return ()
        return tuple(donors[number] for number in self.donors.candidates(row, kind, version.draw))
