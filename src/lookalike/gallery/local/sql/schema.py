"""The schema of a gallery's SQLite database, its versions, and the migrations between them."""

from __future__ import annotations

import secrets
import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError
from lookalike.gallery.local.database import damage_error
from lookalike.text import printable

APPLICATION_ID: Final = 0x4C6F6F6B  # "Look" in ASCII: identifies the file as a gallery's

WITHOUT_PATH_TEXTS: Final = 1
"""The last version in which entries have no text for paths that are not UTF-8."""

WITHOUT_RECORDS: Final = 3
"""The last version without records beside the vector files, an id of the gallery, and checksums of entries."""

WITH_COPIES: Final = 5
"""The last version whose calibration takes copies for matches."""

WITHOUT_ANNOTATIONS: Final = 6
"""The last version without annotations and properties of images."""

WITHOUT_RULES: Final = 2
"""The last version that doesn't record decoding rules, and which images are offline."""

# stamps: encoders; one is active (serving = 1), and another may be replacing it. entries: image files; paths are blobs,
# the bytes of the file system. contents: distinct file contents; lot is the content's key in the sampling order. Each
# reference to contents has an index, because otherwise deleting a content would read all rows that may refer to it.
# embeddings: the row of each content in a stamp's vector file. Rows are never reused, so that a reader's older view of
# the file stays valid. Each commit that changes entries has a revision, one more than the last (meta.revision): it is
# recorded in the entries added or changed, and in removals for those removed, so that a reader can update its view.
# Removals up to meta.removals_after have been deleted from that log. entries.path_text is set for paths that are not
# UTF-8, for the view images, which is for other programs. embeddings.rules and skips.rules are the decoding rules under
# which a file was read, embeddings.share the share of an image that could be decoded if that was not all of it, and
# entries.other_format is a file's format if its extension belongs to another one, and
# entries.offline_since is when its file could first not be found. entries.checksum is the CRC-32 of the digest of the
# content and the path, calibration.checksum of the two digests and the score. meta.id, 16 bytes, is also in the files
# of records. former_ids, in a database that was written anew after the old one was lost, has the ids that contents had:
# an image found anew with such a content takes its id back. stamps.copies_from is the cosine from which on matches are
# copies, which the calibration leaves out. annotations are values that users gave images, by their paths, also images
# that are not here (yet): compared is the value as it is compared, number the number that it is. properties are what
# the headers of contents say.
MIGRATIONS: Final = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
    CREATE TABLE stamps (
        id INTEGER PRIMARY KEY,
        spec TEXT NOT NULL,
        location BLOB,
        serving INTEGER NOT NULL,
        next_row INTEGER NOT NULL DEFAULT 0,
        calibrated_through INTEGER
    ) STRICT;
    CREATE TABLE contents (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        lot INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX contents_by_lot ON contents (lot);
    CREATE TABLE embeddings (
        stamp INTEGER NOT NULL REFERENCES stamps,
        content INTEGER NOT NULL REFERENCES contents,
        row INTEGER NOT NULL,
        PRIMARY KEY (stamp, content)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        content INTEGER NOT NULL REFERENCES contents
    ) STRICT;
    CREATE INDEX entries_by_content ON entries (content);
    CREATE TABLE skips (
        path BLOB PRIMARY KEY,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        size INTEGER,
        mtime_ns INTEGER,
        inode INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE calibration (
        stamp INTEGER NOT NULL REFERENCES stamps,
        row INTEGER NOT NULL,
        best_row INTEGER NOT NULL,
        score REAL NOT NULL,
        PRIMARY KEY (stamp, row)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE UNIQUE INDEX embeddings_by_row ON embeddings (stamp, row);
    CREATE TABLE calibration_by_content (
        stamp INTEGER NOT NULL REFERENCES stamps,
        content INTEGER NOT NULL REFERENCES contents,
        best_content INTEGER NOT NULL REFERENCES contents,
        score REAL NOT NULL,
        PRIMARY KEY (stamp, content)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO calibration_by_content
        SELECT k.stamp, e.content, best.content, score
        FROM calibration k
        JOIN embeddings e ON e.stamp = k.stamp AND e.row = k.row
        JOIN embeddings best ON best.stamp = k.stamp AND best.row = k.best_row;
    DROP TABLE calibration;
    ALTER TABLE calibration_by_content RENAME TO calibration;
    CREATE INDEX embeddings_by_content ON embeddings (content);
    CREATE INDEX calibration_by_content ON calibration (content);
    CREATE INDEX calibration_by_best_content ON calibration (best_content);
    ALTER TABLE entries ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX entries_by_revision ON entries (revision);
    CREATE TABLE removals (
        revision INTEGER NOT NULL,
        id INTEGER NOT NULL,
        PRIMARY KEY (revision, id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('revision', 0), ('removals_after', 0);
    ALTER TABLE entries ADD COLUMN path_text TEXT;
    CREATE VIEW images AS
        SELECT
            printf('%x', entries.id) AS id,
            coalesce(path_text, CAST(path AS TEXT)) AS path,
            size,
            strftime('%Y-%m-%d %H:%M:%S', mtime_ns / 1000000000, 'unixepoch') AS modified,
            lower(hex(digest)) AS sha256,
            'vectors-' || stamps.id || '.npy' AS file,
            row
        FROM entries
        JOIN contents ON contents.id = entries.content
        JOIN stamps ON serving = 1
        JOIN embeddings ON embeddings.stamp = stamps.id AND embeddings.content = contents.id;
    """,
    """
    ALTER TABLE embeddings ADD COLUMN rules TEXT NOT NULL DEFAULT '1';
    ALTER TABLE embeddings ADD COLUMN share REAL;
    CREATE INDEX embeddings_by_rules ON embeddings (stamp, rules);
    ALTER TABLE skips ADD COLUMN rules TEXT NOT NULL DEFAULT '1';
    ALTER TABLE entries ADD COLUMN other_format TEXT;
    CREATE INDEX embeddings_with_share ON embeddings (stamp, content) WHERE share IS NOT NULL;
    CREATE INDEX entries_with_other_format ON entries (path) WHERE other_format IS NOT NULL;
    ALTER TABLE entries ADD COLUMN offline_since INTEGER;
    CREATE INDEX entries_offline ON entries (offline_since) WHERE offline_since IS NOT NULL;
    DROP VIEW IF EXISTS images;
    CREATE VIEW images AS
        SELECT
            printf('%x', entries.id) AS id,
            coalesce(path_text, CAST(path AS TEXT)) AS path,
            size,
            strftime('%Y-%m-%d %H:%M:%S', mtime_ns / 1000000000, 'unixepoch') AS modified,
            strftime('%Y-%m-%d %H:%M:%S', offline_since / 1000000000, 'unixepoch') AS offline_since,
            lower(hex(digest)) AS sha256,
            'vectors-' || stamps.id || '.npy' AS file,
            row
        FROM entries
        JOIN contents ON contents.id = entries.content
        JOIN stamps ON serving = 1
        JOIN embeddings ON embeddings.stamp = stamps.id AND embeddings.content = contents.id;
    """,
    """
    ALTER TABLE entries ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE calibration ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE former_ids (digest BLOB PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE stamps ADD COLUMN copies_from REAL;
    """,
    """
    CREATE TABLE annotations (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        compared TEXT NOT NULL,
        number REAL,
        checksum INTEGER NOT NULL,
        UNIQUE (path, name)
    ) STRICT;
    CREATE INDEX annotations_by_number ON annotations (name, number);
    CREATE INDEX annotations_by_text ON annotations (name, compared);
    CREATE TABLE properties (
        content INTEGER PRIMARY KEY REFERENCES contents ON DELETE CASCADE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        taken TEXT,
        camera TEXT,
        checksum INTEGER NOT NULL
    ) STRICT;
    """,
)
"""Each script migrates from the version before it to the next; version 0 is an empty file."""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of the open database; 0 if it is new."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_latest(connection: sqlite3.Connection) -> bool:
    """Whether the open database has the latest version."""
    return version(connection) == len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the open database to the latest version, in the caller's transaction. It must not be newer than that."""
    current = version(connection)
    for script in MIGRATIONS[current:]:
        for statement in script.split(";"):
            connection.execute(statement)
    if current == WITHOUT_PATH_TEXTS:
        _add_path_texts(connection)
    if current <= WITHOUT_RECORDS:
        connection.execute("INSERT INTO meta VALUES ('id', ?)", (secrets.token_bytes(16),))
        _add_checksums(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def unexpected_objects(connection: sqlite3.Connection) -> tuple[set[str], set[str]]:
    """The names of tables, indexes, views and triggers that the latest version lacks, and of those missing here."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        migrate(empty)
        found, expected = _objects(connection), _objects(empty)
    return {name for name, _ in found - expected}, {name for name, _ in expected - found}


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """The name and the kind of each object in the database."""
    statement = "SELECT name, type FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    return set(connection.execute(statement).fetchall())


def path_text(path: bytes) -> str | None:
    r"""The text for a path that is not UTF-8, with other bytes as ``\xff``; None if it is UTF-8."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return path.decode("utf-8", "backslashreplace")
    return None


def _add_path_texts(connection: sqlite3.Connection) -> None:
    paths = connection.execute("SELECT id, path FROM entries")
    texts = [(text, number) for number, path in paths if (text := path_text(path)) is not None]
    connection.executemany("UPDATE entries SET path_text = ? WHERE id = ?", texts)


def _add_checksums(connection: sqlite3.Connection) -> None:
    entries = connection.execute("SELECT e.id, path, digest FROM entries e JOIN contents c ON c.id = content")
    sums = [(entry_checksum(digest, path), number) for number, path, digest in entries]
    connection.executemany("UPDATE entries SET checksum = ? WHERE id = ?", sums)
    scores = connection.execute(
        "SELECT stamp, content, c.digest, best.digest, score FROM calibration "
        "JOIN contents c ON c.id = content JOIN contents best ON best.id = best_content"
    )
    sums = [(score_checksum(digest, best, score), *key) for *key, digest, best, score in scores]
    connection.executemany("UPDATE calibration SET checksum = ? WHERE stamp = ? AND content = ?", sums)


def entry_checksum(digest: bytes, path: bytes) -> int:
    """The checksum of an entry: of what a wrong bit could change without SQLite noticing."""
    return zlib.crc32(path, zlib.crc32(digest))


def score_checksum(digest: bytes, best: bytes, score: float) -> int:
    """The checksum of a row of the calibration."""
    return zlib.crc32(struct.pack("<d", score), zlib.crc32(digest + best))


def has_foreign_code(connection: sqlite3.Connection) -> bool:
    """Whether the database runs SQL of its own when it is read or written, which a gallery's does not."""
    statement = (
        "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' OR (type = 'view' AND name <> 'images') "
        "OR (type = 'table' AND (sql LIKE 'CREATE VIRTUAL%' OR sql LIKE '% AS (%' OR sql LIKE '%CHECK (%'))"
    )
    return connection.execute(statement).fetchone() is not None


def check_supported(connection: sqlite3.Connection, file: Path) -> None:
    """Raise :class:`~lookalike.errors.GalleryError` unless the open ``file`` is a gallery's, of a supported version.

    All versions before the latest can be read, and a writer migrates them.
    """
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise damage_error(file, "not the database of a gallery")
    if has_foreign_code(connection):
        raise damage_error(file, "contains triggers, views or computed columns that are not a gallery's")
    current = version(connection)
    if current > len(MIGRATIONS):
        raise GalleryError(
            f"{printable(file)}: this gallery was made by a newer Lookalike (format {current}; this version supports "
            f"up to {len(MIGRATIONS)}). Update Lookalike"
        )
