"""Read a gallery in a local folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import file_locks
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryError
from lookalike.gallery.local import older
from lookalike.gallery.local.active import Active
from lookalike.gallery.local.database import DATABASE, convert_errors, damage_error
from lookalike.gallery.local.locks import LOCK, network_type
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import embedding_table, entry_table, schema, tables, value_table
from lookalike.gallery.local.sql.facets import read_facets
from lookalike.gallery.local.sql.where import ids_where, selection
from lookalike.gallery.records import Calibration, Entry, Facets, Match, Order, Shortfall, VectorBatch
from lookalike.images.files import Note, Skipped, notes_of
from lookalike.search.index import ExactIndex, IndexKind
from lookalike.search.query import Filter
from lookalike.text import printable

_ENTRIES_AT_ONCE: Final = 512
"""Larger pages take longer: they live long enough for the garbage collector to look at them."""

_VECTORS_AT_ONCE: Final = 4096


class LocalReader:
    """The reading part of :class:`~lookalike.gallery.store.Store` for a gallery in a local folder."""

    def __init__(self, session: Session, index: IndexKind = ExactIndex) -> None:
        self._session = session
        try:
            with session.snapshot():
                self._active = Active(session, index)
        except BaseException:
            session.close()
            raise

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._session.connection  # may be another one after a snapshot

    @property
    def address(self) -> str:
        """See :class:`~lookalike.gallery.store.Store`."""
        return str(self.folder)

    @property
    def folder(self) -> Path:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._session.folder

    @property
    def network(self) -> str | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        return network_type(self.folder)

    @property
    def stamp(self) -> EncoderSpec:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._active.stamp

    def serving(self) -> str:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return self._active.serving().fingerprint

    @property
    def root(self) -> Path:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._active.root

    @property
    def is_writable(self) -> bool:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._session.is_writable

    @property
    def weights_path(self) -> Path | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._active.weights_path

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.snapshot():
            self._active.follow()
            yield

    def revision(self) -> Hashable:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return self._session.version

    def disk_bytes(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        total = 0
        with convert_errors(self.folder):
            for file in self.folder.iterdir():
                with suppress(FileNotFoundError):  # deleted at this moment
                    total += file.stat().st_size if file.is_file() else 0
        return total

    def count(self, where: Filter | None = None) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if where is None or where == Filter():
                return entry_table.count_entries(self._connection)
            return len(ids_where(self._connection, where))

    def list_entries(
        self, where: Filter, order: Order = "path", *, after: int = 0, limit: int | None = None
    ) -> list[Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            chosen = selection(self._connection, where)
            return entry_table.list_entries(self._connection, chosen, order, after, -1 if limit is None else limit)

    def facets(self, where: Filter) -> Facets:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return read_facets(self._connection, where)

    def columns(self) -> list[str]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return value_table.read_columns(self._connection) if self._has_values else []

    def values_of(self, ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if not self._has_values:
                return {}
            entries = entry_table.read_entries_by_id(self._connection, ids)
            own = value_table.read_annotations(self._connection, [entry.path for entry in entries])
            of_files = value_table.read_properties(self._connection, [entry.digest for entry in entries])
            return {
                entry.id: value_table.joined(own.get(entry.path, {}), of_files.get(entry.digest)) for entry in entries
            }

    def count_without_properties(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if not self._has_values:
                return entry_table.count_entries(self._connection)
            return value_table.count_without_properties(self._connection)

    @property
    def _has_values(self) -> bool:
        return self._active.format > schema.WITHOUT_ANNOTATIONS

    def count_offline(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if self._active.format <= schema.WITHOUT_RULES:
                return 0
            return entry_table.count_offline(self._connection)

    def iter_entries(self) -> Iterator[Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        path = ""
        while True:
            with self.snapshot():
                page = entry_table.read_entries_after(self._connection, path, _ENTRIES_AT_ONCE)
            yield from page
            if len(page) < _ENTRIES_AT_ONCE:
                return
            path = page[-1].path

    def entries_by_id(self, ids: Sequence[int]) -> dict[int, Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return {entry.id: entry for entry in entry_table.read_entries_by_id(self._connection, ids)}

    def entries_by_path(self, paths: Sequence[str]) -> dict[str, Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return {entry.path: entry for entry in entry_table.read_entries_by_path(self._connection, paths)}

    def ids_of_digest(self, digest: bytes) -> list[int]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return entry_table.ids_of_digest(self._connection, digest)

    def has_content(self, digest: bytes, rules: str | None = None) -> bool:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.has_embedding(self._connection, self._active.id, digest, rules)

    def outdated(self, rules: str) -> Iterator[tuple[Entry, str | None]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        path = ""
        while True:
            with self.snapshot():
                if self._active.format <= schema.WITHOUT_RULES:
                    break
                page = entry_table.read_outdated(self._connection, self._active.id, rules, path, _ENTRIES_AT_ONCE)
            yield from page
            if len(page) < _ENTRIES_AT_ONCE:
                return
            path = page[-1][0].path
        yield from ((entry, older.FIRST_RULES) for entry in self.iter_entries())

    def notes(self) -> list[Note]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if self._active.format <= schema.WITHOUT_RULES:
                return []
            return [
                note
                for path, other_format, share in entry_table.read_notes(self._connection, self._active.id)
                for note in notes_of(path, other_format, share)
            ]

    def skips(self) -> list[Skipped]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            try:
                return list(entry_table.read_skips(self._connection))
            except ValueError as error:
                raise damage_error(
                    self.folder / DATABASE, f"a skipped file has an unknown kind of problem ({error})"
                ) from error

    def iter_vectors(self, added_after: int = 0) -> Iterator[VectorBatch]:
        """See :class:`~lookalike.gallery.store.Store`."""
        first, stamp_id = added_after, None
        while True:
            with self.snapshot():
                stamp_id = stamp_id or self._active.id
                if self._active.id != stamp_id:
                    raise GalleryError(f"{printable(self.folder)}: changed while it was read. Run the command again")
                rows = embedding_table.read_rows_from(self._connection, self._active.id, first, _VECTORS_AT_ONCE)
                batch = self._active.scan.batch(rows)
            if not rows:
                return
            yield batch
            first = rows[-1][1] + 1

    def vectors_of(self, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            batch = self._active.scan.batch(embedding_table.read_rows(self._connection, self._active.id, digests))
        return dict(zip(batch.digests, batch.vectors, strict=True))

    def vector_count(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`; it is the first unused row of the vector file."""
        with self.snapshot():
            return self._active.scan.row_count()

    def search(
        self, vector: NDArray[np.float32], k: int, where: Filter | None = None, without: Collection[int] = ()
    ) -> list[Match]:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self.search_many(vector[np.newaxis], k, where, [without])[0]

    def search_many(
        self,
        vectors: NDArray[np.float32],
        k: int,
        where: Filter | None = None,
        without: Sequence[Collection[int]] | None = None,
        least: float = -1.0,
    ) -> list[list[Match]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        excluded = [()] * len(vectors) if without is None else without
        with self.snapshot():
            scan = self._active.scan
        try:
            return scan.search(vectors, k, where, excluded, least)
        except GalleryError:
            with self.snapshot():
                if self._active.scan is scan:
                    raise
        # Another process has migrated or compacted the gallery.
        return self._active.scan.search(vectors, k, where, excluded, least)

    def unused(self) -> list[bytes]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.read_unused(self._connection)

    def sample(self, size: int) -> list[bytes]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.sample(self._connection, self._active.id, size)

    def calibration(self) -> Calibration | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            is_old = self._active.format <= older.VECTORS_IN_OWN_LAYOUT
            read = older.read_calibration if is_old else embedding_table.read_calibration
            return read(self._connection, self._active.id)

    def metadata(self, key: str) -> str | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return tables.read_metadata(self._connection, key)

    def replacement(self) -> str | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            found = self._session.first_row("SELECT spec FROM stamps WHERE serving = 0")
        try:
            return None if found is None else EncoderSpec.from_json(found[0]).name
        except (TypeError, ValueError, KeyError) as error:
            raise damage_error(self.folder / DATABASE, f"the encoder to come is invalid ({error!r})") from error

    def shortfall(self) -> Shortfall:
        """See :class:`~lookalike.gallery.store.Store`."""
        while True:
            with self.snapshot():
                rows, known = self._active.rows, self._active.scan.row_count()
            available = rows.available()
            with self.snapshot():
                was_committed = self._active.rows is not rows or self._active.scan.row_count() != known
            if not was_committed:  # otherwise the two numbers may belong to different commits
                break
        if available > known and not self.is_writable and file_locks.is_locked(self.folder / LOCK):
            return Shortfall()
        return Shortfall(max(0, available - known), max(0, known - available))

    def close(self) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        self._active.scan.close()
        self._session.close()
