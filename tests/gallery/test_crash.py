"""Killed processes and full disks: committed data is safe, and the next run completes the gallery."""

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
from lookalike.gallery.local.database import convert_errors
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql import embedding_table, entry_table
from lookalike.gallery.local.store import LocalStore
from lookalike.images.files import open_file, sha256

pytestmark = pytest.mark.slow

Driver = Callable[..., subprocess.Popen[bytes]]
Call = Callable[..., Result]
IMAGES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small images, one of them a copy of another, and a file that is not an image."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(IMAGES - 1):
        drawn(root / f"{number:02}.png", number)
    shutil.copy(root / "07.png", root / "copy.png")
    (root / "text.jpg").write_text("text")
    return root


@pytest.fixture(scope="module")
def expected_answer(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float, float | None]]:
    """The answer of a gallery of that folder that was built without interruption."""
    with index(folder, FakeEncoder(), tmp_path_factory.mktemp("fresh") / "gallery") as gallery:
        return answer(gallery)


def answer(gallery: Gallery) -> list[tuple[str, float, float | None]]:
    """All hits for an image that is not in the gallery, without their ids."""
    return [(hit.path, hit.score, hit.percentile) for hit in gallery.search(draw(999), k=1000).hits]


def stored_paths(gallery_path: Path, folder: Path) -> set[str]:
    """The gallery's paths, after checking each entry's digest and vector against its file; empty without a gallery."""
    fake = FakeEncoder()
    try:
        gallery = Gallery.open(gallery_path, encoder=fake)
    except GalleryNotFoundError:
        return set()
    with gallery:
        paths = set()
        for entry, vector in gallery.iter_embeddings():
            with open_file(folder / entry.path) as file:
                assert sha256(file) == entry.digest
            assert np.array_equal(vector, fake.embed([folder / entry.path])[0])
            paths.add(entry.path)
        gallery.search(draw(999))
        assert gallery.status().images == len(gallery) == len(paths)
        return paths


def assert_completes(gallery_path: Path, folder: Path, before: set[str], expected_answer: object) -> None:
    """The next update keeps all entries, encodes no content twice, and then gives the expected answer."""
    assert stored_paths(gallery_path, folder) >= before
    fake = FakeEncoder()
    with index(folder, fake, gallery_path) as gallery:
        assert gallery.status().images == IMAGES
        assert [item.path for item in gallery.status().skipped] == ["text.jpg"]
        new = IMAGES - len(before | ({"copy.png"} if "07.png" in before else set()))
        assert fake.encoded <= new
        assert answer(gallery) == expected_answer
        assert gallery.update().unchanged == IMAGES
        (file,) = gallery_path.glob("vectors-*.npy")
        assert len(np.load(file, mmap_mode="r")) == IMAGES - 1


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_repeatedly_killed_updates_finally_complete(
    folder: Path, expected_answer: object, tmp_path: Path, driver: Driver
):
    """An update killed after every few images adds to the gallery each time, until one completes."""
    before: set[str] = set()
    for _ in range(20):
        with driver("index", folder, tmp_path / "gallery", "never", 0) as process:
            assert process.stdout is not None
            progress = [process.stdout.readline() for _ in range(2)]
            process.kill()
        after = stored_paths(tmp_path / "gallery", folder)
        assert after >= before
        before = after
        if b"" in progress:
            break
    assert len(before) > 8
    assert_completes(tmp_path / "gallery", folder, before, expected_answer)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["before deleting unused contents", "before calibration"])
def test_a_kill_before_the_cleanup_does_not_affect_percentiles(moment: str, tmp_path: Path, driver: Driver):
    """Images removed before a kill do not count in percentiles after the next update."""
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


def disk_full(*_: object, **__: object) -> None:
    """Raise the error of a full disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def database_full(*_: object, **__: object) -> None:
    """Raise the error of SQLite on a full disk."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    raise error


@pytest.mark.parametrize(
    ("owner", "name", "time", "fail"),
    [
        (VectorFile, "write", 2, disk_full),
        (embedding_table, "add_embeddings", 2, database_full),
        (entry_table, "upsert_entry", 30, disk_full),
        (entry_table, "upsert_skip", 1, database_full),
        (LocalStore, "save_calibration", 1, database_full),
    ],
)
def test_a_disk_full_error_leaves_a_valid_gallery(
    owner: type,
    name: str,
    time: int,
    fail: Callable[..., None],
    folder: Path,
    expected_answer: object,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
):
    """A simulated full disk is a one-line error with exit code 1, and the next run completes the gallery."""
    gallery_path = tmp_path / "gallery"
    real, calls = getattr(owner, name), []

    def sometimes(*arguments: object) -> object:
        calls.append(name)
        if len(calls) == time:
            with convert_errors(gallery_path):
                fail()
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, sometimes)
        result = call("index", folder, "-q", "--gallery", gallery_path)
    assert result == Result(1, "", f"lookalike: {gallery_path}: the disk is full. {ADVICE}\n")
    assert_completes(gallery_path, folder, stored_paths(gallery_path, folder), expected_answer)


ADVICE = "Everything committed before is safe. Free some space and run the same command again"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 1 MiB."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can make a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    result = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1024k", "tmpfs", disk], check=False)
    if result.returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("free", range(0, 520, 80))
def test_a_really_full_disk_leaves_a_valid_gallery(
    free: int, folder: Path, expected_answer: object, small_disk: Path, call: Call
):
    """With any amount of free space the error is clear, and with more space the next run completes the gallery."""
    gallery_path, ballast = small_disk / "gallery", small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * (1024 - 8 - free)))
    result = call("index", folder, "-q", "--gallery", gallery_path)
    if result.code:
        assert result == Result(1, "", f"lookalike: {gallery_path}: the disk is full. {ADVICE}\n")
    before = stored_paths(gallery_path, folder)
    ballast.unlink()
    assert_completes(gallery_path, folder, before, expected_answer)


def test_a_disk_error_raises_gallery_write_error(
    folder: Path, tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch
):
    """Any other disk error is reported with the message of the system."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    gallery = Gallery.create(folder, tmp_path / "gallery", encoder=fake)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(GalleryWriteError):
            gallery.update()
    gallery.close()
