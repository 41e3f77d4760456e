"""Encode all versions of every image: corruption runs ahead of the encoders, and vectors are kept as they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.ahead import map_ahead
from lookalike.embedding.vector_cache import EmbeddingCache, NewVector, Space
from lookalike.encoders.encoder import Encoder
from lookalike.evaluation.corruptions.corruption import DonorKind
from lookalike.evaluation.data.contents import check_usable, hash_dataset
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.robustness.donors import DonorPlan, plan_donors
from lookalike.evaluation.robustness.estimate import Announce, estimate
from lookalike.evaluation.robustness.grid import CLEAN, Version
from lookalike.evaluation.robustness.jobs import Job, Plan, Prepared
from lookalike.evaluation.robustness.keys import ImageKeys
from lookalike.images.files import Skipped
from lookalike.machine import processors
from lookalike.progress import Progress

# How many jobs each thread runs ahead of the encoders. This bounds memory: a job returns at most five prepared images
# for each encoder.
_JOBS_AHEAD: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class GridVectors:
    """The vectors of every version of a dataset's images by one encoder, as long as the cache is open.

    ``rows`` are the usable images in the dataset's order, ``digests`` the SHA-256 of their files, ``skipped`` the other
    images. ``donors`` holds the background donors, None if no corruption needed any. ``encoded_count`` of all
    ``vector_count`` vectors were encoded now, in ``seconds``; the others were in the cache.
    """

    rows: tuple[Row, ...]
    digests: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]
    donors: DonorPlan | None
    encoded_count: int
    vector_count: int
    seconds: float
    _usable: NDArray[np.intp]
    _cache: EmbeddingCache
    _spaces: dict[Version, Space]
    _keys: ImageKeys
    _clean: list[NDArray[np.float32]] = field(default_factory=list)
    _donor_rows: dict[tuple[DonorKind, int], NDArray[np.intp]] = field(default_factory=dict)

    def for_version(self, version: Version) -> NDArray[np.float32]:
        """The vectors of one version, float32 (n, dimension), in the order of :attr:`rows`."""
        if version == CLEAN and self._clean:
            return self._clean[0]
        keys = self._keys.of(version)
        vectors = self._cache.vectors(self._spaces[version], [keys[row] for row in self._usable])
        if version == CLEAN:  # needed for every cell, the other versions only once or twice
            self._clean.append(vectors)
        return vectors

    def donor_rows(self, version: Version) -> NDArray[np.intp]:
        """For each of :attr:`rows`, the number of its background donor in this version: (n,), -1 where it has none."""
        if version.donor is None or self.donors is None:
            return np.full(len(self.rows), -1, np.intp)
        place = (version.donor, version.draw)
        if place not in self._donor_rows:
            number_of = {int(row): number for number, row in enumerate(self._usable)}
            candidates = (self.donors.candidates(int(row), *place) for row in self._usable)
            donors = (next((number_of[one] for one in some if one in number_of), -1) for some in candidates)
            self._donor_rows[place] = np.fromiter(donors, np.intp, len(self._usable))
        return self._donor_rows[place]


def encode_grid(
    dataset: Dataset,
    encoders: Sequence[Encoder],
    versions: Sequence[Version],
    *,
    seed: int,
    cache: EmbeddingCache,
    announce: Announce | None = None,
    progress: Progress | None = None,
) -> tuple[GridVectors, ...]:
    """Encode all ``versions`` of every image with each of the ``encoders``; images are decoded and corrupted once.

    Vectors in ``cache`` are not computed again, and new ones are kept there, image by image. ``announce`` is told how
    long it will take, if that isn't short. ``progress`` is called with the number of vectors encoded and to encode.
    Raises :class:`~lookalike.errors.DatasetError` if no image can be used, and
    :class:`~lookalike.errors.CacheError` if vectors can't be kept.
    """
    started = time.monotonic()
    contents = hash_dataset(dataset, encoders[0])
    rows, digests = contents.rows, contents.digests
    donors = plan_donors(rows, digests, seed=seed) if any(version.donor for version in versions) else None
    keys = ImageKeys(digests, contents.mask_digests(), donors)
    spaces = [{version: cache.space(encoder, version.describe(seed)) for version in versions} for encoder in encoders]
    plan = Plan(
        dataset,
        rows,
        digests,
        # Class by class, so that the donor pool of a class can be released at its end.
        sorted(range(len(rows)), key=lambda row: (rows[row].label, row)),
        donors,
        versions,
        np.array([[_missing(cache, own[version], keys.of(version)) for version in versions] for own in spaces]),
    )
    if announce is not None and (expected := estimate(plan, encoders, seed)) is not None:
        announce(expected)
    encoding = _Encoding(plan, encoders, cache, spaces, keys)
    encoding.run(seed, progress)
    usable = [row for row in range(len(rows)) if row not in encoding.skipped]
    check_usable(dataset, len(usable), list(encoding.skipped.values()))
    return tuple(
        GridVectors(
            rows=tuple(rows[row] for row in usable),
            digests=tuple(digests[row] for row in usable),
            skipped=(*dataset.skipped, *contents.skipped, *encoding.skipped.values()),
            donors=donors,
            encoded_count=encoding.encoded[number],
            vector_count=len(usable) * len(versions),
            seconds=time.monotonic() - started,
            _usable=np.array(usable, np.intp),
            _cache=cache,
            _spaces=spaces[number],
            _keys=keys,
        )
        for number in range(len(encoders))
    )


def _missing(cache: EmbeddingCache, space: Space, keys: Sequence[bytes]) -> list[bool]:
    known = cache.keys(space)
    return [key not in known for key in keys]


class _Encoding:
    """Runs all jobs of a plan. ``encoded`` counts the vectors of each encoder; ``skipped`` are images, by row."""

    def __init__(
        self,
        plan: Plan,
        encoders: Sequence[Encoder],
        cache: EmbeddingCache,
        spaces: Sequence[dict[Version, Space]],
        keys: ImageKeys,
    ) -> None:
        self.encoded = [0] * len(encoders)
        self.skipped: dict[int, Skipped] = {}
        self._plan = plan
        self._encoders = encoders
        self._cache = cache
        self._spaces = spaces
        self._keys = keys
        self._waiting: list[list[Prepared]] = [[] for _ in encoders]

    def run(self, seed: int, progress: Progress | None) -> None:
        """Run them. Batches never mix images, so an image's vectors don't depend on where a run started."""
        report = progress or (lambda *_: None)
        total, done = int(np.count_nonzero(self._plan.missing)), 0
        report(done, total)
        vectors: list[NewVector] = []
        for job, prepared in self._run_ahead(seed):
            if isinstance(prepared, Skipped):
                done += sum(map(len, job.wanted.values()))
                report(done, total)
                self.skipped[job.row] = prepared
                if self._plan.dataset.requires_all:
                    return
                continue
            for one in prepared:
                self._waiting[one.encoder].append(one)
            for new in self._embed(job):
                vectors += new
                done += len(new)
                report(done, total)
            if job.is_last:
                self._cache.add(vectors)
                vectors.clear()

    def _embed(self, job: Job) -> Iterator[list[NewVector]]:
        """The vectors of all full batches, and after the last job of an image, of the others too."""
        for number, (encoder, waiting) in enumerate(zip(self._encoders, self._waiting, strict=True)):
            while len(waiting) >= encoder.batch or (job.is_last and waiting):
                batch = waiting[: encoder.batch]
                del waiting[: encoder.batch]
                vectors = encoder.embed_prepared([one.pixels for one in batch])
                self.encoded[number] += len(batch)
                yield [self._new_vector(one, job.row, vector) for one, vector in zip(batch, vectors, strict=True)]

    def _new_vector(self, prepared: Prepared, row: int, vector: NDArray[np.float32]) -> NewVector:
        version = self._plan.versions[prepared.version]
        return NewVector(self._spaces[prepared.encoder][version], self._keys.of(version)[row], vector)

    def _run_ahead(self, seed: int) -> Iterator[tuple[Job, list[Prepared] | Skipped]]:
        """Every job with its result, in order; jobs run on threads before their results are needed."""
        return map_ahead(
            lambda job: (job, job.run(self._encoders, seed)), self._plan.jobs(), _JOBS_AHEAD * processors()
        )
