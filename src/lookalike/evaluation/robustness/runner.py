"""Encode every damaged version of every picture: damage runs ahead of the encoder, vectors are kept as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding import Progress
from lookalike.encoders.encoder import Encoder
from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE
from lookalike.evaluation.corruptions.corruption import Donor
from lookalike.evaluation.data.contents import contents_of, nothing_usable
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.evaluation.robustness.donors import Donors, plan_donors
from lookalike.evaluation.robustness.grid import CLEAN, Version
from lookalike.evaluation.robustness.jobs import Job, Plan
from lookalike.images.files import Skipped

# Damage is mostly array work outside the interpreter's lock; more threads than these only wait for one another.
_WORKERS: Final = 2
# How many jobs run ahead of the encoder. It bounds memory: a job gives at most five prepared pictures.
_AHEAD: Final = 12
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class GridVectors:
    """The vectors of every version of a dataset's pictures.

    ``rows`` are the pictures that could be used, in the dataset's order, ``digests`` the SHA-256 of their files;
    ``skipped`` the others. ``donors`` says who lent a surround, None where no corruption needed one. ``made`` of all
    ``total`` vectors were encoded now, in ``seconds``; the others were in ``folder`` already, which takes ``stored``
    bytes.
    """

    rows: tuple[Row, ...]
    digests: tuple[bytes, ...]
    skipped: tuple[Skipped, ...]
    donors: Donors | None
    made: int
    total: int
    seconds: float
    folder: Path
    stored: int
    _usable: NDArray[np.intp]
    _places: NDArray[np.intp]
    _segments: tuple[Segment, ...]
    _kept: dict[Version, NDArray[np.float32]] = field(default_factory=dict)
    _lenders: dict[tuple[Donor, int], NDArray[np.intp]] = field(default_factory=dict)

    def of(self, version: Version) -> NDArray[np.float32]:
        """The vectors of one version, float32 (n, dimension), for :attr:`rows` in their order."""
        kept = self._kept.get(version)
        if kept is not None:
            return kept
        segment = next(segment for segment in self._segments if version.name in segment.cells)
        vectors = np.ascontiguousarray(segment.vectors(version.name)[self._places])
        if version == CLEAN:  # asked for again with every cell; the others once or twice
            self._kept[version] = vectors
        return vectors

    def lenders(self, version: Version) -> NDArray[np.intp]:
        """For each of :attr:`rows`, the row that lent it its surround in this version: (n,), -1 where none did."""
        kind = CORRUPTIONS[version.corruption].donor if version.severity else None
        if kind is None or self.donors is None:
            return np.full(len(self.rows), -1, np.intp)
        if (kind, version.draw) not in self._lenders:
            place = {int(row): number for number, row in enumerate(self._usable)}
            found = (
                next((place[one] for one in self.donors.candidates(int(row), kind, version.draw) if one in place), -1)
                for row in self._usable
            )
            self._lenders[kind, version.draw] = np.fromiter(found, np.intp, len(self._usable))
        return self._lenders[kind, version.draw]


def encode_grid(
    dataset: Dataset,
    encoder: Encoder,
    versions: Sequence[Version],
    *,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> GridVectors:
    """Encode all ``versions`` of every picture, and keep the vectors below ``folder``.

    What an earlier run with the same pictures, encoder and seed has left there isn't made again. ``progress`` is told
    how many of the vectors still to make are made. Raises :class:`~lookalike.errors.DatasetError` where no picture can
    be used, and :class:`~lookalike.errors.OutputError` where the vectors can't be kept.
    """
    started = time.monotonic()
    contents = contents_of(dataset, encoder)
    rows, digests = contents.rows, contents.digests
    # Class by class, so that the donors of one class have to be held only as long as it lasts.
    order = sorted(range(len(rows)), key=lambda place: (rows[place].label, place))
    lending = any(version.severity and CORRUPTIONS[version.corruption].donor for version in versions)
    donors = plan_donors(rows, digests, seed=seed) if lending else None
    # With another version of this package the same parameters may make other pictures.
    settings = [_FORMAT, provenance().versions.get("lookalike"), STANDARD_SIDE, seed, encoder.spec.to_json()]
    store = VectorStore(folder / contents.fingerprint(settings), VectorShape(len(rows), encoder.spec.dimension))
    with store.locked():
        segments = store.segments_for([version.name for version in versions])
        plan = Plan(dataset, rows, digests, order, donors, segments, {version.name: version for version in versions})
        made = plan.remaining
        _fill(plan, encoder, seed, progress)
    skipped = {skip.path: skip for segment in segments for skip in segment.skipped}
    usable = [place for place in range(len(rows)) if rows[place].path not in skipped]
    if not usable:
        raise nothing_usable(dataset, next(iter(skipped.values())))
    return GridVectors(
        rows=tuple(rows[place] for place in usable),
        digests=tuple(digests[place] for place in usable),
        skipped=(*dataset.skipped, *contents.skipped, *skipped.values()),
        donors=donors,
        made=made,
        total=len(rows) * len(versions),
        seconds=time.monotonic() - started,
        folder=store.folder,
        stored=store.bytes,
        _usable=np.array(usable, np.intp),
        _places=np.argsort(np.array(order, np.intp))[usable],
        _segments=tuple(segments),
    )


def _fill(plan: Plan, encoder: Encoder, seed: int, progress: Progress | None) -> None:
    """Do all the plan's jobs. A picture's batches are the same whenever it is done, so that its vectors are, too."""
    tell = progress or (lambda *_: None)
    total, done = plan.remaining, 0
    tell(done, total)
    waiting: list[NDArray[np.uint8]] = []
    record: list[NDArray[np.float32]] = []
    for job, prepared in _ahead(plan, encoder, seed):
        if isinstance(prepared, Skipped):
            if job.last:
                job.segment.append_skipped(prepared)
                done += len(job.segment.cells)
                tell(done, total)
            continue
        waiting += prepared
        while len(waiting) >= encoder.batch or (job.last and waiting):
            record.append(encoder.embed_prepared(waiting[: encoder.batch]))
            done += len(record[-1])
            del waiting[: encoder.batch]
            tell(done, total)
        if job.last:
            job.segment.append(np.concatenate(record))
            record.clear()


def _ahead(plan: Plan, encoder: Encoder, seed: int) -> Iterator[tuple[Job, list[NDArray[np.uint8]] | Skipped]]:
    """Every job and what came of it, in order, done up to ``_AHEAD`` jobs before it is asked for."""
    jobs = plan.jobs()
    pending: deque[tuple[Job, Future[list[NDArray[np.uint8]] | Skipped]]] = deque()
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="damage")
    try:
        pending.extend((job, pool.submit(job.run, encoder, seed)) for job in islice(jobs, _AHEAD))
        while pending:
            job, future = pending.popleft()
            yield job, future.result()
            pending.extend((job, pool.submit(job.run, encoder, seed)) for job in islice(jobs, 1))
    finally:
        pool.shutdown(cancel_futures=True)
