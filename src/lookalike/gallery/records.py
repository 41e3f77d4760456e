"""What goes into a store and comes out of it: entries, changes, vectors, matches and the calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.images.decode import Properties, ReadOptions
from lookalike.images.files import FileStat, Skipped
from lookalike.images.rules import Rules


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file of the gallery. ``digest`` is the SHA-256 of its bytes; ``id`` stays when the file is moved.

    ``offline_since`` is when the file could first not be found, in nanoseconds since 1970; None if it is there.
    """

    id: int
    path: str
    stat: FileStat
    digest: bytes
    offline_since: int | None = None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry to add or update at ``path``.

    ``vector`` is the embedding of its content, float32 (dimension,); None if the store has it already. ``share`` is the
    share of the image that it was made of, None for all of it. ``other_format`` is the file's format if its extension
    belongs to another one. ``properties`` are those of its content; None leaves them as they are. ``moved_id`` is the
    id of the entry whose file was moved here. That entry may be gone from the store, if its old path was taken by
    another file in an earlier commit; it is then restored with its id. ``replaces_entry`` is set if the entry at
    ``path`` belongs to another image, so that its id must not be kept.
    """

    path: str
    stat: FileStat
    digest: bytes
    vector: NDArray[np.float32] | None = None
    share: float | None = None
    other_format: str | None = None
    properties: Properties | None = None
    moved_id: int | None = None
    replaces_entry: bool = False


@dataclass(slots=True)
class Changes:
    """What one commit changes, all or nothing.

    ``upserts`` add or update entries (a new content needs its vector), ``removed`` are the paths of entries to delete,
    ``skipped`` adds or updates skipped files, and ``unskipped`` are paths to delete from the list of skipped files.
    ``offline`` and ``returned`` are paths of entries whose files can't be found, or can be found again. ``confirmed``
    are contents whose stored embeddings are right under ``rules`` too: the decoding rules under which the
    files were read, as the text of :class:`~lookalike.images.rules.Rules`.
    """

    upserts: list[EntryChange] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unskipped: list[str] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    confirmed: list[bytes] = field(default_factory=list)
    rules: str = str(Rules.current(ReadOptions()))

    def __bool__(self) -> bool:
        """Whether there is anything to commit."""
        return len(self) > 0

    def __len__(self) -> int:
        """The number of changes."""
        lists = (self.upserts, self.removed, self.skipped, self.unskipped, self.offline, self.returned, self.confirmed)
        return sum(len(one) for one in lists)


@dataclass(frozen=True, slots=True)
class VectorBatch:
    """Contents and their embeddings: ``vectors`` float32 (n, dimension) belong to ``digests`` (n), each of length 1."""

    digests: list[bytes]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a gallery lacks, as after a run was killed or in a copy that was made while it was written to.

    ``unknown`` embeddings are there that the database doesn't know; ``missing`` ones are not there that it refers to.
    The next update adds both.
    """

    unknown: int = 0
    missing: int = 0

    def __bool__(self) -> bool:
        """Whether anything is lacking."""
        return bool(self.unknown or self.missing)


@dataclass(frozen=True, slots=True)
class Match:
    """An entry found by a search, and the exact cosine of its embedding with the query, -1 to 1."""

    entry: Entry
    score: float


Order = Literal["path", "date"]
"""Images by the bytes of their paths, or the latest first: by when they were taken, or else when their files were
modified."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a column, the most frequent first, with the number of images that have each.

    There are at most 100 of the ``distinct`` ones. If all of them are numbers, ``least`` and ``greatest`` are known.
    """

    name: str
    values: tuple[tuple[str, int], ...]
    distinct: int
    least: float | None = None
    greatest: float | None = None


@dataclass(frozen=True, slots=True)
class Facets:
    """What a part of a gallery contains: ``count`` images.

    ``folders`` are the numbers of images by the folder that they are in, ``""`` for the root, and ``months`` by when
    they were taken: ``"2023-05"``.
    """

    count: int
    folders: Mapping[str, int]
    columns: tuple[Facet, ...] = ()
    months: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How close images of this gallery are to their best matches, for a seeded sample of contents.

    ``digests`` (m) are the sampled contents, ``best`` (m) the digests of their best matches (self excluded), and
    ``scores`` float64 (m,) the cosines, rounded to 6 digits. ``vector_count`` is :meth:`Store.vector_count` at the time
    of the calibration. Matches with a cosine from ``copies_from`` on are copies and left out; None if none were, as in
    earlier versions.
    """

    digests: tuple[bytes, ...]
    best: tuple[bytes, ...]
    scores: NDArray[np.float64]
    vector_count: int
    copies_from: float | None = None


@dataclass(frozen=True, slots=True)
class NewVector:
    """A content's digest and embedding, float32 (dimension,); ``share`` is as in :class:`EntryChange`."""

    digest: bytes
    vector: NDArray[np.float32]
    share: float | None = None
