"""The active encoder of a gallery and its files, as one process uses them."""

from __future__ import annotations

import os
from pathlib import Path

from lookalike.encoders.spec import EncoderSpec
from lookalike.gallery.local import older
from lookalike.gallery.local.database import DATABASE, damage_error
from lookalike.gallery.local.rows.stamp_rows import Rows, open_rows
from lookalike.gallery.local.scan import Scan
from lookalike.gallery.local.session import Session
from lookalike.gallery.local.sql import schema
from lookalike.search.index import IndexKind
from lookalike.system_files import real_path


class Active:
    """What a gallery's database said when it was last read; the caller holds a snapshot of ``session``.

    ``id`` is the stamp's number, ``format`` the version of the schema, ``rows`` are the stamp's files, and ``scan``
    searches them. A reader keeps the files open, to read them to the end of a snapshot even if a writer deletes them.
    """

    id: int
    stamp: EncoderSpec
    weights_path: Path | None
    root: Path
    format: int
    rows: Rows
    scan: Scan

    def __init__(self, session: Session, index: IndexKind) -> None:
        self._session = session
        self._index_kind = index
        self._load()

    def _load(self) -> None:
        file = self._session.folder / DATABASE
        schema.check_supported(self._session.connection, file)
        stamp = self._session.first_row("SELECT id, spec, location FROM stamps WHERE serving = 1")
        root = self._session.first_row("SELECT value FROM meta WHERE key = 'root'")
        try:
            self.root = Path(os.path.normpath(real_path(self._session.folder) / os.fsdecode(root[0])))
            self.weights_path = None if stamp[2] is None else Path(os.fsdecode(stamp[2]))
            self.id, self.stamp = stamp[0], EncoderSpec.from_json(stamp[1])
        except (TypeError, ValueError, KeyError) as error:
            raise damage_error(file, f"its encoder or image folder is missing or invalid ({error!r})") from error
        self._open_files()

    def _open_files(self) -> None:
        """Use the files of the stamp, in the format of the database."""
        connection, folder = self._session.connection, self._session.folder
        self.format = schema.version(connection)
        if self.format <= older.VECTORS_IN_OWN_LAYOUT:
            self.rows = Rows(older.old_vector_file(folder, self.id, self.stamp.dimension), None)
        else:
            self.rows = open_rows(connection, folder, self.id, self.stamp)
        if not self._session.is_writable:
            self.rows.hold()
        has_log = self.format > older.WITHOUT_REVISIONS
        self.scan = Scan(self._session, self.id, self.rows, self._index_kind, has_log=has_log)

    def reload(self) -> None:
        """Read everything again, as after this process has changed it."""
        self.scan.close()
        self._load()

    def follow(self) -> None:
        """Use the files that the database refers to now: another process may have migrated or compacted the gallery.

        Another encoder is not followed: searches and queries belong to the one they were made for.
        """
        connection = self._session.connection
        if schema.version(connection) != self.format:
            schema.check_supported(connection, self._session.folder / DATABASE)
        elif not self._has_new_number():
            return
        self.scan.close()
        self._open_files()

    def serving(self) -> EncoderSpec:
        """The encoder that is active in the database now, which may not be the one that is used here."""
        (spec,) = self._session.first_row("SELECT spec FROM stamps WHERE serving = 1")
        return EncoderSpec.from_json(spec)

    def _has_new_number(self) -> bool:
        """Whether the same encoder has another number now, which is taken over."""
        found = self._session.first_row("SELECT id, spec FROM stamps WHERE serving = 1")
        if found is None or found[0] == self.id or EncoderSpec.from_json(found[1]) != self.stamp:
            return False
        self.id = found[0]
        return True
