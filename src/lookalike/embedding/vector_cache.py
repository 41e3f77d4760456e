"""Keep the embeddings that experiments compute, so that no command computes one twice.

They are in a SQLite database in the cache folder. A *space* is what one encoder makes of one version of images, such as
the images as they are, or with noise of severity 3; in it, an embedding is found by what is in the image, wherever the
image is. The spaces that were used longest ago are deleted once all take more than ``$LOOKALIKE_CACHE_GB`` gigabytes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder
from lookalike.encoders.weights.cache import cache_folder
from lookalike.errors import CacheError
from lookalike.file_locks import NoLocksError, check_locks
from lookalike.images.rules import DECODING_VERSION
from lookalike.search.similarity import are_unit
from lookalike.text import printable

DATABASE: Final = "embeddings.sqlite3"
LIMIT_VARIABLE: Final = "LOOKALIKE_CACHE_GB"
DEFAULT_LIMIT_GB: Final = 20.0

KEY_BYTES: Final = 16
"""The length of the key of an image: the first bytes of a SHA-256."""

_FORMAT: Final = 1
_BUSY_SECONDS: Final = 60.0
_IN_USE_SECONDS: Final = 24 * 3600.0
"""A space used more recently than this is not deleted: another process may still need it."""

_ROWS_AT_ONCE: Final = 500

_SCHEMA: Final = f"""
CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    encoder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    vectors INTEGER NOT NULL DEFAULT 0,
    used REAL NOT NULL,
    speed REAL NOT NULL DEFAULT 0
);
CREATE TABLE vectors (space INTEGER NOT NULL, image BLOB NOT NULL, vector BLOB NOT NULL);
CREATE UNIQUE INDEX vectors_by_image ON vectors (space, image);
PRAGMA user_version = {_FORMAT};
"""


class Space(NamedTuple):
    """One version of images as one encoder sees them: its number in the cache, and the length of its vectors."""

    id: int
    dimension: int


class NewVector(NamedTuple):
    """An embedding to keep: float32 (dimension,), of length 1, of the image with this ``key`` (16 bytes)."""

    space: Space
    key: bytes
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderUsage:
    """What the cache has of one encoder: its ``vectors``, their ``bytes``, and when they were last ``used`` (Unix)."""

    encoder: str
    vectors: int
    bytes: int
    used: float


class EmbeddingCache:
    """The embeddings kept in a folder; use it as a context manager, in one thread.

    ``problem`` says why embeddings are not kept after this run, empty if they are.
    """

    def __init__(self, folder: Path) -> None:
        """Open the cache in ``folder``, which is created if needed; a damaged one is replaced by an empty one.

        Raises :class:`~lookalike.errors.CacheError` where it can't be written.
        """
        self.folder = folder
        self.problem = ""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        with self._errors():
            folder.mkdir(parents=True, exist_ok=True)
            check_locks(self.file, writing=True)
            self._database = _open(self.file)

    @classmethod
    def of_user(cls) -> Self:
        """The cache in the user's cache folder; one that lasts as long as this object where that can't be used."""
        problem = ""
        if limit_bytes():
            try:
                return cls(user_folder())
            except CacheError as error:
                problem = str(error)
        temporary = tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True)
        cache = cls(Path(temporary.name))
        cache._temporary = temporary
        cache.problem = problem
        return cache

    @property
    def file(self) -> Path:
        """The database."""
        return self.folder / DATABASE

    def close(self) -> None:
        """Delete what is above the limit, and close the cache."""
        if self._temporary is None:
            with suppress(CacheError):  # the next run tries again
                self._trim(limit_bytes())
        self._database.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        """Return the cache."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the cache."""
        self.close()

    def space(self, encoder: Encoder, version: Mapping[str, Any] | None = None) -> Space:
        """The space of ``encoder`` and a ``version`` of images that JSON can describe; None are images as they are."""
        spec, backend = encoder.spec, encoder.backend
        name = json.dumps(
            {"encoder": spec.to_json(), "backend": str(backend), "decoding": DECODING_VERSION, "version": version},
            sort_keys=True,
        )
        with self._errors(), self._database:
            self._database.execute(
                "INSERT INTO spaces (name, encoder, dimension, used) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET used = excluded.used",
                (name, spec.name, spec.dimension, time.time()),
            )
            (number,) = self._database.execute("SELECT id FROM spaces WHERE name = ?", (name,)).fetchone()
        return Space(number, spec.dimension)

    def keys(self, space: Space) -> set[bytes]:
        """The keys of all images in ``space``."""
        with self._errors():
            return {key for (key,) in self._database.execute("SELECT image FROM vectors WHERE space = ?", (space.id,))}

    def vectors(self, space: Space, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """The vectors float32 (n, dimension) of the images with these ``keys``, in their order.

        Raises :class:`~lookalike.errors.CacheError` where one is missing, because it was deleted meanwhile, or damaged.
        """
        found = dict(self._read(space, list(dict.fromkeys(keys))))
        result = np.empty((len(keys), space.dimension), np.float32)
        for number, key in enumerate(keys):
            vector = found.get(key, b"")
            if len(vector) != 4 * space.dimension:
                raise self._lost()
            result[number] = np.frombuffer(vector, "<f4")
        if not are_unit(result).all():
            self._delete([space.id])
            raise self._lost()
        return result

    def add(self, vectors: Iterable[NewVector]) -> None:
        """Keep ``vectors``, all or none of them; those of images that are there already stay as they are."""
        now = time.time()
        with self._errors(), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for space, key, vector in vectors:
                content = np.ascontiguousarray(vector, "<f4").tobytes()
                added = self._database.execute(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", (space.id, key, content)
                )
                self._database.execute(
                    "UPDATE spaces SET vectors = vectors + ?, used = ? WHERE id = ?", (added.rowcount, now, space.id)
                )

    def speed(self, space: Space) -> float:
        """Images per second when most of ``space`` was computed; 0 where that isn't known."""
        with self._errors():
            row = self._database.execute("SELECT speed FROM spaces WHERE id = ?", (space.id,)).fetchone()
        return 0.0 if row is None else float(row[0])

    def set_speed(self, space: Space, images_per_second: float) -> None:
        """Keep the speed of a run that computed most of ``space``."""
        with self._errors(), self._database:
            self._database.execute("UPDATE spaces SET speed = ? WHERE id = ?", (images_per_second, space.id))

    def usage(self) -> list[EncoderUsage]:
        """What there is of each encoder, the largest first."""
        with self._errors():
            rows = self._database.execute(
                "SELECT encoder, SUM(vectors), SUM(4 * vectors * dimension), MAX(used) FROM spaces WHERE vectors > 0 "
                "GROUP BY encoder ORDER BY 3 DESC, 1"
            ).fetchall()
        return [EncoderUsage(*row) for row in rows]

    def bytes_on_disk(self) -> int:
        """The size of the database."""
        return self.file.stat().st_size if self.file.exists() else 0

    def clear(self, encoder: str | None = None) -> int:
        """Delete all embeddings, or those of the encoder of this name; return how many there were."""
        with self._errors():
            rows = self._database.execute(
                "SELECT id, vectors FROM spaces WHERE ?1 IS NULL OR encoder = ?1", (encoder,)
            ).fetchall()
        self._delete([number for number, _ in rows])
        return sum(count for _, count in rows)

    def _read(self, space: Space, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        with self._errors():
            for start in range(0, len(keys), _ROWS_AT_ONCE):
                some = keys[start : start + _ROWS_AT_ONCE]
                places = ",".join("?" * len(some))
                yield from self._database.execute(
                    f"SELECT image, vector FROM vectors WHERE space = ? AND image IN ({places})",  # noqa: S608  only marks
                    (space.id, *some),
                )

    def _trim(self, limit: int) -> None:
        """Delete the spaces used longest ago until the others take at most ``limit`` bytes."""
        with self._errors():
            rows = self._database.execute(
                "SELECT id, 4 * vectors * dimension, used FROM spaces ORDER BY used DESC"
            ).fetchall()
        total, too_much = 0, []
        for number, size, used in rows:
            total += size
            if total > limit and used < time.time() - _IN_USE_SECONDS:
                too_much.append(number)
        self._delete(too_much)

    def _delete(self, spaces: Sequence[int]) -> None:
        if not spaces:
            return
        numbers = [(number,) for number in spaces]
        with self._errors():
            with self._database:
                self._database.executemany("DELETE FROM vectors WHERE space = ?", numbers)
                self._database.executemany("DELETE FROM spaces WHERE id = ?", numbers)
            # As a script: execute() would end it after one page.
            self._database.executescript("PRAGMA incremental_vacuum")

    def _lost(self) -> CacheError:
        return CacheError(
            f"{printable(self.file)}: embeddings that were here are gone or damaged. Run the same command again: it "
            "computes them anew"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert the errors of SQLite and of the disk."""
        try:
            yield
        except NoLocksError as error:
            raise CacheError(f"{printable(self.folder)}: {error.problem}, so {_ELSEWHERE}") from error
        except sqlite3.ProgrammingError:
            raise  # a bug
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror or error if isinstance(error, OSError) else error
            raise CacheError(
                f"{printable(self.folder)}: can't keep embeddings here ({reason}), so {_ELSEWHERE}"
            ) from error


_ELSEWHERE: Final = "set LOOKALIKE_CACHE to a folder on a local disk with room for them, or free some space here"


def user_folder() -> Path:
    """The folder of the user's cache of embeddings."""
    return cache_folder() / "embeddings"


def limit_bytes() -> int:
    """The most that the user's cache of embeddings may take, in bytes: ``$LOOKALIKE_CACHE_GB``, 20 GB by default."""
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        limit = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise CacheError(
            f"{LIMIT_VARIABLE}={printable(text)}: this is no number of gigabytes, such as 20, or 0 for none"
        )
    return int(min(limit, 1e9) * 1e9)


def _open(file: Path) -> sqlite3.Connection:
    """Open the database ``file``; create it anew if it is missing, damaged or of another format."""
    for _ in range(2):
        database = sqlite3.connect(file, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            _prepare(database)
        except sqlite3.OperationalError:
            database.close()
            raise  # locked, or not writable
        except sqlite3.DatabaseError:
            database.close()
            file.unlink()
        else:
            return database
    raise sqlite3.DatabaseError("can't be created")


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA synchronous = NORMAL")
    with database:
        database.execute("BEGIN IMMEDIATE")
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found == _FORMAT:
            return
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            database.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";"):
            database.execute(statement)
