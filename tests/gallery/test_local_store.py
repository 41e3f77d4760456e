"""The local store: atomic commits, one writer and many readers, damaged files, and moved folders."""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest

from drawing import drawn
from fakes import SPEC, FakeEncoder
from galleries import index, ranked_paths
from lookalike import Gallery, GalleryError
from lookalike.errors import (
    GalleryDamagedError,
    GalleryExistsError,
    GalleryLockedError,
    GalleryNotFoundError,
    GalleryWriteError,
    StampMismatchError,
)
from lookalike.gallery.local.sql import entry_table
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Calibration, Changes
from lookalike.gallery.store import Store
from lookalike.images.files import SkipKind, Skipped
from stores import check_store, digest_of, make_store, upsert, vector_of

Unprivileged = Callable[[], AbstractContextManager[None]]
Driver = Callable[..., subprocess.Popen[bytes]]
DATABASE = "gallery.sqlite3"
VECTORS = "vectors-1.npy"
HEADER, ROW = 128, 4 * SPEC.dimension


def test_a_local_store_is_a_store(tmp_path: Path):
    """LocalStore implements the Store protocol, as the type checker verifies."""
    with closing(make_store(tmp_path)) as store:
        a_store: Store = store
        assert a_store.stamp == SPEC


def test_a_commit_that_fails_half_way_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """If the last change of a commit fails, none is applied, and the next commit succeeds."""
    with closing(make_store(tmp_path, "a.jpg")) as store:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        changes = Changes(
            upserts=[upsert("b.jpg"), upsert("a.jpg", "changed")],
            removed=["a.jpg"],
            skipped=[Skipped("c.jpg", SkipKind.EMPTY, "empty")],
        )
        with monkeypatch.context() as patch:
            patch.setattr(entry_table, "upsert_skip", full)
            with pytest.raises(GalleryWriteError):
                store.commit(changes)
        assert check_store(store) == ["a.jpg"]
        assert store.skips() == []
        assert store.vector_count() == 1
        store.commit(Changes(upserts=[upsert("c.jpg")]))
        assert check_store(store) == ["a.jpg", "c.jpg"]


def test_rows_are_never_reused(tmp_path: Path):
    """A deleted content's row stays unused, so an older view of the vector file stays valid."""
    with closing(make_store(tmp_path, "a.jpg", "b.jpg")) as store:
        older = store._active.scan.index().vectors
        store.commit(Changes(removed=["a.jpg", "b.jpg"]))
        store.delete_unused(store.unused())
        store.commit(Changes(upserts=[upsert("c.jpg")]))
        assert store._active.scan.index().vectors.rows.tolist() == [2]
        assert store.vector_count() == 3
        assert np.array_equal(older.matrix[1], vector_of(digest_of("b.jpg")))


def test_a_reader_sees_complete_commits_only(tmp_path: Path, driver: Driver):
    """While another process writes, a reader always finds the five entries and the note of one commit."""
    make_store(tmp_path, *(f"-1-{number}.jpg" for number in range(5))).close()
    with (
        driver("rewrite", tmp_path / ".lookalike", 150) as process,
        closing(LocalStore.open(tmp_path / ".lookalike")) as store,
    ):
        seen = set()
        while process.poll() is None:
            with store.snapshot():
                paths, skips = check_store(store), store.skips()
            (generation,) = {path.rpartition("-")[0] for path in paths}
            assert len(paths) == 5
            assert generation == (skips[0].reason if skips else "-1")
            seen.add(generation)
        assert process.returncode == 0, process.stderr and process.stderr.read()
    assert len(seen) > 2


def test_a_snapshot_does_not_see_later_commits(tmp_path: Path):
    """All reads in one snapshot see the same commit, whatever a writer commits meanwhile."""
    with closing(make_store(tmp_path, "a.jpg")) as writer, closing(LocalStore.open(tmp_path / ".lookalike")) as reader:
        with reader.snapshot():
            assert check_store(reader) == ["a.jpg"]
            writer.commit(Changes(upserts=[upsert("b.jpg")], removed=["a.jpg"]))
            assert check_store(reader) == ["a.jpg"]
        assert check_store(reader) == ["b.jpg"]


def test_a_second_writer_is_rejected(tmp_path: Path, driver: Driver):
    """While one process writes, another can read but not write, until the first has finished."""
    make_store(tmp_path).close()
    folder = tmp_path / ".lookalike"
    with driver("hold", folder, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(GalleryLockedError):
            LocalStore.open(folder, writing=True)
        LocalStore.open(folder).close()
        process.communicate(b"\n")
    LocalStore.open(folder, writing=True).close()


def test_a_killed_writer_releases_its_lock(tmp_path: Path, driver: Driver):
    """The lock ends with the process, even if it is killed."""
    make_store(tmp_path).close()
    with driver("hold", tmp_path / ".lookalike", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.kill()
    LocalStore.open(tmp_path / ".lookalike", writing=True).close()


def test_a_database_locked_by_another_program_raises_gallery_locked_error(tmp_path: Path):
    """The error is temporary: the commit succeeds once the other program has finished."""
    make_store(tmp_path, "a.jpg").close()
    with (
        closing(LocalStore.open(tmp_path / ".lookalike", writing=True, busy_seconds=0)) as store,
        closing(sqlite3.connect(tmp_path / ".lookalike" / DATABASE, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryLockedError):
            store.commit(Changes(upserts=[upsert("b.jpg")]))
        other.execute("ROLLBACK")
        store.commit(Changes(upserts=[upsert("b.jpg")]))
        assert check_store(store) == ["a.jpg", "b.jpg"]


def test_a_reader_cannot_write(tmp_path: Path):
    """A store opened for reading rejects every change."""
    make_store(tmp_path, "a.jpg").close()
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        for change in (
            lambda: store.commit(Changes(removed=["a.jpg"])),
            lambda: store.set_root(tmp_path),
            lambda: store.save_calibration(Calibration((), (), np.zeros(0), 0)),
        ):
            with pytest.raises(GalleryError, match="read-only"):
                change()
        assert check_store(store) == ["a.jpg"]


def test_creating_an_existing_gallery_raises_gallery_exists_error(tmp_path: Path):
    """The existing gallery is not changed."""
    make_store(tmp_path, "a.jpg").close()
    with pytest.raises(GalleryExistsError):
        LocalStore.create(tmp_path / ".lookalike", tmp_path, SPEC)
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        assert check_store(store) == ["a.jpg"]


def test_rows_left_by_an_interrupted_write_are_overwritten(tmp_path: Path):
    """Vectors after the last committed row are ignored, and overwritten by the next commit."""
    make_store(tmp_path, "a.jpg").close()
    file = tmp_path / ".lookalike" / VECTORS
    with file.open("ab") as vectors:
        vectors.write(b"\x7f" * (5 * ROW + 13))
    with closing(LocalStore.open(tmp_path / ".lookalike", writing=True)) as store:
        assert check_store(store) == ["a.jpg"]
        store.commit(Changes(upserts=[upsert("b.jpg")]))
        assert check_store(store) == ["a.jpg", "b.jpg"]
    assert np.array_equal(np.load(file, mmap_mode="r"), [vector_of(digest_of(name)) for name in ("a.jpg", "b.jpg")])
    assert file.stat().st_size == HEADER + 6 * ROW + 13  # never truncated, because readers may have mapped it


def fill_with_garbage(file: Path) -> None:
    """Overwrite the whole file with meaningless bytes."""
    file.write_bytes(b"\x5a" * file.stat().st_size)


def truncate_slightly(file: Path) -> None:
    """Truncate the last bytes of a file."""
    os.truncate(file, file.stat().st_size - 5)


def test_kinds_of_earlier_galleries_are_read(tmp_path: Path):
    """A skipped file stored as "not-a-picture" by an earlier version has the kind NOT_AN_IMAGE."""
    with closing(make_store(tmp_path, "a.jpg")) as store:
        store.commit(Changes(skipped=[Skipped("b.jpg", SkipKind.NOT_AN_IMAGE, "text file")]))
        with store._session.transaction():
            store._session.connection.execute("UPDATE skips SET kind = 'not-a-picture'")
        assert store.skips() == [Skipped("b.jpg", SkipKind.NOT_AN_IMAGE, "text file")]


@pytest.mark.parametrize("damage", [Path.unlink, fill_with_garbage])
def test_an_update_without_changes_detects_damage(damage: Callable[[Path], None], tmp_path: Path):
    """Missing vectors are reported even if no file has to be read."""
    encoder = FakeEncoder()
    for number in range(3):
        drawn(tmp_path / f"{number}.png", number)
    with index(tmp_path, encoder) as gallery:
        damage(gallery.path / VECTORS)
        with pytest.raises(GalleryDamagedError, match=VECTORS):
            gallery.update()


@pytest.mark.parametrize("damage", [truncate_slightly, Path.unlink, fill_with_garbage])
def test_a_commit_to_a_damaged_vector_file_is_rejected(damage: Callable[[Path], None], tmp_path: Path):
    """The commit fails instead of leaving a gap in the file."""
    with closing(make_store(tmp_path, "a.jpg", "b.jpg")) as store:
        damage(tmp_path / ".lookalike" / VECTORS)
        with pytest.raises(GalleryDamagedError, match=VECTORS):
            store.commit(Changes(upserts=[upsert("c.jpg")]))


def test_a_new_gallery_ignores_the_log_of_a_deleted_one(tmp_path: Path):
    """A new gallery takes nothing from the log of a killed one whose database was then deleted."""
    with closing(make_store(tmp_path, "a.jpg")) as store:
        store.commit(Changes(upserts=[upsert("b.jpg")]))
        left = shutil.copytree(tmp_path / ".lookalike", tmp_path / "left")
    assert (left / f"{DATABASE}-wal").exists()
    (left / DATABASE).unlink()
    (left / "gallery.json").unlink()
    with closing(LocalStore.create(left, tmp_path, SPEC)) as store:
        assert check_store(store) == []


def test_a_gallery_that_has_lost_its_database_is_not_overwritten(tmp_path: Path):
    """Its embeddings can be kept: the error says how."""
    make_store(tmp_path, "a.jpg").close()
    (tmp_path / ".lookalike" / DATABASE).unlink()
    with pytest.raises(GalleryDamagedError, match="lookalike repair"):
        LocalStore.create(tmp_path / ".lookalike", tmp_path, SPEC)


def test_an_interrupted_creation_is_restarted(tmp_path: Path):
    """The files left by an interrupted creation are not a gallery, and do not prevent a new one."""
    folder = tmp_path / ".lookalike"
    folder.mkdir()
    (folder / f"{DATABASE}-new").write_bytes(b"half a database")
    (folder / f"{DATABASE}-new-journal").write_bytes(b"half a journal")
    (folder / VECTORS).write_bytes(b"half a header")
    with pytest.raises(GalleryNotFoundError):
        Gallery.open(folder)
    with closing(make_store(tmp_path, "a.jpg")) as store:
        assert check_store(store) == ["a.jpg"]


def test_a_newer_gallery_is_rejected_and_unchanged(tmp_path: Path):
    """A gallery of a newer format is neither read nor written."""
    make_store(tmp_path, "a.jpg").close()
    file = tmp_path / ".lookalike" / DATABASE
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for writing in (False, True):
        with pytest.raises(GalleryError, match="made by a newer Lookalike") as caught:
            LocalStore.open(file.parent, writing=writing)
        assert str(file) in str(caught.value)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_read_only_gallery_can_be_read(interrupted: bool, tmp_path: Path, unprivileged: Unprivileged):
    """In a read-only folder all commits are found, even after a killed writer."""
    store = make_store(tmp_path, "a.jpg")
    store.commit(Changes(upserts=[upsert("b.jpg")]))
    if interrupted:
        folder = Path(shutil.copytree(tmp_path / ".lookalike", tmp_path / "copy"))
        store.close()
    else:
        store.close()
        folder = tmp_path / ".lookalike"
    folder.chmod(0o555)
    with unprivileged(), closing(LocalStore.open(folder)) as reader:
        assert check_store(reader) == ["a.jpg", "b.jpg"]
    folder.chmod(0o755)


def test_a_reader_in_a_read_only_folder_sees_later_commits(tmp_path: Path, unprivileged: Unprivileged):
    """A reader that stays open finds entries committed after it was opened."""
    make_store(tmp_path, "a.jpg").close()
    folder = tmp_path / ".lookalike"
    folder.chmod(0o555)
    with unprivileged():
        reader = LocalStore.open(folder)
        assert check_store(reader) == ["a.jpg"]
    folder.chmod(0o755)
    with closing(LocalStore.open(folder, writing=True)) as writer:
        writer.commit(Changes(upserts=[upsert("b.jpg")]))
    with unprivileged(), closing(reader):
        assert check_store(reader) == ["a.jpg", "b.jpg"]


def test_an_unreadable_log_is_an_error(tmp_path: Path, unprivileged: Unprivileged):
    """A read-only gallery with commits in a log that can't be read is rejected instead of opened without them."""
    with closing(make_store(tmp_path, "a.jpg")):
        folder = Path(shutil.copytree(tmp_path / ".lookalike", tmp_path / "copy"))
    (folder / f"{DATABASE}-shm").unlink()
    folder.chmod(0o555)
    with unprivileged(), pytest.raises(GalleryError, match="copy"):
        LocalStore.open(folder)
    folder.chmod(0o755)
    with closing(LocalStore.open(folder)) as store:
        assert check_store(store) == ["a.jpg"]


def test_a_read_only_folder_rejects_a_writer(tmp_path: Path, unprivileged: Unprivileged):
    """The error says how to keep a gallery elsewhere."""
    make_store(tmp_path, "a.jpg").close()
    (tmp_path / ".lookalike").chmod(0o555)
    with unprivileged(), pytest.raises(GalleryWriteError, match="--gallery PATH"):
        LocalStore.open(tmp_path / ".lookalike", writing=True)
    (tmp_path / ".lookalike").chmod(0o755)


def test_an_unreadable_database_is_an_error(tmp_path: Path, unprivileged: Unprivileged):
    """Without permission to read the database, the error names the gallery."""
    make_store(tmp_path, "a.jpg").close()
    (tmp_path / ".lookalike" / DATABASE).chmod(0)
    with unprivileged(), pytest.raises(GalleryError, match=r"\.lookalike"):
        LocalStore.open(tmp_path / ".lookalike")


def test_a_folder_moved_with_its_gallery_works(tmp_path: Path, fake: FakeEncoder):
    """A gallery inside its image folder finds it by its relative path; nothing is encoded again."""
    for number in range(3):
        drawn(tmp_path / "old" / f"{number}.png", number)
    index(tmp_path / "old", fake).close()
    moved = (tmp_path / "old").rename(tmp_path / "deeper, and new")
    with index(moved, fake) as gallery:
        assert gallery.root == moved
        assert len(ranked_paths(gallery, moved / "0.png")) == 2
    assert fake.encoded == 3 + 1


def test_a_gallery_outside_its_folder_can_be_moved(tmp_path: Path, fake: FakeEncoder):
    """A gallery kept elsewhere still finds the images after it was moved."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    index(tmp_path / "photos", fake, tmp_path / "gallery").close()
    moved = (tmp_path / "gallery").rename(tmp_path / "elsewhere")
    with Gallery.open(moved, encoder=fake) as gallery:
        assert gallery.root == tmp_path / "photos"
        assert len(ranked_paths(gallery, tmp_path / "photos" / "0.png")) == 2


def test_a_gallery_accepts_the_new_path_of_a_moved_folder(tmp_path: Path, fake: FakeEncoder):
    """confirm_root records the new path of a moved folder, and rejects another one while the old one exists."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    index(tmp_path / "photos", fake, tmp_path / "gallery").close()
    drawn(tmp_path / "other" / "x.png", 9)
    with Gallery.open(tmp_path / "gallery", encoder=fake, writing=True) as gallery:
        with pytest.raises(GalleryError, match="this is the gallery of"):
            gallery.confirm_root(tmp_path / "other")
        (tmp_path / "photos").rename(tmp_path / "moved")
        with pytest.raises(GalleryError, match="does not exist"):
            gallery.update()
        with pytest.raises(GalleryError, match="no such folder"):
            gallery.confirm_root(tmp_path / "nowhere")
        gallery.confirm_root(tmp_path / "moved")
        report = gallery.update()
    assert (report.unchanged, report.encoded, report.removed) == (3, 0, 0)
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery.root == tmp_path / "moved"


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
@pytest.mark.parametrize("name", [b"two\nlines", b"100% #1?", b"\xff\xfe", "\U0001f600".encode()])
def test_a_gallery_folder_can_have_any_name(name: bytes, tmp_path: Path, fake: FakeEncoder):
    """Percent signs, question marks, line breaks and invalid UTF-8 in the gallery's path are supported."""
    root = tmp_path / os.fsdecode(name)
    for number in range(3):
        drawn(root / f"{number}.png", number)
    index(root, fake).close()
    index(root, fake, tmp_path / "x" / os.fsdecode(name)).close()
    for path in (root, tmp_path / "x" / os.fsdecode(name)):
        with Gallery.open(path, encoder=fake) as gallery:
            assert gallery.root == root
            assert len(ranked_paths(gallery, root / "1.png")) == 2


def test_a_rejected_encoder_releases_the_lock(tmp_path: Path, fake: FakeEncoder):
    """After another encoder was rejected, the gallery can be opened for writing at once."""
    drawn(tmp_path / "a.png", 1)
    index(tmp_path, fake).close()
    with pytest.raises(StampMismatchError):
        Gallery.open(tmp_path, encoder=FakeEncoder("others"), writing=True)
    Gallery.open(tmp_path, encoder=fake, writing=True).close()


def test_using_a_closed_gallery_is_a_programming_error(tmp_path: Path, fake: FakeEncoder):
    """Using a closed gallery raises ProgrammingError, not GalleryDamagedError."""
    drawn(tmp_path / "a.png", 1)
    gallery = index(tmp_path, fake)
    gallery.close()
    gallery.close()
    with pytest.raises(sqlite3.ProgrammingError):
        gallery.status()
