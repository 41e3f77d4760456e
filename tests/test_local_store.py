"""The store on disk: whole commits, one writer, any number of readers, and files that can be damaged or moved."""

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
from galleries import index, ranked
from lookalike import Gallery, GalleryError
from lookalike.errors import (
    GalleryDamagedError,
    GalleryExistsError,
    GalleryLockedError,
    GalleryNotFoundError,
    GalleryWriteError,
)
from lookalike.gallery.local import schema
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.store import Calibration, Changes, Store
from lookalike.images.files import FileStat, SkipKind, Skipped
from stores import STAT, check, digest_of, made, vector_of, write

AsNobody = Callable[[], AbstractContextManager[None]]
Driver = Callable[..., subprocess.Popen[bytes]]
DATABASE = "gallery.sqlite3"
VECTORS = "vectors-1.f32"
HEADER, ROW = 64, 4 * SPEC.dimension


def test_a_local_store_is_a_store(tmp_path: Path):
    """It has everything that the protocol asks of a store."""
    with closing(made(tmp_path)) as store:
        a_store: Store = store
        assert a_store.stamp == SPEC


def test_what_is_committed_is_there_for_whoever_opens_it_next(tmp_path: Path):
    """Entries, vectors, skips and calibration outlive the process that wrote them."""
    skipped = Skipped("c.jpg", SkipKind.DAMAGED, "truncated", FileStat(4, 5, 6))
    folder_problem = Skipped("d", SkipKind.UNREADABLE_FOLDER, "no permission")
    calibration = Calibration(np.array([0, 1]), np.array([1, 0]), np.array([0.5, 0.5]), 2)
    with closing(made(tmp_path, "b.jpg", "a.jpg")) as store:
        store.commit(Changes(skipped=[folder_problem, skipped]))
        store.calibrate(calibration)
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        assert check(store) == ["a.jpg", "b.jpg"]
        assert [entry.stat for entry in store.entries()] == [STAT, STAT]
        assert store.skips() == [skipped, folder_problem]
        kept = store.calibration()
        assert kept is not None
        assert (kept.rows.tolist(), kept.best_rows.tolist(), kept.scores.tolist(), kept.through) == (
            [0, 1],
            [1, 0],
            [0.5, 0.5],
            2,
        )


def test_a_commit_that_fails_half_way_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the last of a commit's changes fails, none of them has happened, and the next commit is right."""
    with closing(made(tmp_path, "a.jpg")) as store:

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        changes = Changes(
            writes=[write("b.jpg"), write("a.jpg", "changed")],
            removed=["a.jpg"],
            skipped=[Skipped("c.jpg", SkipKind.EMPTY, "empty")],
        )
        with monkeypatch.context() as patch:
            patch.setattr("lookalike.gallery.local.tables.skip", full)
            with pytest.raises(GalleryWriteError, match="disk is full"):
                store.commit(changes)
        assert check(store) == ["a.jpg"]
        assert store.skips() == []
        assert store.written() == 1
        store.commit(Changes(writes=[write("c.jpg")]))
        assert check(store) == ["a.jpg", "c.jpg"]


def test_rows_are_never_used_twice(tmp_path: Path):
    """A vector's place stays empty once its content is forgotten: an older view of the file remains right."""
    with closing(made(tmp_path, "a.jpg", "b.jpg")) as store:
        older = store.vectors()
        store.commit(Changes(removed=["a.jpg", "b.jpg"]))
        store.sweep()
        store.commit(Changes(writes=[write("c.jpg")]))
        assert store.vectors().rows.tolist() == [2]
        assert store.written() == 3
        assert np.array_equal(older.matrix[1], vector_of(digest_of("b.jpg")))


def test_files_of_one_content_share_a_vector(tmp_path: Path):
    """A content is embedded once, in one commit or in several, however many files have it."""
    with closing(made(tmp_path, "a.jpg")) as store:
        store.commit(Changes(writes=[write("b.jpg", "a.jpg", known=True), write("c.jpg", "x"), write("d.jpg", "x")]))
        assert check(store) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        assert store.vectors().rows.tolist() == [0, 0, 1, 1]
        a, b = store.filter(digest=digest_of("a.jpg")).tolist()
        assert store.paths([b, a]) == ["b.jpg", "a.jpg"]


def test_a_moved_entry_keeps_its_id(tmp_path: Path):
    """An entry written to another path is the same entry."""
    with closing(made(tmp_path, "a.jpg")) as store:
        (entry,) = store.entries()
        store.commit(Changes(writes=[write("b.jpg", "a.jpg", known=True, moved=entry.id)]))
        assert [(e.id, e.path) for e in store.entries()] == [(entry.id, "b.jpg")]


def test_ids_are_never_given_twice(tmp_path: Path):
    """An entry that is gone leaves its id unused."""
    with closing(made(tmp_path, "a.jpg")) as store:
        (entry,) = store.entries()
        store.commit(Changes(removed=["a.jpg"]))
        store.commit(Changes(writes=[write("a.jpg", known=True)]))
        assert store.entries()[0].id != entry.id


def test_sweeping_forgets_only_what_no_entry_has(tmp_path: Path):
    """Contents that entries have stay, others go, with what the calibration said of them."""
    with closing(made(tmp_path, "a.jpg", "b.jpg", "c.jpg")) as store:
        store.calibrate(Calibration(np.arange(3), np.array([1, 0, 0]), np.full(3, 0.5), 3))
        store.commit(Changes(removed=["b.jpg"]))
        assert sorted(store.sample(10)) == [0, 1, 2]
        store.sweep()
        assert sorted(store.sample(10)) == [0, 2]
        kept = store.calibration()
        assert kept is not None
        assert kept.rows.tolist() == [2]
        assert check(store) == ["a.jpg", "c.jpg"]


def test_a_sample_changes_little_while_the_gallery_grows(tmp_path: Path):
    """Each content has a fixed place in the order that samples are drawn in."""
    with closing(made(tmp_path, *(f"{number}.jpg" for number in range(50)))) as store:
        before = store.sample(20)
        assert len(before) == 20
        store.commit(Changes(writes=[write(f"{number}.jpg") for number in range(50, 55)]))
        after = store.sample(20)
        assert set(after.tolist()) - set(range(50, 55)) <= set(before.tolist())


def test_a_reader_sees_whole_commits_while_another_process_writes(tmp_path: Path, driver: Driver):
    """At any moment a reader finds five entries of one generation, and the note that was committed with them."""
    made(tmp_path, *(f"-1-{number}.jpg" for number in range(5))).close()
    with (
        driver("rewrite", tmp_path / ".lookalike", 150) as process,
        closing(LocalStore.open(tmp_path / ".lookalike")) as store,
    ):
        seen = set()
        while process.poll() is None:
            with store.snapshot():
                paths, skips = check(store), store.skips()
            (generation,) = {path.rpartition("-")[0] for path in paths}
            assert len(paths) == 5
            assert generation == (skips[0].reason if skips else "-1")
            seen.add(generation)
        assert process.returncode == 0, process.stderr and process.stderr.read()
    assert len(seen) > 2


def test_a_view_stays_what_it_was_inside_a_snapshot(tmp_path: Path):
    """What is read inside one snapshot belongs to one commit, whatever a writer commits meanwhile."""
    with closing(made(tmp_path, "a.jpg")) as writer, closing(LocalStore.open(tmp_path / ".lookalike")) as reader:
        with reader.snapshot():
            assert check(reader) == ["a.jpg"]
            writer.commit(Changes(writes=[write("b.jpg")], removed=["a.jpg"]))
            assert check(reader) == ["a.jpg"]
        assert check(reader) == ["b.jpg"]


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path, driver: Driver):
    """While one process writes, another is told so at once; when it has finished, the way is free."""
    made(tmp_path).close()
    folder = tmp_path / ".lookalike"
    with driver("hold", folder, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(GalleryLockedError, match="another process is writing"):
            LocalStore.open(folder, writing=True)
        LocalStore.open(folder).close()
        process.communicate(b"\n")
    LocalStore.open(folder, writing=True).close()


def test_a_killed_writer_holds_no_lock(tmp_path: Path, driver: Driver):
    """The lock ends with the process, even if it is killed."""
    made(tmp_path).close()
    with driver("hold", tmp_path / ".lookalike", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        process.kill()
    LocalStore.open(tmp_path / ".lookalike", writing=True).close()


def test_a_database_that_another_program_keeps_busy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where some other program holds the database itself, the error says that it is busy."""
    monkeypatch.setattr("lookalike.gallery.local.database._PATIENCE_SECONDS", 0.0)
    made(tmp_path, "a.jpg").close()
    with (
        closing(LocalStore.open(tmp_path / ".lookalike", writing=True)) as store,
        closing(sqlite3.connect(tmp_path / ".lookalike" / DATABASE, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryLockedError, match="busy; try again"):
            store.commit(Changes(writes=[write("b.jpg")]))
        other.execute("ROLLBACK")
        store.commit(Changes(writes=[write("b.jpg")]))
        assert check(store) == ["a.jpg", "b.jpg"]


def test_a_reader_cannot_write(tmp_path: Path):
    """A store opened for reading refuses every change and says why."""
    made(tmp_path, "a.jpg").close()
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        for change in (
            lambda: store.commit(Changes(removed=["a.jpg"])),
            lambda: store.move_root(tmp_path),
            lambda: store.calibrate(Calibration(np.arange(0), np.arange(0), np.zeros(0), 0)),
        ):
            with pytest.raises(GalleryError, match="open for reading only"):
                change()
        assert check(store) == ["a.jpg"]


def test_a_gallery_is_made_only_once(tmp_path: Path):
    """Where there is a gallery already, none is made, and the one that is there stays."""
    made(tmp_path, "a.jpg").close()
    with pytest.raises(GalleryExistsError):
        LocalStore.create(tmp_path / ".lookalike", tmp_path, SPEC)
    with closing(LocalStore.open(tmp_path / ".lookalike")) as store:
        assert check(store) == ["a.jpg"]


def test_rows_that_a_torn_write_left_are_overwritten(tmp_path: Path):
    """Vectors behind the last committed row count for nothing, and the next commit takes their place."""
    made(tmp_path, "a.jpg").close()
    file = tmp_path / ".lookalike" / VECTORS
    with file.open("ab") as torn:
        torn.write(b"\x7f" * (5 * ROW + 13))
    with closing(LocalStore.open(tmp_path / ".lookalike", writing=True)) as store:
        assert check(store) == ["a.jpg"]
        store.commit(Changes(writes=[write("b.jpg")]))
        assert check(store) == ["a.jpg", "b.jpg"]
    assert file.stat().st_size == HEADER + 2 * ROW


def garbage(file: Path) -> None:
    """Fill a file with bytes that mean nothing."""
    file.write_bytes(b"\x5a" * file.stat().st_size)


def scribble(file: Path) -> None:
    """Overwrite the middle of a file, behind its header."""
    content = bytearray(file.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    file.write_bytes(content)


def cut_short(file: Path) -> None:
    """Take away a file's last bytes."""
    os.truncate(file, file.stat().st_size - 5)


def cut_in_half(file: Path) -> None:
    """Take away a file's second half."""
    os.truncate(file, file.stat().st_size // 2)


def other_dimension(file: Path) -> None:
    """Make the header say another number of numbers a vector."""
    content = bytearray(file.read_bytes())
    content[20] += 1
    file.write_bytes(content)


def not_numbers(file: Path) -> None:
    """Fill the first vector with bits that are no numbers."""
    content = bytearray(file.read_bytes())
    content[HEADER : HEADER + ROW] = b"\xff" * ROW
    file.write_bytes(content)


def another_database(file: Path) -> None:
    """Put some other program's database in the place."""
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE pictures (path)")


def no_stamp(file: Path) -> None:
    """Take the encoder's stamp away."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("PRAGMA foreign_keys = OFF; DELETE FROM stamps")


def strange_stamp(file: Path) -> None:
    """Make the stamp unreadable."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("UPDATE stamps SET spec = '{}'")


def missing_table(file: Path) -> None:
    """Take a table away."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP TABLE entries")


def _overwritten(file: Path, value: float) -> None:
    vectors = bytearray(file.read_bytes())
    row = HEADER + 5 * ROW
    vectors[row : row + ROW] = np.full(SPEC.dimension, value, "<f4").tobytes()
    file.write_bytes(vectors)


def too_long_a_vector(file: Path) -> None:
    """Make one vector of sevens."""
    _overwritten(file, 7.0)


def a_vector_of_zeros(file: Path) -> None:
    """Make one vector nothing, as a page that was never written is."""
    _overwritten(file, 0.0)


def rows_beyond_the_end(file: Path) -> None:
    """Name vectors that were never written."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("UPDATE embeddings SET row = row + 100")


def unknown_kind(file: Path) -> None:
    """Give a skipped file a kind that nobody knows."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("INSERT INTO skips VALUES (x'61', 'moonlight', '', NULL, NULL, NULL)")


def use(root: Path, encoder: FakeEncoder) -> None:
    """Open a gallery and read all that there is to read."""
    with Gallery.open(root, encoder=encoder) as gallery:
        gallery.search(root / "3.png")
        gallery.status()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (DATABASE, garbage),
        (DATABASE, scribble),
        (DATABASE, cut_in_half),
        (DATABASE, another_database),
        (DATABASE, no_stamp),
        (DATABASE, strange_stamp),
        (DATABASE, missing_table),
        (VECTORS, Path.unlink),
        (VECTORS, garbage),
        (VECTORS, cut_short),
        (VECTORS, other_dimension),
        (VECTORS, not_numbers),
        (VECTORS, too_long_a_vector),
        (VECTORS, a_vector_of_zeros),
        (DATABASE, rows_beyond_the_end),
        (DATABASE, unknown_kind),
    ],
)
def test_damage_is_told_with_the_file_and_the_way_out(
    name: str, damage: Callable[[Path], None], tmp_path: Path, fake: FakeEncoder
):
    """A gallery that is damaged says which file is, and what to do; done so, it works again."""
    for number in range(40):
        drawn(tmp_path / f"{number}.png", number)
    index(tmp_path, fake).close()
    folder = tmp_path / ".lookalike"
    damage(folder / name)
    with pytest.raises(GalleryDamagedError) as caught:
        use(tmp_path, fake)
    assert str(folder / name) in str(caught.value)
    assert f"delete {folder / DATABASE} and index again" in str(caught.value)
    (folder / DATABASE).unlink()
    with index(tmp_path, fake) as gallery:
        assert len(ranked(gallery, tmp_path / "3.png", 100)) == 39


@pytest.mark.parametrize("damage", [cut_short, Path.unlink, garbage])
def test_an_update_that_finds_nothing_new_tells_of_damage(damage: Callable[[Path], None], tmp_path: Path):
    """Vectors that are missing are told of even where nothing has to be read or written."""
    encoder = FakeEncoder()
    for number in range(3):
        drawn(tmp_path / f"{number}.png", number)
    with index(tmp_path, encoder) as gallery:
        damage(gallery.path / VECTORS)
        with pytest.raises(GalleryDamagedError, match=VECTORS):
            gallery.update()


@pytest.mark.parametrize("damage", [cut_short, Path.unlink, garbage])
def test_nothing_is_added_to_vectors_that_are_damaged(damage: Callable[[Path], None], tmp_path: Path):
    """A commit onto a damaged file of vectors is refused instead of leaving a gap in it."""
    with closing(made(tmp_path, "a.jpg", "b.jpg")) as store:
        damage(tmp_path / ".lookalike" / VECTORS)
        with pytest.raises(GalleryDamagedError, match=VECTORS):
            store.commit(Changes(writes=[write("c.jpg")]))


def test_leftovers_of_a_deleted_database_do_no_harm(tmp_path: Path):
    """A new gallery takes nothing from the log of one that was killed and whose database was then deleted."""
    with closing(made(tmp_path, "a.jpg")) as store:
        store.commit(Changes(writes=[write("b.jpg")]))
        left = shutil.copytree(tmp_path / ".lookalike", tmp_path / "left")
    assert (left / f"{DATABASE}-wal").exists()
    (left / DATABASE).unlink()
    with closing(LocalStore.create(left, tmp_path, SPEC)) as store:
        assert check(store) == []


def test_an_unfinished_creation_is_begun_anew(tmp_path: Path):
    """What a creation that was interrupted left behind is no gallery, and doesn't hinder a new one."""
    folder = tmp_path / ".lookalike"
    folder.mkdir()
    (folder / f"{DATABASE}-new").write_bytes(b"half a database")
    (folder / f"{DATABASE}-new-journal").write_bytes(b"half a journal")
    (folder / VECTORS).write_bytes(b"half a header")
    with pytest.raises(GalleryNotFoundError):
        Gallery.open(folder)
    with closing(made(tmp_path, "a.jpg")) as store:
        assert check(store) == ["a.jpg"]


def test_a_newer_gallery_is_refused_and_left_alone(tmp_path: Path):
    """A gallery of a later version is neither read nor written; the message says to update the program."""
    made(tmp_path, "a.jpg").close()
    file = tmp_path / ".lookalike" / DATABASE
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for writing in (False, True):
        with pytest.raises(GalleryError, match="made by a newer Lookalike") as caught:
            LocalStore.open(file.parent, writing=writing)
        assert str(file) in str(caught.value)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_an_older_gallery_is_brought_up_to_date_by_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A reader of an older gallery is told what to do; a writer migrates it, and nothing in it is lost."""
    made(tmp_path, "a.jpg").close()
    folder = tmp_path / ".lookalike"
    newer = (*schema.MIGRATIONS, "CREATE TABLE notes (text TEXT) STRICT; INSERT INTO notes VALUES ('new')")
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    with pytest.raises(GalleryError, match="older version; lookalike index brings it up to date"):
        LocalStore.open(folder)
    LocalStore.open(folder, writing=True).close()
    with closing(LocalStore.open(folder)) as store:
        assert check(store) == ["a.jpg"]
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        assert connection.execute("SELECT text FROM notes").fetchall() == [("new",)]


def test_a_migration_that_fails_leaves_the_older_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A migration happens whole or not at all."""
    made(tmp_path, "a.jpg").close()
    folder = tmp_path / ".lookalike"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE notes (text); DROP TABLE nothing"))
        with pytest.raises(GalleryError):
            LocalStore.open(folder, writing=True)
    with closing(LocalStore.open(folder, writing=True)) as store:
        assert check(store) == ["a.jpg"]
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'notes'").fetchall() == []


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_gallery_that_cannot_be_written_to_can_be_read(interrupted: bool, tmp_path: Path, unprivileged: AsNobody):
    """On a read-only folder everything committed is found, also where the last writer was killed."""
    store = made(tmp_path, "a.jpg")
    store.commit(Changes(writes=[write("b.jpg")]))
    if interrupted:
        folder = Path(shutil.copytree(tmp_path / ".lookalike", tmp_path / "copy"))
        store.close()
    else:
        store.close()
        folder = tmp_path / ".lookalike"
    folder.chmod(0o555)
    with unprivileged(), closing(LocalStore.open(folder)) as reader:
        assert check(reader) == ["a.jpg", "b.jpg"]
    folder.chmod(0o755)


def test_a_reader_that_may_not_write_sees_what_others_commit(tmp_path: Path, unprivileged: AsNobody):
    """It was opened when nobody wrote, and stays open: entries of later commits are in its next answer."""
    made(tmp_path, "a.jpg").close()
    folder = tmp_path / ".lookalike"
    folder.chmod(0o555)
    with unprivileged():
        reader = LocalStore.open(folder)
        assert check(reader) == ["a.jpg"]
    folder.chmod(0o755)
    with closing(LocalStore.open(folder, writing=True)) as writer:
        writer.commit(Changes(writes=[write("b.jpg")]))
    with unprivileged(), closing(reader):
        assert check(reader) == ["a.jpg", "b.jpg"]


def test_commits_that_cannot_be_read_are_not_overlooked(tmp_path: Path, unprivileged: AsNobody):
    """A read-only gallery whose last commits lie in a log that can't be read there is refused, not shown as it was."""
    with closing(made(tmp_path, "a.jpg")):
        folder = Path(shutil.copytree(tmp_path / ".lookalike", tmp_path / "copy"))
    (folder / f"{DATABASE}-shm").unlink()
    folder.chmod(0o555)
    with unprivileged(), pytest.raises(GalleryError, match="copy"):
        LocalStore.open(folder)
    folder.chmod(0o755)
    with closing(LocalStore.open(folder)) as store:
        assert check(store) == ["a.jpg"]


def test_a_gallery_that_cannot_be_written_to_refuses_a_writer(tmp_path: Path, unprivileged: AsNobody):
    """A writer is told that the folder refuses, and how to keep a gallery elsewhere."""
    made(tmp_path, "a.jpg").close()
    (tmp_path / ".lookalike").chmod(0o555)
    with unprivileged(), pytest.raises(GalleryWriteError, match="--gallery PATH"):
        LocalStore.open(tmp_path / ".lookalike", writing=True)
    (tmp_path / ".lookalike").chmod(0o755)


def test_a_gallery_that_may_not_be_read_says_so(tmp_path: Path, unprivileged: AsNobody):
    """Without permission to read the database, the error names the gallery."""
    made(tmp_path, "a.jpg").close()
    (tmp_path / ".lookalike" / DATABASE).chmod(0)
    with unprivileged(), pytest.raises(GalleryError, match=r"\.lookalike"):
        LocalStore.open(tmp_path / ".lookalike")


def test_a_folder_moved_with_its_gallery_works(tmp_path: Path, fake: FakeEncoder):
    """A gallery inside its folder knows the folder by where it lies itself; nothing is encoded again."""
    for number in range(3):
        drawn(tmp_path / "old" / f"{number}.png", number)
    index(tmp_path / "old", fake).close()
    moved = (tmp_path / "old").rename(tmp_path / "deeper, and new")
    with index(moved, fake) as gallery:
        assert gallery.root == moved
        assert len(ranked(gallery, moved / "0.png")) == 2
    assert fake.encoded == 3 + 1


def test_a_gallery_elsewhere_knows_its_folder_absolutely(tmp_path: Path, fake: FakeEncoder):
    """A gallery kept elsewhere can be moved by itself and still finds the photographs."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    index(tmp_path / "photos", fake, tmp_path / "gallery").close()
    moved = (tmp_path / "gallery").rename(tmp_path / "elsewhere")
    with Gallery.open(moved, encoder=fake) as gallery:
        assert gallery.root == tmp_path / "photos"
        assert len(ranked(gallery, tmp_path / "photos" / "0.png")) == 2


def test_a_gallery_elsewhere_follows_a_folder_that_was_moved(tmp_path: Path, fake: FakeEncoder):
    """Told where the photographs lie now, a gallery goes on; a folder that is still there isn't given up."""
    for number in range(3):
        drawn(tmp_path / "photos" / f"{number}.png", number)
    index(tmp_path / "photos", fake, tmp_path / "gallery").close()
    drawn(tmp_path / "other" / "x.png", 9)
    with Gallery.open(tmp_path / "gallery", encoder=fake, writing=True) as gallery:
        with pytest.raises(GalleryError, match="this is the gallery of"):
            gallery.expect_root(tmp_path / "other")
        (tmp_path / "photos").rename(tmp_path / "moved")
        with pytest.raises(GalleryError, match="is not there; the gallery is kept as it was"):
            gallery.update()
        with pytest.raises(GalleryError, match="no such folder"):
            gallery.expect_root(tmp_path / "nowhere")
        gallery.expect_root(tmp_path / "moved")
        report = gallery.update()
    assert (report.unchanged, report.encoded, report.removed) == (3, 0, 0)
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery.root == tmp_path / "moved"


@pytest.mark.skipif(os.name == "nt", reason="Windows doesn't allow such names")
@pytest.mark.parametrize("name", [b"two\nlines", b"100% #1?", b"\xff\xfe", "\U0001f600".encode()])
def test_a_gallery_can_lie_in_a_folder_of_any_name(name: bytes, tmp_path: Path, fake: FakeEncoder):
    """Percent signs, question marks, line breaks and stray bytes in the gallery's own path do no harm."""
    root = tmp_path / os.fsdecode(name)
    for number in range(3):
        drawn(root / f"{number}.png", number)
    index(root, fake).close()
    index(root, fake, tmp_path / "x" / os.fsdecode(name)).close()
    for place in (root, tmp_path / "x" / os.fsdecode(name)):
        with Gallery.open(place, encoder=fake) as gallery:
            assert gallery.root == root
            assert len(ranked(gallery, root / "1.png")) == 2


def test_a_gallery_of_another_encoder_lets_go_of_its_lock(tmp_path: Path, fake: FakeEncoder):
    """Refused for its encoder, a gallery that was opened for writing can be opened again at once."""
    drawn(tmp_path / "a.png", 1)
    index(tmp_path, fake).close()
    with pytest.raises(GalleryError, match="was made with colours"):
        Gallery.open(tmp_path, encoder=FakeEncoder("others"), writing=True)
    Gallery.open(tmp_path, encoder=fake, writing=True).close()


def test_using_a_closed_gallery_is_a_mistake_in_the_program(tmp_path: Path, fake: FakeEncoder):
    """A closed gallery isn't called damaged."""
    drawn(tmp_path / "a.png", 1)
    gallery = index(tmp_path, fake)
    gallery.close()
    gallery.close()
    with pytest.raises(sqlite3.ProgrammingError):
        gallery.status()
