"""Encode all versions of every image: corruption runs ahead of the encoder, and vectors are stored as they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.ahead import map_ahead
from lookalike.encoders.encoder import Encoder
from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE
from lookalike.evaluation.corruptions.corruption import DonorKind
from lookalike.evaluation.data.contents import check_usable, hash_dataset
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.evaluation.robustness.donors import DonorPlan, plan_donors
from lookalike.evaluation.robustness.grid import CLEAN, Version
from lookalike.evaluation.robustness.jobs import Job, Plan
from lookalike.images.files import Skipped
from lookalike.machine import processors
from lookalike.plugins import plugin_versions
from lookalike.progress import Progress

# How many jobs each thread runs ahead of the encoder. This bounds memory: a job returns at most five prepared images.
_JOBS_AHEAD: Final = 6
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class GridVectors:
    """The vectors of every version of a dataset's images.

    ``rows`` are the usable images in the dataset's order, ``digests`` the SHA-256 of their files, ``skipped`` the other
    images. ``donors`` holds the background donors, None if no corruption needed any. ``encoded_count`` of all
    ``vector_count`` vectors were encoded now, in ``seconds``; the others were already in ``folder``, which takes
    ``stored_bytes`` bytes.
    """

    rows: tuple[Row, ...]
    digests: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]
    donors: DonorPlan | None
    encoded_count: int
    vector_count: int
    seconds: float
    folder: Path
    stored_bytes: int
    _usable: NDArray[np.intp]
    _records: NDArray[np.intp]
    _segments: tuple[Segment, ...]
    _cache: dict[Version, NDArray[np.float32]] = field(default_factory=dict)
    _donor_rows: dict[tuple[DonorKind, int], NDArray[np.intp]] = field(default_factory=dict)

    def for_version(self, version: Version) -> NDArray[np.float32]:
        """The vectors of one version, float32 (n, dimension), in the order of :attr:`rows`."""
        cached = self._cache.get(version)
        if cached is not None:
            return cached
        segment = next(segment for segment in self._segments if version.name in segment.cells)
        vectors = np.ascontiguousarray(segment.vectors(version.name)[self._records])
        if version == CLEAN:  # needed for every cell, the other versions only once or twice
            self._cache[version] = vectors
        return vectors

    def donor_rows(self, version: Version) -> NDArray[np.intp]:
        """For each of :attr:`rows`, the number of its background donor in this version: (n,), -1 where it has none."""
        kind = CORRUPTIONS[version.corruption].donor if version.severity else None
        if kind is None or self.donors is None:
            return np.full(len(self.rows), -1, np.intp)
        if (kind, version.draw) not in self._donor_rows:
            number_of = {int(row): number for number, row in enumerate(self._usable)}
            donors = (
                next(
                    (
                        number_of[one]
                        for one in self.donors.candidates(int(row), kind, version.draw)
                        if one in number_of
                    ),
                    -1,
                )
                for row in self._usable
            )
            self._donor_rows[kind, version.draw] = np.fromiter(donors, np.intp, len(self._usable))
        return self._donor_rows[kind, version.draw]


def encode_grid(
    dataset: Dataset,
    encoder: Encoder,
    versions: Sequence[Version],
    *,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> GridVectors:
    """Encode all ``versions`` of every image, and store the vectors below ``folder``.

    Vectors stored by an earlier run with the same images, encoder and seed are reused. ``progress`` is called with the
    number of vectors encoded and to encode. Raises :class:`~lookalike.errors.DatasetError` if no image can be used, and
    :class:`~lookalike.errors.OutputError` if the vectors can't be stored.
    """
    started = time.monotonic()
    contents = hash_dataset(dataset, encoder)
    rows, digests = contents.rows, contents.digests
    # Class by class, so that the donor pool of a class can be released at its end.
    order = sorted(range(len(rows)), key=lambda row: (rows[row].label, row))
    needs_donors = any(version.severity and CORRUPTIONS[version.corruption].donor for version in versions)
    donors = plan_donors(rows, digests, seed=seed) if needs_donors else None
    # Other versions of this package and of plug-ins may make other images from the same parameters.
    settings: list[Any] = [_FORMAT, provenance().versions.get("lookalike"), STANDARD_SIDE, seed, encoder.spec.to_json()]
    settings += list(plugin_versions().items())
    store = VectorStore(folder / contents.fingerprint(settings), VectorShape(len(rows), encoder.spec.dimension))
    with store.lock():
        segments = store.segments_for([version.name for version in versions])
        plan = Plan(dataset, rows, digests, order, donors, segments, {version.name: version for version in versions})
        encoded_count = plan.remaining
        _encode_missing(plan, encoder, seed, progress)
    skipped = {skip.path: skip for segment in segments for skip in segment.skipped}
    usable = [row for row in range(len(rows)) if rows[row].path not in skipped]
    check_usable(dataset, len(usable), list(skipped.values()))
    return GridVectors(
        rows=tuple(rows[row] for row in usable),
        digests=tuple(digests[row] for row in usable),
        skipped=(*dataset.skipped, *contents.skipped, *skipped.values()),
        donors=donors,
        encoded_count=encoded_count,
        vector_count=len(rows) * len(versions),
        seconds=time.monotonic() - started,
        folder=store.folder,
        stored_bytes=store.bytes,
        _usable=np.array(usable, np.intp),
        _records=np.argsort(np.array(order, np.intp))[usable],
        _segments=tuple(segments),
    )


def _encode_missing(plan: Plan, encoder: Encoder, seed: int, progress: Progress | None) -> None:
    """Run all jobs of the plan. Batches never mix images, so an image's vectors don't depend on where a run started."""
    report = progress or (lambda *_: None)
    total, done = plan.remaining, 0
    report(done, total)
    waiting: list[NDArray[np.uint8]] = []
    record: list[NDArray[np.float32]] = []
    for job, prepared in _run_ahead(plan, encoder, seed):
        if isinstance(prepared, Skipped):
            if job.completes_record:
                job.segment.append_skipped(prepared)
                if plan.dataset.requires_all:
                    return
                done += len(job.segment.cells)
                report(done, total)
            continue
        waiting += prepared
        while len(waiting) >= encoder.batch or (job.completes_record and waiting):
            record.append(encoder.embed_prepared(waiting[: encoder.batch]))
            done += len(record[-1])
            del waiting[: encoder.batch]
            report(done, total)
        if job.completes_record:
            job.segment.append(np.concatenate(record))
            record.clear()


def _run_ahead(plan: Plan, encoder: Encoder, seed: int) -> Iterator[tuple[Job, list[NDArray[np.uint8]] | Skipped]]:
    """Every job with its result, in order; jobs run on threads before their results are needed."""
    return map_ahead(lambda job: (job, job.run(encoder, seed)), plan.jobs(), _JOBS_AHEAD * processors())
