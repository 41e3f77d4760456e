"""The files of a local gallery: a plain .npy file beside the database, and galleries of an earlier format."""

import contextlib
import errno
import os
import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import SPEC
from lookalike.errors import GalleryDamagedError, GalleryError, GalleryWriteError
from lookalike.gallery.local import older
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql import schema
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes
from lookalike.gallery.searching.calibration import recalibrate
from lookalike.images.files import SkipKind
from lookalike.search.query import Filter
from old_galleries import make_old_gallery
from stores import RULES, check_store, digest_of, make_store, new_vectors, paths_of, upsert, vector_of

DATABASE = "gallery.sqlite3"
NAMES = ["a.jpg", "b.jpg", "sub/c.jpg"]
Driver = Callable[..., subprocess.Popen[bytes]]


def loaded(file: Path) -> np.ndarray:
    """The rows that another program sees."""
    return np.load(file, mmap_mode="r", allow_pickle=False)


def vectors_of(*names: str) -> np.ndarray:
    """The vectors of synthetic contents."""
    return np.stack([vector_of(digest_of(name)) for name in names])


def test_numpy_opens_the_vectors(tmp_path: Path):
    """The file has the committed rows in the order in which they were added, also when there are none."""
    with closing(make_store(tmp_path)) as store:
        file = store.folder / "vectors-1.npy"
        assert loaded(file).shape == (0, SPEC.dimension)
        store.commit(Changes(upserts=[upsert("b.jpg"), upsert("a.jpg")]))
        assert loaded(file).dtype == np.float32
        assert np.array_equal(loaded(file), vectors_of("b.jpg", "a.jpg"))
        store.commit(Changes(upserts=[upsert("c.jpg")]))
        assert np.array_equal(loaded(file), vectors_of("b.jpg", "a.jpg", "c.jpg"))


def test_numpy_opens_the_vectors_while_they_are_written(tmp_path: Path):
    """Whenever the file is opened, every row in it is complete."""
    file, stop, errors = tmp_path / ".lookalike" / "vectors-1.npy", threading.Event(), []

    def read() -> None:
        counts = [0]
        while not stop.is_set():
            try:
                rows = loaded(file)
                lengths = np.linalg.norm(rows, axis=1)
                assert np.abs(lengths - 1).max(initial=0) < 1e-5
                assert len(rows) >= counts[-1]
                counts.append(len(rows))
            except Exception as error:  # noqa: BLE001  reported by the test
                errors.append(error)
                return

    with closing(make_store(tmp_path)) as store:
        thread = threading.Thread(target=read)
        thread.start()
        for number in range(100):
            store.commit(Changes(upserts=[upsert(f"{number}-{part}.jpg") for part in range(5)]))
        stop.set()
        thread.join()
    assert errors == []
    assert len(loaded(file)) == 500


def test_rows_that_are_not_committed_are_not_published(tmp_path: Path):
    """Rows of an interrupted commit are on disk, but not in the header."""
    make_store(tmp_path, "a.jpg").close()
    file = tmp_path / ".lookalike" / "vectors-1.npy"
    VectorFile(file, SPEC.dimension).write(1, vectors_of("b.jpg"))
    assert np.array_equal(loaded(file), vectors_of("a.jpg"))
    with closing(LocalStore.open(file.parent)) as store:
        assert check_store(store) == ["a.jpg"]


@pytest.mark.parametrize("count", [0, 1, 10**19])
def test_the_next_writer_repairs_the_header(count: int, tmp_path: Path):
    """A wrong number of rows in the header is not trusted, and the next writer corrects it."""
    make_store(tmp_path, *NAMES).close()
    file = tmp_path / ".lookalike" / "vectors-1.npy"
    content = file.read_bytes()
    place = content.index(b"(") + 1
    file.write_bytes(content[:place] + b"%20d" % count + content[place + 20 :])
    with closing(LocalStore.open(file.parent)) as store:
        assert check_store(store) == NAMES
    with closing(LocalStore.open(file.parent, writing=True)) as store:
        assert file.read_bytes() == content
        assert check_store(store) == NAMES


def test_the_header_never_counts_rows_that_are_not_on_disk(tmp_path: Path):
    """Publishing more rows than the file has leaves the header as it is."""
    file = VectorFile(tmp_path / "vectors-1.npy", SPEC.dimension)
    file.create(1, [vectors_of("a.jpg")])
    file.publish(2)
    assert len(loaded(file.path)) == 1


def test_a_file_that_is_not_there_or_of_another_format_is_left_alone_when_publishing(tmp_path: Path):
    """Damage is reported when vectors are read or written."""
    file = VectorFile(tmp_path / "vectors-1.npy", SPEC.dimension)
    file.publish(0)
    assert not file.path.exists()
    file.path.write_bytes(b"something else" * 50)
    file.publish(1)
    assert file.path.read_bytes() == b"something else" * 50
    with pytest.raises(GalleryDamagedError):
        file.rows(0)


def test_a_mapped_file_is_never_truncated(tmp_path: Path):
    """Rows that a reader has mapped stay readable while later commits overwrite leftovers."""
    with closing(make_store(tmp_path, "a.jpg")) as store:
        file = store.folder / "vectors-1.npy"
        with file.open("ab") as leftovers:
            np.stack([vector_of(digest_of(str(number))) for number in range(4000)]).tofile(leftovers)
        size = file.stat().st_size
        mapped = np.memmap(file, np.uint8, "r")
        store.commit(Changes(upserts=[upsert("b.jpg")]))
        store.commit(Changes(removed=["a.jpg"]))
        store.delete_unused(store.unused())
        assert file.stat().st_size == size
        assert mapped[-1] == mapped[size - 1]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A gallery of format 1."""
    return make_old_gallery(tmp_path / "old", tmp_path, *NAMES)


def test_an_old_gallery_is_read_without_migration(old: Path):
    """Entries, vectors, skipped files and the calibration of format 1 are read, and no file changes."""
    before = {file.name: file.read_bytes() for file in old.iterdir()}
    with closing(LocalStore.open(old)) as store:
        assert check_store(store) == NAMES
        assert [(skip.path, skip.kind) for skip in store.skips()] == [("text.jpg", SkipKind.NOT_AN_IMAGE)]
        calibration = store.calibration()
        assert calibration is not None
        assert (calibration.digests, calibration.best) == ((digest_of("a.jpg"),), (digest_of("b.jpg"),))
        assert (calibration.scores.tolist(), calibration.vector_count) == ([0.25], 4)
        assert len(store.sample(10)) == 3
        assert [len(batch.digests) for batch in store.iter_vectors()] == [3]
        assert store.count(Filter(condition="path~a and size=1 and date='' and not width>0")) == 1
        assert (store.columns(), store.values_of([1]), store.count_without_properties()) == ([], {}, len(NAMES))
    assert {
        file.name: file.read_bytes() for file in old.iterdir() if file.suffix not in (".sqlite3-wal", ".sqlite3-shm")
    } == before


def test_a_writer_migrates_an_old_gallery(old: Path):
    """Nothing is lost, the new file replaces the old one, and the gallery can be updated."""
    with closing(LocalStore.open(old)) as reader:
        ids, calibration = [entry.id for entry in reader.iter_entries()], reader.calibration()
    with closing(LocalStore.open(old, writing=True)) as store:
        assert check_store(store) == NAMES
        assert [entry.id for entry in store.iter_entries()] == ids
        kept = store.calibration()
        assert calibration is not None
        assert kept is not None
        assert (kept.digests, kept.best, kept.vector_count) == (
            calibration.digests,
            calibration.best,
            calibration.vector_count,
        )
        assert kept.scores.tolist() == calibration.scores.tolist()
        assert np.array_equal(loaded(old / "vectors-1.npy")[1:], vectors_of(*NAMES))
        assert not (old / "vectors-1.f32").exists()
        store.commit(Changes(upserts=[upsert("d.jpg")]))
        recalibrate(store)
        assert check_store(store) == [*NAMES[:2], "d.jpg", NAMES[2]]


def test_an_unfinished_replacement_is_migrated_too(old: Path):
    """The embeddings that another encoder has made so far are kept, and the replacement can be completed."""
    other = replace(SPEC, name="other")
    with closing(sqlite3.connect(old / DATABASE)) as connection, connection:
        connection.execute("INSERT INTO stamps VALUES (2, ?, NULL, 0, 1, NULL)", (other.to_json(),))
        connection.execute("INSERT INTO embeddings VALUES (2, 1, 0)")
    with (old / "vectors-2.f32").open("wb") as file:
        file.write((old / "vectors-1.f32").read_bytes()[:64])
        (-vectors_of("a.jpg")).tofile(file)
    with closing(LocalStore.open(old, writing=True)) as store:
        assert check_store(store) == NAMES
        replacement = store.open_replacement(other, None)
        pending = [digest for digest, _ in replacement.iter_pending()]
        assert pending == [digest_of("b.jpg"), digest_of("sub/c.jpg")]
        replacement.add_vectors(new_vectors({digest: -vector_of(digest) for digest in pending}), RULES)
        replacement.activate("unreadable")
        assert paths_of(store) == NAMES
        for name in NAMES:
            match = store.search(-vector_of(digest_of(name)), 1)[0]
            assert (match.entry.path, match.score) == (name, 1.0)
    assert sorted(file.name for file in old.glob("vectors-*")) == ["vectors-2.npy", "vectors-2.rows"]
    assert np.array_equal(loaded(old / "vectors-2.npy"), -vectors_of(*NAMES))


def test_a_reader_follows_a_migration(old: Path):
    """A reader of an old gallery that stays open finds what is committed after another process migrated it."""
    with closing(LocalStore.open(old)) as reader:
        assert check_store(reader) == NAMES
        with closing(LocalStore.open(old, writing=True)) as writer:
            assert check_store(reader) == NAMES
            writer.commit(Changes(upserts=[upsert("d.jpg")]))
            assert check_store(reader) == [*NAMES[:2], "d.jpg", NAMES[2]]


def test_a_migration_without_space_changes_nothing(old: Path):
    """The error says how much space is needed, and the gallery can still be searched."""
    with closing(sqlite3.connect(old / DATABASE)) as connection:
        with pytest.raises(GalleryWriteError):
            older.migrate_vectors(old, connection, lambda _: 4 * 4 * SPEC.dimension)
        older.migrate_vectors(old, connection, lambda _: 4 * 4 * SPEC.dimension + 1000)
    (old / "vectors-1.npy").unlink()
    with closing(LocalStore.open(old)) as store:
        assert check_store(store) == NAMES


@pytest.mark.parametrize(("owner", "call"), [(os, "fsync"), (Path, "replace")])
def test_a_disk_that_fills_up_during_a_migration_changes_nothing(
    owner: object, call: str, old: Path, monkeypatch: pytest.MonkeyPatch
):
    """The error is clear, no unfinished file is left, and the next writer migrates."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, call, full)
        with pytest.raises(GalleryWriteError):
            LocalStore.open(old, writing=True)
    assert [file.name for file in old.glob("vectors-*")] == ["vectors-1.f32"]
    for writing in (False, True):
        with closing(LocalStore.open(old, writing=writing)) as store:
            assert check_store(store) == NAMES


def test_a_damaged_old_gallery_is_not_migrated(old: Path):
    """Missing vectors are reported, and nothing is changed."""
    os.truncate(old / "vectors-1.f32", 200)
    with pytest.raises(GalleryDamagedError):
        LocalStore.open(old, writing=True)
    assert sorted(file.suffix for file in old.iterdir() if file.name.startswith("vectors")) == [".f32"]
    with closing(sqlite3.connect(old / DATABASE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_failed_migration_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch):
    """A migration is applied completely or not at all."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE notes (text); DROP TABLE nothing"))
        with pytest.raises(GalleryError):
            LocalStore.open(old, writing=True)
    with closing(LocalStore.open(old)) as store:
        assert check_store(store) == NAMES
    with closing(sqlite3.connect(old / DATABASE)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'notes'").fetchall() == []


def test_a_new_gallery_replaces_the_vectors_of_a_deleted_one(old: Path, tmp_path: Path):
    """After the database of an old gallery was deleted, a new one can be created in the same folder."""
    (old / DATABASE).unlink()
    (old / "vectors-2.npy").write_bytes(b"left by a conversion")
    with closing(LocalStore.create(old, tmp_path, SPEC)) as store:
        assert check_store(store) == []
    assert sorted(file.name for file in old.glob("vectors-*")) == ["vectors-1.npy", "vectors-1.rows"]


def test_the_example_in_the_documentation_reads_a_gallery(tmp_path: Path):
    """The Python code in docs/gallery-format.md gives the paths and embeddings of all images."""
    text = (Path(__file__).parents[2] / "docs" / "gallery-format.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    with closing(make_store(tmp_path, "z.jpg", *NAMES)) as store:
        store.commit(Changes(upserts=[upsert("copy.jpg", "a.jpg")], removed=["z.jpg"]))
        values: dict[str, Any] = {}
        with contextlib.chdir(store.folder):
            exec(code, values)  # noqa: S102  our own documentation
        values["database"].close()
        assert list(values["paths"]) == paths_of(store)
        contents = ["a.jpg", "b.jpg", "a.jpg", "sub/c.jpg"]
        assert np.array_equal(values["embeddings"], vectors_of(*contents))


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
@pytest.mark.parametrize("migrated", [False, True])
def test_the_view_of_images_is_readable(migrated: bool, tmp_path: Path):
    """Each image has its id, path as text, size, time, digest, and the place of its embedding."""
    names = [os.fsdecode(name) for name in (b"a.jpg", "ä.jpg".encode(), b"b\xff.jpg")]
    if migrated:
        store = LocalStore.open(make_old_gallery(tmp_path / "old", tmp_path, *names), writing=True)
    else:
        store = make_store(tmp_path, "gone.jpg", *names)
        store.commit(Changes(removed=["gone.jpg"]))
    ids = {entry.path: f"{entry.id:x}" for entry in store.iter_entries()}
    store.close()
    with closing(sqlite3.connect(store.folder / DATABASE)) as connection:
        rows = connection.execute("SELECT * FROM images ORDER BY row").fetchall()
    texts = ["a.jpg", "ä.jpg", "b\\xff.jpg"]
    assert rows == [
        (ids[name], text, 1, "1970-01-01 00:00:00", None, digest_of(name).hex(), "vectors-1.npy", row)
        for row, (name, text) in enumerate(zip(names, texts, strict=True), start=1)
    ]
