"""Read a gallery in a local folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import file_locks
from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import GalleryDamagedError
from lookalike.gallery.local import older
from lookalike.gallery.local.database import DATABASE, damage_error
from lookalike.gallery.local.locks import LOCK, network_type
from lookalike.gallery.local.rows.stamp_rows import Rows, open_rows
from lookalike.gallery.local.scan import Scan
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import embedding_table, entry_table, schema, tables
from lookalike.gallery.records import Calibration, Entry, Match, Shortfall, VectorBatch
from lookalike.images.files import Note, Skipped, notes_of
from lookalike.search.index import ExactIndex, IndexKind
from lookalike.search.query import Filter
from lookalike.system_files import real_path

_ENTRIES_AT_ONCE: Final = 512
"""Larger pages take longer: they live long enough for the garbage collector to look at them."""

_VECTORS_AT_ONCE: Final = 4096


class LocalReader:
    """The reading part of :class:`~lookalike.gallery.store.Store` for a gallery in a local folder."""

    def __init__(self, session: Session, index: IndexKind = ExactIndex) -> None:
        self._session = session
        self._index_kind = index
        try:
            with session.snapshot():
                self._load()
        except BaseException:
            session.close()
            raise

    def _load(self) -> None:
        """Read the format, the active encoder and the image folder from the database."""
        schema.check_supported(self._session.connection, self.folder / DATABASE)
        stamp = self._session.first_row("SELECT id, spec, location FROM stamps WHERE serving = 1")
        root = self._session.first_row("SELECT value FROM meta WHERE key = 'root'")
        try:
            self._root = Path(os.path.normpath(real_path(self.folder) / os.fsdecode(root[0])))
            weights_path = None if stamp[2] is None else Path(os.fsdecode(stamp[2]))
            self._set_stamp(stamp[0], EncoderSpec.from_json(stamp[1]), weights_path)
        except (TypeError, ValueError, KeyError) as error:
            raise damage_error(
                self.folder / DATABASE, f"its encoder or image folder is missing or invalid ({error!r})"
            ) from error

    def _reload(self) -> None:
        with self._session.snapshot():
            self._load()

    def _set_stamp(self, stamp_id: int, stamp: EncoderSpec, weights_path: Path | None) -> None:
        self._stamp_id = stamp_id
        self._stamp = stamp
        self._weights_path = weights_path
        self._open_vectors()

    def _open_vectors(self) -> None:
        """Use the vector file of the active encoder, in the format of the database."""
        self._format = schema.version(self._session.connection)
        if self._format <= older.VECTORS_IN_OWN_LAYOUT:
            self._rows = Rows(older.old_vector_file(self.folder, self._stamp_id, self._stamp.dimension), None)
        else:
            self._rows = open_rows(self._session.connection, self.folder, self._stamp_id, self._stamp)
        has_log = self._format > older.WITHOUT_REVISIONS
        self._scan = Scan(self._session, self._stamp_id, self._rows, self._index_kind, has_log=has_log)

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
        return self._stamp

    @property
    def root(self) -> Path:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._root

    @property
    def is_writable(self) -> bool:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._session.is_writable

    @property
    def weights_path(self) -> Path | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        return self._weights_path

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.snapshot():
            if schema.version(self._session.connection) != self._format:  # another process migrated the gallery
                schema.check_supported(self._session.connection, self.folder / DATABASE)
                self._open_vectors()
            yield

    def revision(self) -> Hashable:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return self._session.version

    def disk_bytes(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def count(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return entry_table.count_entries(self._session.connection)

    def count_offline(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if self._format <= schema.WITHOUT_RULES:
                return 0
            return entry_table.count_offline(self._session.connection)

    def iter_entries(self) -> Iterator[Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        path = ""
        while True:
            with self.snapshot():
                page = entry_table.read_entries_after(self._session.connection, path, _ENTRIES_AT_ONCE)
            yield from page
            if len(page) < _ENTRIES_AT_ONCE:
                return
            path = page[-1].path

    def entries_by_id(self, ids: Sequence[int]) -> dict[int, Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return {entry.id: entry for entry in entry_table.read_entries_by_id(self._session.connection, ids)}

    def entries_by_path(self, paths: Sequence[str]) -> dict[str, Entry]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return {entry.path: entry for entry in entry_table.read_entries_by_path(self._session.connection, paths)}

    def ids_of_digest(self, digest: bytes) -> list[int]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return entry_table.ids_of_digest(self._session.connection, digest)

    def has_content(self, digest: bytes, rules: str | None = None) -> bool:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.has_embedding(self._session.connection, self._stamp_id, digest, rules)

    def outdated(self, rules: str) -> Iterator[tuple[Entry, str | None]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        path = ""
        while True:
            with self.snapshot():
                if self._format <= schema.WITHOUT_RULES:
                    break
                page = entry_table.read_outdated(
                    self._session.connection, self._stamp_id, rules, path, _ENTRIES_AT_ONCE
                )
            yield from page
            if len(page) < _ENTRIES_AT_ONCE:
                return
            path = page[-1][0].path
        yield from ((entry, older.FIRST_RULES) for entry in self.iter_entries())

    def notes(self) -> list[Note]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            if self._format <= schema.WITHOUT_RULES:
                return []
            return [
                note
                for path, other_format, share in entry_table.read_notes(self._session.connection, self._stamp_id)
                for note in notes_of(path, other_format, share)
            ]

    def skips(self) -> list[Skipped]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            try:
                return list(entry_table.read_skips(self._session.connection))
            except ValueError as error:
                raise damage_error(
                    self.folder / DATABASE, f"a skipped file has an unknown kind of problem ({error})"
                ) from error

    def iter_vectors(self, added_after: int = 0) -> Iterator[VectorBatch]:
        """See :class:`~lookalike.gallery.store.Store`."""
        first = added_after
        while True:
            with self.snapshot():
                rows = embedding_table.read_rows_from(self._session.connection, self._stamp_id, first, _VECTORS_AT_ONCE)
                batch = self._scan.batch(rows)
            if not rows:
                return
            yield batch
            first = rows[-1][1] + 1

    def vectors_of(self, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            batch = self._scan.batch(embedding_table.read_rows(self._session.connection, self._stamp_id, digests))
        return dict(zip(batch.digests, batch.vectors, strict=True))

    def vector_count(self) -> int:
        """See :class:`~lookalike.gallery.store.Store`; it is the first unused row of the vector file."""
        with self.snapshot():
            return self._scan.row_count()

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
    ) -> list[list[Match]]:
        """See :class:`~lookalike.gallery.store.Store`."""
        excluded = [()] * len(vectors) if without is None else without
        with self.snapshot():
            scan = self._scan
        try:
            return scan.search(vectors, k, where, excluded)
        except GalleryDamagedError:
            with self.snapshot():
                if self._scan is scan:
                    raise
        return self._scan.search(vectors, k, where, excluded)  # another process migrated the gallery

    def unused(self) -> list[bytes]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.read_unused(self._session.connection)

    def sample(self, size: int) -> list[bytes]:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return embedding_table.sample(self._session.connection, self._stamp_id, size)

    def calibration(self) -> Calibration | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            is_old = self._format <= older.VECTORS_IN_OWN_LAYOUT
            read = older.read_calibration if is_old else embedding_table.read_calibration
            return read(self._session.connection, self._stamp_id)

    def metadata(self, key: str) -> str | None:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self.snapshot():
            return tables.read_metadata(self._session.connection, key)

    def shortfall(self) -> Shortfall:
        """See :class:`~lookalike.gallery.store.Store`."""
        with self._session.exclusive():
            available = self._rows.available()  # first: a commit adds rows before the database knows them
            known = self.vector_count()
        if available > known and not self.is_writable and file_locks.is_locked(self.folder / LOCK):
            return Shortfall()
        return Shortfall(max(0, available - known), max(0, known - available))

    def close(self) -> None:
        """See :class:`~lookalike.gallery.store.Store`."""
        self._scan.close()
        self._session.close()
