"""What a gallery needs of the place that keeps it: the store protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.spec import EncoderSpec
from lookalike.images.files import FileStat, Found, Skipped
from lookalike.search.index import Vectors


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture file of the gallery; ``digest`` is the SHA-256 of its bytes. The id stays when the file is moved."""

    id: int
    path: str
    stat: FileStat
    digest: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """A file to enter at ``path``, or to bring up to date.

    ``moved`` is the entry that was moved there, if one was; it may have left the store by then, when another took its
    place, and comes back with its id. ``displaces`` where an entry that is at ``path`` isn't this picture's.
    """

    path: str
    stat: FileStat
    digest: bytes
    vector: NDArray[np.float32] | None = None
    moved: int | None = None
    displaces: bool = False


@dataclass(slots=True)
class Changes:
    """What one commit changes; all of it happens, or none.

    ``writes`` enter files (a content seen for the first time needs its vector), ``removed`` are the paths of entries
    that leave, ``skipped`` and ``unskipped`` change the list of skipped files.
    """

    writes: list[Write] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unskipped: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.writes or self.removed or self.skipped or self.unskipped)

    def __len__(self) -> int:
        """How many files it speaks of."""
        return len(self.writes) + len(self.removed) + len(self.skipped) + len(self.unskipped)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How close pictures of this gallery are to their own best matches.

    For a seeded sample of contents: ``rows`` int64 (m,) their embeddings, ``best_rows`` int64 (m,) those of their best
    matches (never themselves), ``scores`` float64 (m,) the cosines, rounded to 6 digits. ``through`` is the number of
    rows that had been written when it was made.
    """

    rows: NDArray[np.int64]
    best_rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    through: int


class Replacement(Protocol):
    """Another encoder's embeddings in the making, beside those that serve."""

    def missing(self) -> list[tuple[bytes, Found]]:
        """The contents that are not embedded yet: each one's digest, and a file that has it, in the order of paths."""
        ...

    def embed(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        """Make the embeddings of contents, by digest, durable."""
        ...

    def promote(self, reason: str) -> None:
        """Let this encoder serve, and forget the other; entries that it couldn't embed are skipped for ``reason``."""
        ...


class Store(Protocol):
    """Keeps one gallery. Any number of readers, one writer at a time; a reader sees whole commits only."""

    @property
    def folder(self) -> Path:
        """Where the gallery's own files lie on this machine."""
        ...

    @property
    def root(self) -> Path:
        """The folder of photographs."""
        ...

    @property
    def stamp(self) -> EncoderSpec:
        """The encoder that every embedding here was made with."""
        ...

    @property
    def location(self) -> Path | None:
        """Where that encoder's weights were; None for encoders of the catalogue."""
        ...

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Everything read inside belongs to one commit."""
        ...

    def entries(self) -> list[Entry]:
        """All entries, in the order of their paths' bytes."""
        ...

    def skips(self) -> list[Skipped]:
        """All skipped files, in the order of their paths' bytes."""
        ...

    def paths(self, ids: Sequence[int]) -> list[str]:
        """The paths of the entries ``ids``, in that order."""
        ...

    def filter(self, *, digest: bytes) -> NDArray[np.int64]:
        """The ids of the entries with this content."""
        ...

    def vectors(self) -> Vectors:
        """Every entry's embedding."""
        ...

    def candidates(
        self, query: NDArray[np.float32], k: int, without: Iterable[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ids (m,) in path order and embeddings (m, d) among which the ``k`` nearest to ``query`` (d,) surely are.

        They still have to be scored exactly and ordered; entries ``without`` are left out.
        """
        ...

    def calibration(self) -> Calibration | None:
        """The calibration last stored."""
        ...

    def sample(self, size: int) -> NDArray[np.int64]:
        """The rows of a seeded sample of up to ``size`` contents; it changes little while the gallery grows."""
        ...

    def check(self) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` where embeddings are missing, which is seen at once."""
        ...

    def written(self) -> int:
        """How many rows of vectors have been written; rows are never used twice."""
        ...

    def commit(self, changes: Changes) -> None:
        """Make ``changes`` durable, all or none; raises :class:`~lookalike.errors.GalleryWriteError`."""
        ...

    def sweep(self) -> None:
        """Forget the embeddings of contents that no entry has any more."""
        ...

    def calibrate(self, calibration: Calibration) -> None:
        """Make ``calibration`` durable in the place of the last."""
        ...

    def move_root(self, root: Path) -> None:
        """Note that the folder of photographs now lies at ``root``."""
        ...

    def move_weights(self, location: Path) -> None:
        """Note that the encoder's weights now lie at ``location``."""
        ...

    def replacement(self, stamp: EncoderSpec, location: Path | None) -> Replacement:
        """Begin to move to another encoder, or go on with it where it was begun."""
        ...

    def forget_replacement(self) -> None:
        """Forget a move to another encoder that was begun and not finished."""
        ...

    def close(self) -> None:
        """Let go of every file."""
        ...
