"""Search a local store: keep an index of what is committed, scan it without a lock, and look up the entries found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryError
from lookalike.gallery.local.database import DATABASE, damage_error
from lookalike.gallery.local.rows.stamp_rows import Rows
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import entry_table, revisions, tables
from lookalike.gallery.local.sql.where import ids_where
from lookalike.gallery.records import Match, VectorBatch
from lookalike.search.index import Index, IndexKind, Neighbours, Vectors, nearest
from lookalike.search.query import Filter
from lookalike.text import plural, printable

_ATTEMPTS: Final = 3
_CHECKED: Final = 4096
"""How many vectors are compared with their checksums when a gallery is first searched."""


class Scan:
    """Searches the embeddings of one stamp; ``kind`` makes the index.

    The index is refreshed by what commits changed. Everything is loaded again only if the log of changes does not go
    back far enough, or if there is none, as in an earlier format (``has_log``).
    """

    def __init__(self, session: Session, stamp_id: int, rows: Rows, kind: IndexKind, *, has_log: bool = True) -> None:
        self._session = session
        self._stamp_id = stamp_id
        self._rows = rows
        self._kind = kind
        self._has_log = has_log
        self._index: Index | None = None
        self._version: tuple[int, ...] | None = None
        self._revision: int | None = None

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        where: Filter | None,
        without: Sequence[Collection[int]],
        least: float,
    ) -> list[list[Match]]:
        """See :meth:`Store.search_many`. No lock is held during the scan, unless commits are too frequent."""
        for _ in range(_ATTEMPTS):
            with self._session.snapshot():
                index = self.index()
                allowed = self._allowed(index.vectors, where)
            neighbours = self._nearest(index, queries, k, allowed, without)
            with self._session.snapshot():
                if self.index() is index:
                    return [self._matches(found, k, index.vectors, least) for found in neighbours]
        with self._session.snapshot():
            index = self.index()
            neighbours = self._nearest(index, queries, k, self._allowed(index.vectors, where), without)
            return [self._matches(found, k, index.vectors, least) for found in neighbours]

    def index(self) -> Index:
        """The index of what is committed now."""
        with self._session.snapshot():
            version = self._session.version
            if self._index is None or self._version != version:
                revision = revisions.current_revision(self._session.connection) if self._has_log else None
                self._index = self._current_index(self._index, revision)
                self._version, self._revision = version, revision
            return self._index

    def _current_index(self, last: Index | None, revision: int | None) -> Index:
        matrix = self._matrix()
        if last is None:
            return self._kind(self._load(matrix))
        if revision is None or self._revision is None:
            return last.refresh(self._load(matrix))
        if revision == self._revision:
            return last
        delta = revisions.delta_since(self._session.connection, self._revision, self._stamp_id)
        if delta is None:
            return last.refresh(self._load(matrix))
        present = self._are_present(delta.rows, matrix)
        ids, rows = delta.ids[present], delta.rows[present]
        self._check_sample(rows, matrix)
        return last.refresh(last.vectors.changed(delta.removed, ids, rows, matrix))

    def _nearest(
        self,
        index: Index,
        queries: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        without: Sequence[Collection[int]],
    ) -> list[Neighbours]:
        excluded = [index.vectors.positions(np.array(list(ids), np.int64)) for ids in without]
        try:
            return nearest(index, queries, k, allowed, excluded)
        except ArithmeticError as error:
            raise damage_error(self._rows.vectors.path, f"damaged ({error})") from error

    def _matches(self, found: Neighbours, k: int, vectors: Vectors, limit: float) -> list[Match]:
        """The best ``k`` of the neighbours from a score of ``limit`` on, ordered by score and then by their paths."""
        good = found.scores >= limit
        if not good.any():
            return []
        found = Neighbours(found.ids[good], found.scores[good])
        scores = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
        if len(scores) > k:  # of those that tie with the k-th, only the first by path
            least = found.scores.min()
            better, tied = (found.ids[mask].tolist() for mask in (found.scores > least, found.scores == least))
            entries = entry_table.read_entries_by_id(self._session.connection, better)
            entries += entry_table.read_entries_by_id(self._session.connection, tied, max(k - len(better), 0))
        else:
            entries = entry_table.read_entries_by_id(self._session.connection, scores)
        entries.sort(key=lambda entry: -scores[entry.id])  # stable: entries are in the order of their paths
        entries = entries[:k]
        rows = vectors.rows[vectors.positions(np.array([entry.id for entry in entries], np.int64))]
        self._check(rows, vectors.matrix, [entry.digest for entry in entries])
        return [Match(entry, scores[entry.id]) for entry in entries]

    def _allowed(self, vectors: Vectors, where: Filter | None) -> NDArray[np.bool_] | None:
        """Which entries fulfil ``where``: bool (n,); None if all do."""
        if where is None or where == Filter():
            return None
        allowed = np.zeros(len(vectors.ids), bool)
        allowed[vectors.positions(ids_where(self._session.connection, where))] = True
        return allowed

    def row_count(self) -> int:
        """The number of rows of the vector file that are committed."""
        stamp = self._session.first_row("SELECT next_row FROM stamps WHERE id = ?", self._stamp_id)
        if stamp is None:
            raise GalleryError(
                f"{printable(self._session.folder)}: another process converted this gallery to another encoder; "
                "open it again"
            )
        return int(stamp[0])

    def batch(self, rows: list[tuple[bytes, int]]) -> VectorBatch:
        """The embeddings of contents given by digest and row."""
        numbers = np.array([row for _, row in rows], np.int64)
        matrix = self._matrix()
        present = self._are_present(numbers, matrix)
        digests = [digest for (digest, _), there in zip(rows, present, strict=True) if there]
        self._check(numbers[present], matrix, digests)
        return VectorBatch(digests, matrix[numbers[present]])

    def close(self) -> None:
        """Release the index and the files, once no search uses them any more."""
        self._index = None
        self._rows.close()

    def _matrix(self) -> NDArray[np.float32]:
        """The committed rows that are there, float32 (n, dimension): all, but in an incomplete copy of a gallery."""
        count = self.row_count()
        return self._rows.vectors.rows(count if self._rows.records is None else min(count, self._rows.available()))

    def _load(self, matrix: NDArray[np.float32]) -> Vectors:
        connection = self._session.connection
        # On 100,000 images, reading columns and joining them here takes a third of the time of a join in SQL.
        ids, wanted = tables.read_columns(connection, "SELECT id, content AS number FROM entries ORDER BY id")
        contents, rows = tables.read_columns(
            connection,
            "SELECT content AS id, row AS number FROM embeddings WHERE stamp = ? ORDER BY content",
            self._stamp_id,
        )
        positions = np.searchsorted(contents, wanted)
        embedded = np.append(contents, -1)[positions] == wanted
        ids, used = ids[embedded], rows[positions[embedded]]
        present = self._are_present(used, matrix)
        self._check_sample(used[present], matrix)
        return Vectors(ids[present], used[present], matrix)

    def _are_present(self, rows: NDArray[np.int64], matrix: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of the committed ``rows`` (n,) are in ``matrix``: bool (n,)."""
        if len(rows) and not 0 <= rows.min() <= rows.max() < self.row_count():
            raise damage_error(self._session.folder / DATABASE, "refers to vectors that were never written")
        return rows < len(matrix)

    def _check_sample(self, rows: NDArray[np.int64], matrix: NDArray[np.float32]) -> None:
        """Check some of ``rows`` (n,), others each time: it takes about a microsecond for each."""
        chosen = rows if len(rows) <= _CHECKED else np.random.default_rng().choice(rows, _CHECKED)
        self._check(chosen, matrix)

    def _check(
        self, rows: NDArray[np.int64], matrix: NDArray[np.float32], digests: Sequence[bytes] | None = None
    ) -> None:
        """Raise :class:`~lookalike.errors.GalleryDamagedError` if any of ``rows`` (n,) of ``matrix`` is damaged.

        With ``digests`` (n,), also if one belongs to another content.
        """
        damaged = self._rows.unsound(rows, matrix, digests)
        if len(damaged):
            raise damage_error(self._rows.vectors.path, f"damaged (wrong checksum of {plural(len(damaged), 'vector')})")
