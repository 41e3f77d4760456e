"""The commands that change galleries, each with a gallery to start from and what must be true before and after."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from drawing import draw, drawn
from fakes import SPEC, ColourRuntime, FakeEncoder, FakeSource
from lookalike import Encoder, Gallery
from lookalike.cli.main import main
from lookalike.errors import LookalikeError
from lookalike.gallery.care import check
from lookalike.gallery.local.database import DATABASE, has_database
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql.tables import vector_file_name
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes, EntryChange
from lookalike.images.files import FileStat, open_file, sha256
from old_galleries import make_old_gallery

_IMAGES: Final = 36
_DELETED: Final = 300
_NEW_NAME: Final = "backwards"

# The image whose embedding is damaged before a repair, and the second of two with the same bytes: only the database
# knows their ids.
_IDS_ONLY_IN_DATABASE: Final = frozenset({"04.png", "copy.png"})

Answer = list[tuple[str, float, float | None]]


class _BackwardsRuntime(ColourRuntime):
    """The colours in another order: its embeddings differ from those of the fake encoder."""

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Features float32 (n, 49) of pixels uint8 (n, 32, 32, 3)."""
        return np.ascontiguousarray(super().run(batch)[:, ::-1])


class _BackwardsEncoder(Encoder):
    """The encoder that galleries are re-encoded with."""

    def __init__(self) -> None:
        super().__init__(FakeEncoder(_NEW_NAME).spec, _BackwardsRuntime())


def load(name: str | os.PathLike[str], **_: object) -> Encoder:
    """The encoder of that name."""
    return _BackwardsEncoder() if name == _NEW_NAME else FakeEncoder()


@dataclass(frozen=True)
class Result:
    """The exit code of a command and what it wrote to standard error."""

    code: int
    messages: str


@dataclass(frozen=True)
class State:
    """What a gallery holds: the digest and id of each path, and the answer to a query."""

    encoder: str
    digests: dict[str, bytes]
    ids: dict[str, str]
    answer: Answer


class BrokenPromiseError(AssertionError):
    """A gallery is not what it must be."""


class Case:
    """A folder of photos, a folder for galleries beside it, and for each operation the galleries that it starts from.

    The photos never change; every trial starts with a copy of the galleries, at the same place.
    """

    def __init__(self, folder: Path) -> None:
        self.photos = folder / "photos"
        self.galleries = folder / "galleries"
        self.gallery = self.galleries / "gallery"
        self.backup = self.galleries / "backup"
        self._templates = folder / "templates"
        self._make_templates()
        self._vectors = self._embeddings()
        self.before = {name: self._state_of_template(name) for name in OPERATIONS}
        self.after = {name: self._expected(name) for name in OPERATIONS}

    def reset(self, operation: str) -> None:
        """Begin again with the galleries that ``operation`` starts from."""
        shutil.rmtree(self.galleries, ignore_errors=True)
        shutil.copytree(self._templates / operation, self.galleries)

    def run(self, operation: str) -> Result:
        """Run the command."""
        return call(*OPERATIONS[operation](self))

    def check_now(self, operation: str, *, unread: bool = False) -> None:
        """Check a gallery in which ``operation`` may have been interrupted; ``unread`` if its files couldn't be read.

        Raises :class:`BrokenPromiseError` if an image or id of before is lost, or an embedding isn't its image's.
        """
        if has_database(self.backup):
            self._check_backup()
        if not has_database(self.gallery):
            _promise(operation in ("index", "repair"), "the gallery is gone")
            return
        try:
            with Gallery.open(self.gallery, load=load) as gallery:
                stored = self._check_embeddings(gallery, damaged=operation == "repair")
                _ = gallery.search(draw(999), 100)
                self._check_kept(operation, stored, unread=unread)
        except LookalikeError as error:
            _promise(operation == "repair", f"the gallery can't be read: {error}")

    def complete(self, operation: str, *, unread: bool = False) -> None:
        """Run ``operation`` again, and check that its gallery is what it would be without an interruption.

        ``unread`` as in :meth:`check_now`. Raises :class:`BrokenPromiseError`.
        """
        if operation == "backup":
            shutil.rmtree(self.backup, ignore_errors=True)
        result = self.run(operation)
        _promise(result.code == 0, f"the next run fails: {result}")
        if operation == "backup":
            self._check_backup()
        _, findings = check(self.gallery, deep=True)
        _promise(not findings, f"after the next run: {findings}")
        if operation == "compact":
            _promise(self._row_count() == len(set(self.after[operation].digests.values())), "rows are unused")
        state, expected = self.state(), self.after[operation]
        _promise(state.encoder == expected.encoder, f"encoded with {state.encoder}")
        _promise(state.digests == expected.digests, f"other images: {state.digests.keys() ^ expected.digests.keys()}")
        _promise(state.answer == expected.answer, f"another answer: {state.answer} instead of {expected.answer}")
        self._check_kept(operation, state.ids, unread=unread)

    def state(self) -> State:
        """What the gallery holds."""
        with Gallery.open(self.gallery, load=load) as gallery:
            images = list(gallery.iter_embeddings())
            return State(
                gallery.stamp.name,
                {image.path: image.digest for image, _ in images},
                {image.path: image.id for image, _ in images},
                [(hit.path, hit.score, hit.percentile) for hit in gallery.search(draw(999), 100).hits],
            )

    def _row_count(self) -> int:
        with closing(LocalStore.open(self.gallery)) as store:
            return store.vector_count()

    def _check_embeddings(self, gallery: Gallery, *, damaged: bool = False) -> dict[str, str]:
        """The ids by path; if the gallery was ``damaged``, one image may lack its embedding."""
        stored = {}
        for image, vector in gallery.iter_embeddings():
            expected = self._vectors[gallery.stamp.name].get(image.digest)
            _promise(expected is not None, f"{image.path} has the digest of nothing")
            _promise(np.array_equal(vector, expected), f"{image.path} has the embedding of something else")
            stored[image.path] = image.id
        lacking = len(gallery) - len(stored)
        _promise(lacking <= damaged, f"{lacking} of {len(gallery)} images have no embedding")
        return stored

    def _check_kept(self, operation: str, ids: dict[str, str], *, unread: bool) -> None:
        before, after = self.before[operation], self.after[operation]
        lost = (before.digests.keys() & after.digests.keys()) - ids.keys()
        _promise(len(lost) <= (operation == "repair"), f"lost: {sorted(lost)}")
        changed = {path for path in ids.keys() & before.ids.keys() if ids[path] != before.ids[path]}
        expected = _IDS_ONLY_IN_DATABASE if unread and operation == "repair" else frozenset()
        _promise(changed <= expected, f"other ids: {changed}")

    def _check_backup(self) -> None:
        _, findings = check(self.backup)
        _promise(not findings, f"the backup: {findings}")
        with Gallery.open(self.backup, load=load) as gallery:
            self._check_embeddings(gallery)
            _promise(len(gallery) == len(self.before["backup"].digests), "the backup is not complete")

    def _make_templates(self) -> None:
        for number in range(_IMAGES):
            drawn(self.photos / f"{number:02}.png", number)
        shutil.copy(self.photos / "07.png", self.photos / "copy.png")
        (self.photos / "text.jpg").write_text("text")
        (self._templates / "index").mkdir(parents=True)
        self._index_into("update")
        self._change_photos()
        self._index_into("reencode")
        for operation in ("compact", "repair", "backup"):
            shutil.copytree(self._templates / "reencode", self._templates / operation)
        _add_deleted_embeddings(self._templates / "compact" / "gallery")
        self._make_old_gallery()
        damage(self._templates / "repair" / "gallery")

    def _index_into(self, template: str) -> None:
        result = call("index", str(self.photos), "--gallery", str(self.gallery))
        assert result.code == 0, result
        shutil.copytree(self.galleries, self._templates / template)
        shutil.rmtree(self.galleries)

    def _change_photos(self) -> None:
        """Some images are new, some changed, some renamed and some gone."""
        for number in range(6):
            drawn(self.photos / f"{number:02}.png", 100 + number)
            drawn(self.photos / "new" / f"{number}.png", 200 + number)
        for number in range(10, 13):
            (self.photos / f"{number}.png").unlink()
            (self.photos / f"{number + 5}.png").rename(self.photos / f"renamed{number}.png")

    def _make_old_gallery(self) -> None:
        paths = sorted(str(path.relative_to(self.photos)) for path in self.photos.rglob("*.png"))
        unique = {sha256_of(self.photos / path): path for path in paths}
        files = {path: (digest, FakeEncoder().embed([self.photos / path])[0]) for digest, path in unique.items()}
        (self._templates / "migrate").mkdir()
        make_old_gallery(self._templates / "migrate" / "gallery", self.photos, *files, embeddings=files)

    def _embeddings(self) -> dict[str, dict[bytes, NDArray[np.float32]]]:
        """The right embeddings of all contents that were ever indexed, by the name of the encoder."""
        everything = [*self.photos.rglob("*.png")]
        digests = [sha256_of(path) for path in everything]
        images: list[Any] = list(everything)
        for number in (*range(6), 10, 11, 12):  # those before the change
            content = io.BytesIO()
            draw(number).save(content, "png")
            digests.append(sha256(content))
            images.append(draw(number))
        encoders = (load(SPEC.name), load(_NEW_NAME))
        return {one.spec.name: dict(zip(digests, one.embed(images), strict=True)) for one in encoders}

    def _state_of_template(self, operation: str) -> State:
        if operation == "index":
            return State("", {}, {}, [])
        self.reset("reencode" if operation == "repair" else operation)  # before the damage
        return self.state()

    def _expected(self, operation: str) -> State:
        self.reset(operation)
        result = self.run(operation)
        assert result.code == 0, result
        return self.state()


OPERATIONS: Final[dict[str, Callable[[Case], Sequence[str]]]] = {
    "index": lambda case: ["index", str(case.photos), "--gallery", str(case.gallery)],
    "update": lambda case: ["index", "--gallery", str(case.gallery)],
    "compact": lambda case: ["index", "--gallery", str(case.gallery)],
    "reencode": lambda case: ["index", "--gallery", str(case.gallery), "--reencode", _NEW_NAME],
    "migrate": lambda case: ["index", "--gallery", str(case.gallery)],
    "repair": lambda case: ["repair", "--gallery", str(case.gallery)],
    "backup": lambda case: ["backup", str(case.backup), "--gallery", str(case.gallery)],
}
"""The command line of each operation."""


def call(*arguments: str) -> Result:
    """Run the command line in this process with the encoders of :func:`load`."""
    messages = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(messages):
        code = main(["-q", *arguments], FakeSource(load=load))
    return Result(code, messages.getvalue())


def _add_deleted_embeddings(gallery: Path) -> None:
    """Leave so many unused rows in the vector file that the next update compacts it."""
    digests = [sha256(io.BytesIO(b"%d" % number)) for number in range(_DELETED)]
    vectors = FakeEncoder().embed([draw(number) for number in range(_DELETED)])
    paths = [f"deleted{number}.png" for number in range(_DELETED)]
    changes = zip(paths, digests, vectors, strict=True)
    with closing(LocalStore.open(gallery, writing=True)) as store:
        store.commit(Changes(upserts=[EntryChange(path, FileStat(1, 2, 3), *change) for path, *change in changes]))
        store.commit(Changes(removed=paths))
        store.delete_unused(digests)


def damage(gallery: Path) -> None:
    """Damage the database and a vector, as a failing disk does."""
    with closing(sqlite3.connect(gallery / DATABASE)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'calibration'").fetchone()
    with (gallery / DATABASE).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    with (gallery / vector_file_name(1)).open("r+b") as file:
        file.seek(VectorFile.header_size + 4 * 4 * SPEC.dimension)
        file.write(b"\xff\xff")


def sha256_of(path: Path) -> bytes:
    """The digest of a file."""
    with open_file(path) as file:
        return sha256(file)


def _promise(is_kept: bool, otherwise: str) -> None:
    if not is_kept:
        raise BrokenPromiseError(otherwise)
