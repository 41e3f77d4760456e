"""Killed at any moment, or out of disk: what was committed is safe, and the next run goes on from there."""

import errno
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import Result, index
from lookalike import Gallery
from lookalike.errors import GalleryNotFoundError, GalleryWriteError
from lookalike.gallery.local import tables
from lookalike.gallery.local.database import refusals
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.local.vector_file import VectorFile
from lookalike.images.files import open_file, sha256

Driver = Callable[..., subprocess.Popen[bytes]]
Call = Callable[..., Result]
PICTURES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small pictures, one of them twice, and a file that is none."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(PICTURES - 1):
        drawn(root / f"{number:02}.png", number)
    shutil.copy(root / "07.png", root / "copy.png")
    (root / "text.jpg").write_text("words")
    return root


@pytest.fixture(scope="module")
def fresh(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float, float | None]]:
    """What a gallery of that folder answers that was made without any trouble."""
    with index(folder, FakeEncoder(), tmp_path_factory.mktemp("fresh") / "gallery") as gallery:
        return answer(gallery)


def answer(gallery: Gallery) -> list[tuple[str, float, float | None]]:
    """A whole ranking of a drawing that is in no gallery."""
    return [(hit.path, hit.score, hit.percentile) for hit in gallery.search(draw(999), k=1000).hits]


def kept(place: Path, folder: Path) -> set[str]:
    """The pictures of a gallery that was left in the lurch, each with the vector that its file gives now."""
    fake = FakeEncoder()
    try:
        gallery = Gallery.open(place, encoder=fake)
    except GalleryNotFoundError:
        return set()
    with gallery:
        store = gallery._store
        entries, vectors = store.entries(), store.vectors()
        for entry, row in zip(entries, vectors.rows, strict=True):
            with open_file(folder / entry.path) as file:
                assert sha256(file) == entry.digest
            assert np.array_equal(vectors.matrix[row], fake.embed([folder / entry.path])[0])
        gallery.search(draw(999))
        gallery.status()
        return {entry.path for entry in entries}


def assert_completes(place: Path, folder: Path, before: set[str], fresh: object) -> None:
    """The next update loses nothing that was kept, encodes nothing twice, and answers like a fresh gallery."""
    assert kept(place, folder) >= before
    fake = FakeEncoder()
    with index(folder, fake, place) as gallery:
        assert gallery.status().pictures == PICTURES
        assert [item.path for item in gallery.status().skipped] == ["text.jpg"]
        new = PICTURES - len(before | ({"copy.png"} if "07.png" in before else set()))
        assert fake.encoded <= new
        assert answer(gallery) == fresh
        assert gallery.update().unchanged == PICTURES


MOMENTS = [
    *[("after vector file", 1), ("before BEGIN", 1), ("after CREATE", 5), ("before INSERT", 2), ("before commit", 1)],
    *[("after commit", 1), ("before opening", 1), ("after opening", 1), ("before fsync", 1), ("after fsync", 4)],
    *[("before encoding", number) for number in (1, 2, 5)],
    *[("before vectors", number) for number in (1, 3)],
    *[("after vectors", number) for number in (1, 2, 7)],
    *[("before INSERT", 12), ("after UPDATE", 2), ("before BEGIN", 9)],
    *[("before commit", number) for number in (2, 3, 6)],
    *[("after commit", number) for number in (2, 3, 6)],
    *[("before sweep", 1), ("before calibration", 1), ("after calibration", 1)],
]


@pytest.mark.parametrize(("moment", "number"), MOMENTS)
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_at_a_moment_that_matters(
    moment: str, number: int, folder: Path, fresh: object, tmp_path: Path, driver: Driver
):
    """Killed while a gallery is made, between vectors and transaction, or around a commit: nothing kept is wrong."""
    with driver("index", folder, tmp_path / "gallery", moment, number) as process:
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert_completes(tmp_path / "gallery", folder, kept(tmp_path / "gallery", folder), fresh)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_again_and_again_while_it_works(folder: Path, fresh: object, tmp_path: Path, driver: Driver):
    """Killed from outside after every few pictures, a gallery only ever grows, until one run comes to its end."""
    before: set[str] = set()
    for _ in range(20):
        with driver("index", folder, tmp_path / "gallery", "never", 0) as process:
            assert process.stdout is not None
            progress = [process.stdout.readline() for _ in range(2)]
            process.kill()
        after = kept(tmp_path / "gallery", folder)
        assert after >= before
        before = after
        if b"" in progress:
            break
    assert len(before) > 8
    assert_completes(tmp_path / "gallery", folder, before, fresh)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["before sweep", "before calibration"])
def test_killed_between_the_end_of_pictures_and_their_forgetting(moment: str, tmp_path: Path, driver: Driver):
    """Pictures that left before a kill have no part in the percentiles after the next update."""
    folder = tmp_path / "photos"
    for number in range(12):
        drawn(folder / f"{number}.png", number)
    index(folder, FakeEncoder(), tmp_path / "gallery").close()
    for number in range(6):
        (folder / f"{number}.png").unlink()
    with driver("index", folder, tmp_path / "gallery", moment, 1) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    with (
        index(folder, FakeEncoder(), tmp_path / "gallery") as gallery,
        index(folder, FakeEncoder(), tmp_path / "fresh") as other,
    ):
        assert answer(gallery) == answer(other)


def full(*_: object, **__: object) -> None:
    """A disk without room."""
    raise OSError(errno.ENOSPC, "No space left on device")


def full_database(*_: object, **__: object) -> None:
    """A disk without room, as SQLite says it."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


@pytest.mark.parametrize(
    ("owner", "name", "time", "refuses"),
    [
        (VectorFile, "write", 2, full),
        (tables, "embed", 2, full_database),
        (tables, "enter", 30, full),
        (tables, "skip", 1, full_database),
        (LocalStore, "calibrate", 1, full_database),
    ],
)
def test_a_disk_that_says_it_is_full_costs_nothing(
    owner: type,
    name: str,
    time: int,
    refuses: Callable[..., None],
    folder: Path,
    fresh: object,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
):
    """The error says so on one line with exit code 1; the gallery is good, and the next run completes it."""
    place = tmp_path / "gallery"
    real, calls = getattr(owner, name), []

    def sometimes(*arguments: object) -> object:
        calls.append(name)
        if len(calls) == time:
            with refusals(place):
                refuses()
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, sometimes)
        result = call("index", folder, "--gallery", place)
    assert result == Result(1, "", f"lookalike: {place}: the disk is full. {GOOD}\n")
    assert_completes(place, folder, kept(place, folder), fresh)


GOOD = "The gallery is good, with all that was committed before; make room and run the same command again"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 512 KiB."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can make a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("free", range(0, 260, 20))
def test_a_disk_that_is_full_costs_nothing(free: int, folder: Path, fresh: object, small_disk: Path, call: Call):
    """However many kilobytes are left, the error is clear and the gallery good; with room, the next run ends well."""
    place, ballast = small_disk / "gallery", small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * (512 - 8 - free)))
    result = call("index", folder, "--gallery", place)
    if result.code:
        assert result == Result(1, "", f"lookalike: {place}: the disk is full. {GOOD}\n")
    before = kept(place, folder)
    ballast.unlink()
    assert_completes(place, folder, before, fresh)


def test_a_disk_that_fails_is_told(folder: Path, tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch):
    """Any other refusal of the disk is an error that names the gallery and what the system said."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    gallery = Gallery.create(folder, tmp_path / "gallery", encoder=fake)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(GalleryWriteError, match="Input/output error"):
            gallery.update()
    gallery.close()
