"""The vectors of a run on disk, written image by image, so that an interrupted run can resume.

A *segment* is an append-only file of float32 numbers with one record per image, in the order of the run: the vectors of
all cells of the segment, concatenated. A record is written in one piece; an incomplete last record, left by a killed
process or a power failure, is truncated when the segment is next opened. An unusable image has a record of NaN and its
reason in a file beside the segment. When a grid grows, the missing cells go to a new segment.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.weights.cache import write_to_cache
from lookalike.errors import EvaluationError, OutputError
from lookalike.file_locks import NoLocksError, acquire_lock, release_lock
from lookalike.images.files import SkipKind, Skipped
from lookalike.search.similarity import are_unit
from lookalike.system_files import parse_json, read_bytes
from lookalike.text import printable

_CHECK_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class VectorShape:
    """The number of ``images`` (records) and the ``dimension`` of a vector."""

    images: int
    dimension: int


class Segment:
    """The vectors of some ``cells`` (given by name) for the first ``done`` images of a run."""

    def __init__(self, file: Path, cells: tuple[str, ...], shape: VectorShape) -> None:
        """Open the segment at ``file``, which need not exist, and truncate it to its valid records."""
        self.file = file
        self.cells = cells
        self.shape = shape
        self._bytes = 4 * len(cells) * shape.dimension
        self.done = self._truncate_to_valid()

    @property
    def complete(self) -> bool:
        """Whether every image has a record."""
        return self.done == self.shape.images

    @property
    def skipped(self) -> list[Skipped]:
        """The images with a record of NaN, and the reasons."""
        reasons: dict[str, Skipped] = {}
        try:
            lines = self._reasons.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            fields = json.loads(line)
            reasons[fields["path"]] = Skipped(fields["path"], SkipKind(fields["kind"]), fields["reason"])
        return list(reasons.values())

    def append(self, vectors: NDArray[np.float32]) -> None:
        """Write the next image's record: ``vectors`` float32 (cells, dimension)."""
        record = np.ascontiguousarray(vectors, "<f4").tobytes()
        try:
            with self.file.open("ab") as file:
                file.write(record)
        except OSError as error:
            raise _write_error(self.file, error) from error
        self.done += 1

    def append_skipped(self, skipped: Skipped) -> None:
        """Write the next image's record for an image that can't be used."""
        fields = {"path": skipped.path, "kind": str(skipped.kind), "reason": skipped.reason}
        try:
            with self._reasons.open("a", encoding="utf-8") as file:
                file.write(json.dumps(fields) + "\n")  # ASCII, so that paths that are not UTF-8 survive
        except OSError as error:
            raise _write_error(self._reasons, error) from error
        self.append(np.full((len(self.cells), self.shape.dimension), np.nan, np.float32))

    def vectors(self, cell: str) -> NDArray[np.float32]:
        """The vectors of one cell: float32 (done, dimension), memory-mapped, NaN where an image can't be used."""
        if not self.done:
            return np.empty((0, self.shape.dimension), np.float32)
        return self._map(self.done)[:, self.cells.index(cell)]

    @property
    def _reasons(self) -> Path:
        return self.file.with_suffix(".skipped")

    def _map(self, records: int) -> NDArray[np.float32]:
        shape = (records, len(self.cells), self.shape.dimension)
        return np.memmap(self.file, "<f4", "r", shape=shape)

    def _truncate_to_valid(self) -> int:
        """Truncate the file after its last valid record, and return the number of valid records."""
        try:
            size = self.file.stat().st_size
        except FileNotFoundError:
            return 0
        records = min(size // self._bytes, self.shape.images)
        valid = self._first_invalid(records) if records else 0
        if valid * self._bytes < size:
            try:
                os.truncate(self.file, valid * self._bytes)
            except OSError as error:
                raise _write_error(self.file, error) from error
        return valid

    def _first_invalid(self, records: int) -> int:
        """The first record that is neither unit vectors nor NaN with a reason; a power failure can leave zeros."""
        reasons = len(self.skipped)
        mapped = self._map(records)
        step = max(1, _CHECK_BYTES // self._bytes)
        for start in range(0, records, step):
            part = np.asarray(mapped[start : start + step])
            missing = np.isnan(part).all(axis=(1, 2))
            valid = are_unit(part).all(axis=1) | (missing & (np.cumsum(missing) <= reasons))
            reasons -= int(np.count_nonzero(missing))
            if not valid.all():
                return start + int(np.argmin(valid))
        return records


class VectorStore:
    """The segments of all runs with the same images, encoder and seed; one process at a time writes to it."""

    def __init__(self, folder: Path, shape: VectorShape) -> None:
        """Open the store in ``folder``, which is created if needed."""
        self.folder = folder
        self.shape = shape
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _write_error(folder, error) from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the store; raises :class:`~lookalike.errors.EvaluationError` where another process holds the lock."""
        try:
            lock = acquire_lock(self.folder / "lock")
        except BlockingIOError:
            raise EvaluationError(
                f"{printable(self.folder)}: another run is writing the same vectors. Wait for it to finish, or stop it"
            ) from None
        except NoLocksError as error:
            raise OutputError(
                f"{printable(self.folder)}: {error.problem}, so two runs could damage these vectors. Keep them on a "
                "local disk"
            ) from error
        except OSError as error:
            raise _write_error(self.folder, error) from error
        try:
            yield
        except OSError as error:
            raise _write_error(self.folder, error) from error
        finally:
            release_lock(lock)

    def segments_for(self, cells: Sequence[str]) -> list[Segment]:
        """Segments that together cover all ``cells``; each cell is to be read from the first segment that has it.

        Complete segments are used even if they have other cells; incomplete ones only if all their cells are requested,
        so that nothing else is computed. The remaining cells get a new segment.
        """
        remaining, result = list(cells), []
        existing = sorted(self._segments(), key=lambda one: (not one.complete, -one.done, one.file.name))
        for segment in existing:
            if not set(segment.cells) & set(remaining) or not (segment.complete or set(segment.cells) <= set(cells)):
                continue
            result.append(segment)
            remaining = [cell for cell in remaining if cell not in segment.cells]
        if remaining:
            result.append(self._create(tuple(remaining)))
        return result

    @property
    def bytes(self) -> int:
        """The size of the store on disk, in bytes."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def _segments(self) -> Iterator[Segment]:
        for file in self.folder.glob("*.json"):
            try:
                cells = tuple(parse_json(read_bytes(file))["cells"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # damaged: its cells are computed again, in a new segment
            yield Segment(file.with_suffix(".f32"), cells, self.shape)

    def _create(self, cells: tuple[str, ...]) -> Segment:
        name = hashlib.sha256("\n".join(cells).encode()).hexdigest()[:16]
        header = json.dumps({"cells": cells, "dimension": self.shape.dimension}, indent=1).encode()
        if not write_to_cache(self.folder / f"{name}.json", lambda file: file.write(header)):
            raise OutputError(f"{printable(self.folder)}: can't write to this folder")
        return Segment(self.folder / f"{name}.f32", cells, self.shape)


def _write_error(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{printable(path)}: can't write ({error.strerror or error})")
