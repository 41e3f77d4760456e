"""The work of a robustness run, image by image: decode once, corrupt in every way, prepare for every encoder."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.encoder import Encoder
from lookalike.errors import DatasetError, ImageError
from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE, Context, standardise
from lookalike.evaluation.corruptions.background import object_pixels
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.robustness.donors import DonorPlan
from lookalike.evaluation.robustness.grid import Version, image_key
from lookalike.images.decode import DecodedImage, check_not_blank, from_pillow, open_image
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


class Prepared(NamedTuple):
    """The input of the encoder number ``encoder`` for the version number ``version`` of an image."""

    encoder: int
    version: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Job:
    """Some versions of the image of a ``row``, all of the same corruption and draw.

    ``versions`` maps the numbers of versions to them, ``wanted`` the same numbers to those of the encoders that have no
    vector yet. ``is_last`` is true for the last job of the image. ``donors`` are tried in order.
    """

    row: int
    is_last: bool
    image: LazyImage
    digest: bytes
    versions: Mapping[int, Version]
    wanted: Mapping[int, Sequence[int]]
    donors: tuple[LazyImage, ...]

    def run(self, encoders: Sequence[Encoder], seed: int) -> list[Prepared] | Skipped:
        """What the encoders need, each version of the image made once; or the reason to skip the image."""
        decoded = self.image.load()
        if isinstance(decoded, Skipped):
            return decoded
        return [
            Prepared(encoder, number, encoders[encoder].prepare(image))
            for number, image in self._images(*decoded, seed)
            for encoder in self.wanted[number]
        ]

    def _images(self, image: Image.Image, mask: Image.Image | None, seed: int) -> Iterator[tuple[int, DecodedImage]]:
        first = next(iter(self.versions.values()))
        if not first.severity:
            yield from ((number, from_pillow(image)) for number in self.versions)
            return
        corruption = CORRUPTIONS[first.corruption]
        context = Context(self._donor(), mask)
        if corruption.donor is not None and context.donor is None:
            raise DatasetError(
                f"{corruption.name}: none of the images drawn as background donors can be used. Repair them, or leave "
                "this corruption out"
            )
        key = image_key(self.digest, first.draw)
        for number, version in self.versions.items():
            generator = corruption.generator(key, seed=seed)
            yield number, from_pillow(corruption.apply(image, version.severity, generator, context))

    def _donor(self) -> Image.Image | None:
        for donor in self.donors:
            decoded = donor.load()
            if not isinstance(decoded, Skipped):
                return decoded[0]
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All work for ``rows`` (content digests ``digests``), in the order ``order``.

    ``missing`` says which vectors are still to be computed: bool (encoders, versions, rows).
    """

    dataset: Dataset
    rows: Sequence[Row]
    digests: Sequence[bytes]
    order: Sequence[int]
    donors: DonorPlan | None
    versions: Sequence[Version]
    missing: NDArray[np.bool_]

    def jobs(self) -> Iterator[Job]:
        """All jobs in order; those of one image follow one another.

        An image is released after its jobs. Donors are kept as long as they may be needed: the pool to the end, the
        pool of a class until the next class begins.
        """
        pool = {row: self._lazy_image(row) for row in (self.donors.pool if self.donors else ())}
        class_pool: dict[int, LazyImage] = {}
        label: str | None = None
        for row in self.order:
            if not self.missing[:, :, row].any():
                continue
            if self.donors and self.rows[row].label != label:
                label = self.rows[row].label
                class_pool = {
                    donor: pool.get(donor) or self._lazy_image(donor) for donor in self.donors.class_pools[label]
                }
            donors = {**pool, **class_pool}
            yield from self._jobs_of(row, donors.get(row) or self._lazy_image(row), donors)

    def _lazy_image(self, row: int) -> LazyImage:
        return LazyImage(self.dataset, self.rows[row])

    def _jobs_of(self, row: int, image: LazyImage, donors: Mapping[int, LazyImage]) -> Iterator[Job]:
        missing = self.missing[:, :, row]
        pending = np.flatnonzero(missing.any(axis=0)).tolist()
        runs = [list(run) for _, run in groupby(pending, key=lambda number: _same_damage(self.versions[number]))]
        for run in runs:
            yield Job(
                row,
                run is runs[-1],
                image,
                self.digests[row],
                {number: self.versions[number] for number in run},
                {number: np.flatnonzero(missing[:, number]).tolist() for number in run},
                self._donors_for(row, self.versions[run[0]], donors),
            )

    def _donors_for(self, row: int, version: Version, donors: Mapping[int, LazyImage]) -> tuple[LazyImage, ...]:
        if version.donor is None or self.donors is None:
            return ()
        return tuple(donors[number] for number in self.donors.candidates(row, version.donor, version.draw))


def _same_damage(version: Version) -> tuple[str, int]:
    return version.corruption, version.draw
