"""What a robustness run has to make, picture by picture: decoded once, damaged in every way, ready for the encoder."""

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
from lookalike.errors import DatasetError, PictureError
from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE, Context, standardise
from lookalike.evaluation.corruptions.background import marked
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.vector_store import Segment
from lookalike.evaluation.robustness.donors import Donors
from lookalike.evaluation.robustness.grid import Version, identity
from lookalike.images.decode import as_picture, open_picture
from lookalike.images.files import SkipKind, Skipped
from lookalike.text import shown

NARROWEST: Final = 32
"""A picture whose longer side is more than so many times its shorter one is skipped: scaled up, it would be huge."""


class Source:
    """One picture in standard form, and the mask of its subject; decoded when first asked for, and once."""

    def __init__(self, dataset: Dataset, row: Row) -> None:
        self._dataset = dataset
        self._row = row
        self._lock = threading.Lock()
        self._decoded: tuple[Image.Image, Image.Image | None] | Skipped | None = None

    def get(self) -> tuple[Image.Image, Image.Image | None] | Skipped:
        """The picture and its mask, or why it can't be used."""
        with self._lock:
            if self._decoded is None:
                self._decoded = self._decode()
            return self._decoded

    def _decode(self) -> tuple[Image.Image, Image.Image | None] | Skipped:
        path = self._row.path
        try:
            picture = open_picture(self._dataset.file(self._row), least_side=2 * STANDARD_SIDE)
            longer, shorter = max(picture.size), min(picture.size)
            if longer > NARROWEST * shorter:
                reason = f"{longer} x {shorter} pixels are too narrow to be scaled up and damaged"
                return Skipped(path, SkipKind.TOO_LARGE, reason)
            mask = self._mask()
            return mask if isinstance(mask, Skipped) else (standardise(picture.pixels), mask)
        except PictureError as error:
            return Skipped(path, SkipKind(error.kind), error.reason)
        except MemoryError:
            return Skipped(path, SkipKind.TOO_LARGE, "too large for this machine's memory")

    def _mask(self) -> Image.Image | Skipped | None:
        """The mask of the subject, or why the picture can't be used with it; None where it has none."""
        place, name = self._dataset.mask(self._row), shown(self._row.mask or "")
        if place is None:
            return None
        try:
            mask = open_picture(place).pixels
        except PictureError as error:
            return Skipped(self._row.path, SkipKind(error.kind), f"its mask {name}: {error.reason}")
        if not marked(mask).any():
            return Skipped(self._row.path, SkipKind.NOT_A_PICTURE, f"its mask {name} marks nothing: it is all black")
        return mask


@dataclass(frozen=True, slots=True)
class Job:
    """Some versions of one picture, all of one corruption and draw.

    ``last`` where the segment's record of this picture is whole with them. ``donors`` are tried in their order.
    """

    segment: Segment
    last: bool
    source: Source
    digest: bytes
    versions: tuple[Version, ...]
    donors: tuple[Source, ...]

    def run(self, encoder: Encoder, seed: int) -> list[NDArray[np.uint8]] | Skipped:
        """The network's input for each of the versions; or why the picture can't be used."""
        decoded = self.source.get()
        if isinstance(decoded, Skipped):
            return decoded
        image, mask = decoded
        first = self.versions[0]
        if not first.severity:
            return [encoder.prepare(as_picture(image))]
        corruption = CORRUPTIONS[first.corruption]
        context = Context(self._donor(), mask)
        if corruption.donor is not None and context.donor is None:
            raise DatasetError(
                f"{corruption.name} lends each picture the surround of one of another class, and of the pictures drawn "
                "for that none can be used; mend them, or leave this corruption out"
            )
        known = identity(self.digest, first.draw)
        damaged = (
            corruption.apply(image, version.severity, corruption.generator(known, seed=seed), context)
            for version in self.versions
        )
        return [encoder.prepare(as_picture(one)) for one in damaged]

    def _donor(self) -> Image.Image | None:
        for donor in self.donors:
            decoded = donor.get()
            if not isinstance(decoded, Skipped):
                return decoded[0]
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be made for ``rows`` (contents ``digests``), in the order ``order``.

    ``versions`` are those asked for, by the name they have in ``segments``.
    """

    dataset: Dataset
    rows: Sequence[Row]
    digests: Sequence[bytes]
    order: Sequence[int]
    donors: Donors | None
    segments: Sequence[Segment]
    versions: Mapping[str, Version]

    @property
    def remaining(self) -> int:
        """How many vectors are still to be made."""
        return sum((len(self.rows) - segment.done) * len(segment.cells) for segment in self.segments)

    def jobs(self) -> Iterator[Job]:
        """All jobs in their order, a picture's together.

        A picture is let go of once its jobs are done; those that lend their surround are held for as long as they may
        be asked for, the pool to the end and a class's pool as long as that class lasts.
        """
        pool = {place: self._source(place) for place in (self.donors.pool if self.donors else ())}
        mates: dict[int, Source] = {}
        label: str | None = None
        starts = [segment.done for segment in self.segments]
        for number, place in enumerate(self.order):
            pending = [segment for segment, start in zip(self.segments, starts, strict=True) if start <= number]
            if pending and self.donors and self.rows[place].label != label:
                label = self.rows[place].label
                mates = {mate: pool.get(mate) or self._source(mate) for mate in self.donors.class_pools[label]}
            lenders = {**pool, **mates}
            source = lenders.get(place) or self._source(place)
            for segment in pending:
                yield from self._of_segment(segment, place, source, lenders)

    def _source(self, place: int) -> Source:
        return Source(self.dataset, self.rows[place])

    def _of_segment(self, segment: Segment, place: int, source: Source, lenders: Mapping[int, Source]) -> Iterator[Job]:
        versions = [self.versions[name] for name in segment.cells]
        runs = [tuple(run) for _, run in groupby(versions, key=lambda version: (version.corruption, version.draw))]
        for number, run in enumerate(runs, start=1):
            donors = self._donors_for(place, run[0], lenders)
            yield Job(segment, number == len(runs), source, self.digests[place], run, donors)

    def _donors_for(self, place: int, version: Version, lenders: Mapping[int, Source]) -> tuple[Source, ...]:
        kind = CORRUPTIONS[version.corruption].donor if version.severity else None
        if kind is None or self.donors is None:
            return ()
        return tuple(lenders[number] for number in self.donors.candidates(place, kind, version.draw))
