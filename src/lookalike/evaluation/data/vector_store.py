"""Vectors of a robustness run on disk: written picture by picture, so that a run that was stopped goes on from there.

A *segment* is an append-only file of float32 numbers with a record for each picture, in the run's order of pictures:
the vectors of all the segment's cells, one behind the other. A record is written in one piece; what a killed process
or a power failure left of the last one is cut off when the segment is opened next. A picture that can't be used has a
record of NaN, and its reason in the file beside. A wider grid gets a segment of its own for what is missing.
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

import filelock
import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.weights.cache import write_atomically
from lookalike.errors import EvaluationError, OutputError
from lookalike.images.files import SkipKind, Skipped
from lookalike.text import shown

_TOLERANCE: Final = 1e-3
_CHECKED_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class VectorShape:
    """``pictures`` records of vectors of ``dimension`` numbers."""

    pictures: int
    dimension: int


class Segment:
    """The vectors of some ``cells`` (their names) for the first ``done`` pictures of a run."""

    def __init__(self, file: Path, cells: tuple[str, ...], shape: VectorShape) -> None:
        """Open the segment at ``file``, which need not be there, and cut off what is no whole record."""
        self.file = file
        self.cells = cells
        self.shape = shape
        self._bytes = 4 * len(cells) * shape.dimension
        self.done = self._sound()

    @property
    def complete(self) -> bool:
        """Whether every picture has its record."""
        return self.done == self.shape.pictures

    @property
    def skipped(self) -> list[Skipped]:
        """The pictures that have a record of NaN, and why."""
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
        """Write the next picture's record: ``vectors`` float32 (cells, dimension)."""
        record = np.ascontiguousarray(vectors, "<f4").tobytes()
        try:
            with self.file.open("ab") as file:
                file.write(record)
        except OSError as error:
            raise _refused(self.file, error) from error
        self.done += 1

    def append_skipped(self, skipped: Skipped) -> None:
        """Write the next picture's record where the picture can't be used."""
        fields = {"path": skipped.path, "kind": str(skipped.kind), "reason": skipped.reason}
        try:
            with self._reasons.open("a", encoding="utf-8") as file:
                file.write(json.dumps(fields) + "\n")  # ASCII: bytes that are no UTF-8 stay what they are
        except OSError as error:
            raise _refused(self._reasons, error) from error
        self.append(np.full((len(self.cells), self.shape.dimension), np.nan, np.float32))

    def vectors(self, cell: str) -> NDArray[np.float32]:
        """The vectors of one cell, float32 (done, dimension), NaN where a picture can't be used; mapped, not read."""
        if not self.done:
            return np.empty((0, self.shape.dimension), np.float32)
        return self._mapped(self.done)[:, self.cells.index(cell)]

    @property
    def _reasons(self) -> Path:
        return self.file.with_suffix(".skipped")

    def _mapped(self, records: int) -> NDArray[np.float32]:
        shape = (records, len(self.cells), self.shape.dimension)
        return np.memmap(self.file, "<f4", "r", shape=shape)

    def _sound(self) -> int:
        """The number of whole records, once the file ends with the last of them."""
        try:
            size = self.file.stat().st_size
        except FileNotFoundError:
            return 0
        whole = min(size // self._bytes, self.shape.pictures)
        sound = self._first_unsound(whole) if whole else 0
        if sound * self._bytes < size:
            try:
                os.truncate(self.file, sound * self._bytes)
            except OSError as error:
                raise _refused(self.file, error) from error
        return sound

    def _first_unsound(self, records: int) -> int:
        """The first record that is neither unit vectors nor, with a reason, NaN; a power failure can leave zeros."""
        reasons = len(self.skipped)
        mapped = self._mapped(records)
        step = max(1, _CHECKED_BYTES // self._bytes)
        for start in range(0, records, step):
            part = np.asarray(mapped[start : start + step])
            lengths = np.linalg.norm(part, axis=2)
            missing = np.isnan(part).all(axis=(1, 2))
            sound = (np.abs(lengths - 1) < _TOLERANCE).all(axis=1) | (missing & (np.cumsum(missing) <= reasons))
            reasons -= int(np.count_nonzero(missing))
            if not sound.all():
                return start + int(np.argmin(sound))
        return records


class VectorStore:
    """All segments of runs whose pictures, encoder and seed are the same; one process at a time writes to it."""

    def __init__(self, folder: Path, shape: VectorShape) -> None:
        """Open the store in ``folder``, which is made where it is missing."""
        self.folder = folder
        self.shape = shape
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(folder, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; raises :class:`~lookalike.errors.EvaluationError` where one is at work."""
        try:
            with filelock.FileLock(self.folder / "lock", timeout=0):
                yield
        except filelock.Timeout:
            raise EvaluationError(
                f"{shown(self.folder)}: another run is writing the same vectors; let it finish, or stop it"
            ) from None
        except OSError as error:
            raise _refused(self.folder, error) from error

    def segments_for(self, cells: Sequence[str]) -> list[Segment]:
        """Segments that together have, or are to have, all ``cells``, each cell in the first that names it.

        Complete ones are used whatever else they have; unfinished ones only where all their cells are wanted, so that
        nothing is computed that wasn't asked for. What is in none gets a new segment.
        """
        wanted, chosen = list(cells), []
        found = sorted(self._segments(), key=lambda segment: (not segment.complete, -segment.done, segment.file.name))
        for segment in found:
            if not set(segment.cells) & set(wanted) or not (segment.complete or set(segment.cells) <= set(cells)):
                continue
            chosen.append(segment)
            wanted = [cell for cell in wanted if cell not in segment.cells]
        if wanted:
            chosen.append(self._new(tuple(wanted)))
        return chosen

    @property
    def bytes(self) -> int:
        """How much room the store takes on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def _segments(self) -> Iterator[Segment]:
        for file in self.folder.glob("*.json"):
            try:
                cells = tuple(json.loads(file.read_text(encoding="utf-8"))["cells"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # damaged: what it had is computed again, in a new segment
            yield Segment(file.with_suffix(".f32"), cells, self.shape)

    def _new(self, cells: tuple[str, ...]) -> Segment:
        name = hashlib.sha256("\n".join(cells).encode()).hexdigest()[:16]
        header = json.dumps({"cells": cells, "dimension": self.shape.dimension}, indent=1).encode()
        if not write_atomically(self.folder / f"{name}.json", lambda file: file.write(header)):
            raise OutputError(f"{shown(self.folder)}: can't be written to")
        return Segment(self.folder / f"{name}.f32", cells, self.shape)


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{shown(path)}: can't be written ({error.strerror or error})")
