"""Check, repair and copy galleries: every damage is found, and only what is damaged is computed again."""

import contextlib
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Gallery, GalleryError
from lookalike.errors import GalleryDamagedError, GalleryExistsError, GalleryNotFoundError, LookalikeError
from lookalike.gallery import care
from lookalike.gallery.local.care.check import check_files
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.sql import schema
from lookalike.gallery.options import GalleryOptions
from stores import SPEC

DATABASE = "gallery.sqlite3"
VECTORS = "vectors-1.npy"
RECORDS = "vectors-1.rows"
SUMMARY = "gallery.json"
HEADER = VectorFile.header_size
ROW = 4 * SPEC.dimension
RECORD = 128
IMAGES = 40


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty images in two folders, one of them a copy of another, a file that is no image, and their gallery."""
    root = tmp_path_factory.mktemp("master")
    (root / "sub").mkdir()
    for number in range(IMAGES - 1):
        drawn(root / ("sub" if number % 2 else "") / f"{number:02}.png", number)
    shutil.copy(root / "04.png", root / "copy.png")
    (root / "text.jpg").write_text("text")
    with index(root, FakeEncoder()) as gallery:
        gallery.set_options(GalleryOptions().with_changes(exclude=("*.tmp",)))
        (root / "sub" / "01.png").rename(root / "moved.png")
        gallery.update()
        gallery.annotate({"moved.png": {"km": "1.5", "label": "joint"}, "04.png": {"km": "7"}, "none.png": {"km": "9"}})
    compact(root / ".lookalike")
    return root


def compact(folder: Path) -> None:
    """Write SQLite's log into the database, so that the file alone is the whole."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.fixture
def root(master: Path, tmp_path: Path) -> Path:
    """A copy of these images and their gallery, with the same times."""
    return Path(shutil.copytree(master, tmp_path / "photos"))


def content(root: Path) -> tuple[Any, ...]:
    """All that a user sees: ids, paths, embeddings, hits, options, skipped files.

    The id of a copy is left out: where no database can be read, an id is known for one image of each content only.
    """
    with Gallery.open(root, encoder=FakeEncoder()) as gallery:
        images = [
            (image.id if image.path != "copy.png" else "", image.path, vector.tobytes(), properties_of(image.values))
            for image, vector in gallery.iter_embeddings()
        ]
        found = gallery.search(root / "06.png", 50).hits
        hits = [(hit.path, hit.score, hit.percentile, properties_of(hit.values)) for hit in found]
        status = gallery.status()
        skipped = [(skip.path, skip.reason) for skip in status.skipped]
        return images, hits, gallery.options, gallery.stamp, skipped, status.images, status.offline


def properties_of(values: Mapping[str, str]) -> list[str | None]:
    """What is known of an image from its file; annotations are lost with the database."""
    return [values.get(name) for name in ("width", "height", "camera")]


def repaired(root: Path) -> tuple[care.RepairReport, int]:
    """The report of a repair, and how many images were encoded."""
    fake = FakeEncoder()
    report = care.repair(root, load=lambda *_, **__: fake)
    return report, fake.encoded


def test_a_sound_gallery_has_no_findings(root: Path):
    """Neither does a check change anything, nor a repair."""
    before = content(root)
    files = {file.name: file.read_bytes() for file in (root / ".lookalike").iterdir() if file.suffix != ".sqlite3-shm"}
    assert care.check(root, deep=True) == (root / ".lookalike", [])
    assert repaired(root)[0].update is None
    assert {name: (root / ".lookalike" / name).read_bytes() for name in files} == files
    assert content(root) == before


def fill_with_garbage(file: Path) -> None:
    """Overwrite the whole file with meaningless bytes."""
    file.write_bytes(b"\x5a" * file.stat().st_size)


def overwrite_most(file: Path) -> None:
    """Overwrite all but the first 4 KiB with meaningless bytes."""
    content = bytearray(file.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    file.write_bytes(content)


def overwrite_a_page(file: Path) -> None:
    """Overwrite a page in the middle of a database."""
    content = bytearray(file.read_bytes())
    page = len(content) // 8192 * 4096
    content[page : page + 4096] = b"\x5a" * 4096
    file.write_bytes(content)


def truncate_to_half(file: Path) -> None:
    """Truncate the second half of a file."""
    os.truncate(file, file.stat().st_size // 2)


def truncate_to_nothing(file: Path) -> None:
    """Leave an empty file."""
    os.truncate(file, 0)


def change_dimension(file: Path) -> None:
    """Change the dimension in the header."""
    content = bytearray(file.read_bytes())
    place = content.index(b", %d)" % SPEC.dimension)
    content[place + 2] += 1
    file.write_bytes(content)


def overwrite_row(value: float) -> Callable[[Path], None]:
    """Overwrite one vector with a value."""

    def damage(file: Path) -> None:
        vectors = bytearray(file.read_bytes())
        row = HEADER + 5 * ROW
        vectors[row : row + ROW] = np.full(SPEC.dimension, value, "<f4").tobytes()
        file.write_bytes(vectors)

    return damage


def swap_rows(file: Path) -> None:
    """Swap two vectors."""
    content = bytearray(file.read_bytes())
    first, second = (slice(HEADER + row * ROW, HEADER + (row + 1) * ROW) for row in (3, 9))
    content[first], content[second] = content[second], content[first]
    file.write_bytes(content)


def flip_a_bit(place: int) -> Callable[[Path], None]:
    """Flip one bit of a file."""

    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[place] ^= 4
        file.write_bytes(content)

    return damage


def sql(script: str) -> Callable[[Path], None]:
    """Run a script on a database."""

    def damage(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)

    return damage


def replace_by_other_database(file: Path) -> None:
    """Replace the file by another program's database."""
    file.unlink()
    sql("CREATE TABLE images (path)")(file)


def replace_by_another_gallery(file: Path) -> None:
    """Replace a file by that of another gallery with as many images."""
    other = file.parent.parent / "other"
    other.mkdir()
    for number in range(IMAGES):
        drawn(other / f"{number}.png", 500 + number)
    index(other, FakeEncoder()).close()
    compact(other / ".lookalike")
    shutil.move(other / ".lookalike" / file.name, file)
    shutil.rmtree(other)


ALL = IMAGES - 1  # distinct contents

DAMAGES: list[tuple[str, Callable[[Path], None], int]] = [
    (DATABASE, Path.unlink, 0),
    (DATABASE, fill_with_garbage, 0),
    (DATABASE, overwrite_most, 0),
    (DATABASE, overwrite_a_page, 0),
    (DATABASE, truncate_to_half, 0),
    (DATABASE, truncate_to_nothing, 0),
    (DATABASE, replace_by_other_database, 0),
    (DATABASE, replace_by_another_gallery, 0),
    (DATABASE, sql("PRAGMA foreign_keys = OFF; DELETE FROM stamps"), 0),
    (DATABASE, sql("UPDATE stamps SET spec = '{}'"), 0),
    (DATABASE, sql('UPDATE stamps SET spec = replace(spec, \'"name": "\', \'"name": "x\')'), 0),
    (DATABASE, sql("DROP TABLE entries"), 0),
    (DATABASE, sql("DROP INDEX entries_by_content"), 0),
    (DATABASE, sql("UPDATE embeddings SET row = row + 100"), 0),
    (DATABASE, sql("UPDATE embeddings SET row = -row - 1; UPDATE embeddings SET row = -row % 39"), 0),
    (DATABASE, sql("UPDATE entries SET content = (SELECT max(id) FROM contents) WHERE id = 3"), 0),
    (DATABASE, sql("UPDATE contents SET digest = zeroblob(32) WHERE id = 5"), 0),
    (DATABASE, sql("UPDATE entries SET path = x'7a2e706e67' WHERE id = 7"), 0),
    (DATABASE, sql("UPDATE entries SET path = x'2e2e2f7a2e706e67' WHERE id = 7"), 0),
    (DATABASE, sql("UPDATE calibration SET score = score / 2"), 0),
    (
        DATABASE,
        sql("UPDATE meta SET value = replace(value, '200000000', '900000000') WHERE key = 'gallery.options'"),
        0,
    ),
    (DATABASE, sql("UPDATE meta SET value = x'00' WHERE key = 'id'"), 0),
    (DATABASE, sql("UPDATE properties SET width = 41, camera = 'x' WHERE content = 3"), 0),
    (DATABASE, sql("INSERT INTO skips (path, kind, reason) VALUES (x'61', 'moonlight', '')"), 0),
    (DATABASE, sql("CREATE TRIGGER spy AFTER INSERT ON entries BEGIN DELETE FROM entries; END"), 0),
    (VECTORS, Path.unlink, ALL),
    (VECTORS, fill_with_garbage, ALL),
    (VECTORS, truncate_to_nothing, ALL),
    (VECTORS, change_dimension, ALL),
    (VECTORS, replace_by_another_gallery, ALL),
    (VECTORS, overwrite_row(float("nan")), 1),
    (VECTORS, overwrite_row(7.0), 1),
    (VECTORS, overwrite_row(0.0), 1),
    (VECTORS, swap_rows, 2),
    (VECTORS, flip_a_bit(HEADER + 20 * ROW + 4), 1),
    (RECORDS, Path.unlink, 0),
    (RECORDS, fill_with_garbage, 0),
    (RECORDS, replace_by_another_gallery, 0),
    (RECORDS, flip_a_bit(64 + 12 * RECORD + 3), 1),
    (RECORDS, flip_a_bit(64 + 12 * RECORD + 36), 1),
]


@pytest.mark.parametrize(("name", "damage", "lost"), DAMAGES)
def test_damage_is_found_and_repaired(name: str, damage: Callable[[Path], None], lost: int, root: Path):
    """A check finds it, searches never answer differently, and a repair computes no more than was lost."""
    before = content(root)
    damage(root / ".lookalike" / name)
    assert any(finding.is_damage for finding in check_files(root / ".lookalike"))
    with contextlib.suppress(LookalikeError):
        assert content(root)[:2] == before[:2]
    report, encoded = repaired(root)
    assert report.findings
    assert lost <= encoded <= lost + (lost == ALL)  # copies may be encoded in one batch
    assert care.check(root, deep=True)[1] == []
    assert content(root) == before


def annotations(root: Path) -> dict[str, dict[str, str]]:
    """The annotations of all images that have any."""
    with Gallery.open(root) as gallery:
        columns = gallery.columns()
        values = {image.path: image.values for image, _ in gallery.iter_embeddings()}
    own = {path: {name: known[name] for name in columns if name in known} for path, known in values.items()}
    return {path: fields for path, fields in own.items() if fields}


KM = {"04.png": "7", "moved.png": "1.5"}
ANNOTATIONS = {"04.png": {"km": "7"}, "moved.png": {"km": "1.5", "label": "joint"}}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("UPDATE entries SET checksum = 1 WHERE id = 3", ANNOTATIONS),
        (
            "UPDATE annotations SET value = 'x' WHERE name = 'label'",
            {name: {"km": km} for name, km in KM.items()},
        ),
        ("UPDATE annotations SET number = 8 WHERE path = '04.png'", ANNOTATIONS),
        ("UPDATE annotations SET compared = 'x', checksum = 0", {}),
        ("UPDATE properties SET width = width + 1", ANNOTATIONS),
    ],
)
def test_annotations_survive_a_repair(change: str, left: dict[str, dict[str, str]], root: Path):
    """All that are sound are kept; the report names their columns, because others may be lost."""
    sql(change.replace("'04.png'", "x'30342e706e67'"))(root / ".lookalike" / DATABASE)
    assert any(finding.is_damage for finding in check_files(root / ".lookalike"))
    report, _ = repaired(root)
    assert report.rebuilt is not None
    assert report.rebuilt.columns == ("km", "label")
    assert annotations(root) == left
    assert care.check(root)[1] == []


def test_labels_are_read_again_after_a_repair(root: Path):
    """Where the database is lost, the labels.csv of the folder of images gives what it has once more."""
    (root / "labels.csv").write_text("path,label\n04.png,joint\n")
    with index(root, FakeEncoder()):
        (root / ".lookalike" / DATABASE).unlink()
    assert repaired(root)[0].rebuilt is not None
    assert annotations(root) == {"04.png": {"label": "joint"}}


@pytest.mark.parametrize("name", [DATABASE, VECTORS, RECORDS])
@pytest.mark.parametrize("damage", [Path.unlink, fill_with_garbage])
def test_a_finding_names_the_damaged_file(damage: Callable[[Path], None], name: str, root: Path):
    """So do the errors of searches and updates."""
    damage(root / ".lookalike" / name)
    assert [finding.file for finding in check_files(root / ".lookalike")] == [name]
    for use in (lambda: content(root), lambda: Gallery.open(root, encoder=FakeEncoder(), writing=True)):
        with pytest.raises(GalleryDamagedError, match="lookalike repair") as caught:
            use()
        assert caught.value.file == name


def test_the_error_names_the_file_and_the_repair(root: Path):
    """It says that images are not affected, and how to go on."""
    fill_with_garbage(root / ".lookalike" / DATABASE)
    with pytest.raises(GalleryDamagedError) as caught:
        Gallery.open(root)
    assert str(root / ".lookalike" / DATABASE) in str(caught.value)
    assert f"lookalike repair --gallery {root / '.lookalike'}" in str(caught.value)


def test_a_gallery_of_which_nothing_is_known_can_not_be_repaired(root: Path):
    """Without database and summary, the error says what to do; nothing is changed."""
    fill_with_garbage(root / ".lookalike" / DATABASE)
    (root / ".lookalike" / SUMMARY).write_text("[" * 100_000)
    with pytest.raises(GalleryDamagedError, match="run lookalike index again"):
        care.repair(root)
    assert (root / ".lookalike" / VECTORS).stat().st_size == HEADER + ALL * ROW


def test_a_lost_summary_is_written_again(root: Path):
    """It is no damage: the next writer writes it."""
    (root / ".lookalike" / SUMMARY).unlink()
    (finding,) = check_files(root / ".lookalike")
    assert (finding.file, finding.is_damage) == (SUMMARY, False)
    index(root, FakeEncoder()).close()
    assert check_files(root / ".lookalike") == []


def test_an_interrupted_repair_is_completed(root: Path):
    """A repair that was killed when the old database was out of the way loses no ids."""
    before = content(root)
    sql("UPDATE calibration SET score = score / 2")(root / ".lookalike" / DATABASE)
    (root / ".lookalike" / DATABASE).rename(root / ".lookalike" / f"{DATABASE}-damaged")
    (root / ".lookalike" / f"{DATABASE}-new").write_bytes(b"half a database")
    assert repaired(root)[1] == 0
    assert content(root) == before


def test_images_that_are_found_after_a_repair_keep_their_ids(root: Path):
    """After the database is lost, also if their disk is not there during the repair, and the next update finds them."""
    before = content(root)
    (root / ".lookalike" / DATABASE).unlink()
    (root / "sub").rename(root.parent / "sub")
    assert repaired(root)[0].update is not None
    assert 0 < len(content(root)[0]) < len(before[0])
    (root.parent / "sub").rename(root / "sub")
    with index(root, FakeEncoder()):
        pass
    assert content(root) == before


def test_a_gallery_of_the_format_before_is_checked_copied_and_repaired(root: Path, tmp_path: Path):
    """It only lacks values and the table of former ids."""
    drop = "DROP TABLE annotations; DROP TABLE properties; DROP TABLE former_ids; PRAGMA user_version = 4"
    before = content(root)
    sql(drop)(root / ".lookalike" / DATABASE)
    assert check_files(root / ".lookalike") == []
    care.backup(root, tmp_path / "backup")
    assert check_files(tmp_path / "backup") == []
    sql("UPDATE calibration SET score = score / 2")(root / ".lookalike" / DATABASE)
    assert repaired(root)[1] == 0
    assert content(root) == before


def test_a_repair_that_ended_before_it_encoded_is_completed_by_the_next(root: Path):
    """Images whose embedding was damaged have none then, which a check tells."""
    before = content(root)
    flip_a_bit(HEADER + 7 * ROW + 1)(root / ".lookalike" / VECTORS)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        care.repair(root, load=lambda *_, **__: FakeEncoder(before=interrupted))
    (finding,) = check_files(root / ".lookalike")
    assert "1 image without an embedding" in str(finding)
    assert repaired(root)[1] == 1
    assert content(root) == before


def compact_away(root: Path) -> None:
    """Delete SQLite's log, which the original doesn't have."""
    for suffix in ("-wal", "-shm"):
        (root / ".lookalike" / f"{DATABASE}{suffix}").unlink(missing_ok=True)


def test_bit_flips_in_vectors_are_found_by_searches(root: Path):
    """A search of a small gallery reads all checksums; so does an update that reads embeddings."""
    flip_a_bit(HEADER + 7 * ROW + 1)(root / ".lookalike" / VECTORS)
    with Gallery.open(root, encoder=FakeEncoder()) as gallery:
        with pytest.raises(GalleryDamagedError, match="wrong checksum of 1 vector"):
            gallery.search(root / "06.png")
        with pytest.raises(GalleryDamagedError, match="wrong checksum of 1 vector"):
            list(gallery.iter_embeddings())


def copies(master: Path, tmp_path: Path) -> Iterator[tuple[Path, set[str]]]:
    """Copies of a gallery in which some files are of an earlier moment, as if copied before the others."""
    early = Path(shutil.copytree(master, tmp_path / "early"))
    late = Path(shutil.copytree(master, tmp_path / "late"))
    for number in range(8):
        drawn(late / f"late{number}.png", 800 + number)
    index(late, FakeEncoder()).close()
    files = (DATABASE, VECTORS, RECORDS, SUMMARY)
    for count in range(1, len(files)):
        for old in combinations(files, count):
            copy = Path(shutil.copytree(late, tmp_path / f"copy-{'-'.join(old)}"))
            for name in old:
                shutil.copy(early / ".lookalike" / name, copy / ".lookalike" / name)
            yield copy, set(old)


def test_copies_in_any_order_open_say_what_they_lack_and_heal(master: Path, tmp_path: Path):
    """Whichever file was copied first, the next update makes the copy complete, and encodes only what is not there."""
    for copy, old in copies(master, tmp_path):
        compact_away(copy)
        with Gallery.open(copy, encoder=FakeEncoder()) as gallery:
            gallery.search(copy / "06.png", 100)
            shortfall = gallery.shortfall()
        rows_are_old = bool(old & {VECTORS, RECORDS})
        assert shortfall.unknown == (8 if DATABASE in old and not rows_are_old else 0)
        assert shortfall.missing == (8 if DATABASE not in old and rows_are_old else 0)
        assert not any(finding.is_damage for finding in check_files(copy / ".lookalike"))
        fake = FakeEncoder()
        with index(copy, fake) as gallery:
            assert fake.encoded == (8 if rows_are_old else 0)
            assert len(gallery) == IMAGES + 8
            assert len(gallery.search(copy / "06.png", 100).hits) == IMAGES + 7
            assert not gallery.shortfall()
        assert check_files(copy / ".lookalike") == []


def test_a_copy_without_the_log_of_the_database(tmp_path: Path):
    """While a gallery is in use, its commits may be in the log only; a copy without it is not taken for empty."""
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(12):
        drawn(root / f"{number}.png", number)
    with index(root, FakeEncoder()):
        copy = Path(shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns("*-wal", "*-shm")))
    with Gallery.open(copy, encoder=FakeEncoder()) as gallery:
        assert gallery.shortfall().unknown == 12
    fake = FakeEncoder()
    with index(copy, fake) as gallery:
        assert len(gallery) == 12
        assert fake.encoded == 0


def test_a_writer_at_work_is_no_shortfall(root: Path):
    """A reader that looks between the writing of vectors and the commit doesn't report them as lacking."""
    with Gallery.open(root, encoder=FakeEncoder(), writing=True):
        with (root / ".lookalike" / VECTORS).open("ab") as file:
            file.write(bytes(ROW))
        with (root / ".lookalike" / RECORDS).open("ab") as file:
            file.write(bytes(RECORD))
        with Gallery.open(root, encoder=FakeEncoder()) as reader:
            assert not reader.shortfall()
        assert check_files(root / ".lookalike") == []
    with Gallery.open(root, encoder=FakeEncoder()) as reader:
        assert reader.shortfall().unknown == 1


def test_a_backup_is_complete_and_independent(root: Path, tmp_path: Path):
    """It answers like the gallery, wherever it is, and while another process writes."""
    before = content(root)
    with Gallery.open(root, encoder=FakeEncoder(), writing=True) as gallery:
        drawn(root / "new.png", 900)
        assert care.backup(root, tmp_path / "backup") == root / ".lookalike"
        gallery.update()
    assert care.check(tmp_path / "backup", deep=True)[1] == []
    with Gallery.open(tmp_path / "backup", encoder=FakeEncoder()) as copy:
        assert copy.root == root
        assert [(image.path, vector.tobytes()) for image, vector in copy.iter_embeddings()] == [
            (path, vector) for _, path, vector, _ in before[0]
        ]
    fake = FakeEncoder()
    with Gallery.open(tmp_path / "backup", encoder=fake, writing=True) as copy:
        assert copy.update().added == 1


def test_backups_during_updates(root: Path, tmp_path: Path):
    """Whatever moment a backup meets, it is one commit, sound and complete."""
    stopped, counts = threading.Event(), []

    def write() -> None:
        with Gallery.open(root, encoder=FakeEncoder(), writing=True) as gallery:
            number = 0
            while not stopped.is_set():
                drawn(root / f"more{number}.png", 2000 + number)
                number += 1
                gallery.update()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(6):
            copy = tmp_path / f"backup{number}"
            care.backup(root, copy)
            assert check_files(copy) == []
            with Gallery.open(copy, encoder=FakeEncoder()) as gallery:
                assert not gallery.shortfall()
                counts.append(len(gallery))
                assert len(list(gallery.iter_embeddings())) == counts[-1]
    finally:
        stopped.set()
        writer.join()
    assert counts == sorted(counts)
    assert counts[-1] > IMAGES


def test_a_backup_of_a_conversion_that_is_not_complete(root: Path, tmp_path: Path):
    """The vectors of both encoders are in it."""
    with Gallery.open(root, encoder=FakeEncoder(), writing=True) as gallery:
        other = FakeEncoder(name="other")
        (root / "08.png").chmod(0o000)
        with contextlib.suppress(GalleryError):
            gallery._store.open_replacement(other.spec, None)
        (root / "08.png").chmod(0o644)
    care.backup(root, tmp_path / "backup")
    assert (tmp_path / "backup" / "vectors-2.npy").exists()
    assert care.check(tmp_path / "backup")[1] == []


def test_a_backup_never_replaces_anything(root: Path, tmp_path: Path):
    """A folder with something in it is refused, and there must be a gallery."""
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "note.txt").write_text("mine")
    with pytest.raises(GalleryExistsError, match="new or empty"):
        care.backup(root, tmp_path / "backup")
    with pytest.raises(GalleryNotFoundError):
        care.backup(tmp_path / "nowhere", tmp_path / "other")


def test_a_deep_check_finds_changed_files(root: Path):
    """Bytes that changed without a new time, as on a failing disk, and files that are gone, are told."""
    file = root / "10.png"
    status = file.stat()
    flip_a_bit(-20)(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    (root / "12.png").unlink()
    _, findings = care.check(root, deep=True)
    assert [(finding.file, finding.is_damage) for finding in findings] == [("10.png", False), ("12.png", False)]
    assert care.check(root)[1] == []


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TRIGGER spy AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "CREATE VIEW spy AS SELECT 1",
        "ALTER TABLE entries RENAME TO real; CREATE VIEW entries AS SELECT * FROM real",
        "ALTER TABLE entries ADD COLUMN spy INTEGER AS (abs(-9223372036854775807))",
    ],
)
@pytest.mark.parametrize("writing", [False, True])
def test_a_gallery_can_not_bring_its_own_sql(script: str, writing: bool, root: Path):
    """Triggers, views and computed columns of others are refused; nothing of them is run."""
    sql(script)(root / ".lookalike" / DATABASE)
    with pytest.raises(GalleryDamagedError, match="triggers, views or computed columns"):
        Gallery.open(root, writing=writing)
    assert any(finding.is_damage for finding in check_files(root / ".lookalike"))


def test_a_gallery_can_not_name_files_outside_of_its_folder(root: Path):
    """A path that leads out of it is refused, even if its checksum is right."""
    path = b"../secret.png"
    with closing(sqlite3.connect(root / ".lookalike" / DATABASE)) as connection, connection:
        (digest,) = connection.execute(
            "SELECT digest FROM contents c JOIN entries e ON e.content = c.id WHERE e.id = 7"
        ).fetchone()
        values = (path, schema.entry_checksum(digest, path))
        connection.execute("UPDATE entries SET path = ?, checksum = ? WHERE id = 7", values)
    with Gallery.open(root, encoder=FakeEncoder()) as gallery:
        with pytest.raises(GalleryDamagedError, match="not below the folder of images"):
            gallery.search(root / "06.png", 100)
        with pytest.raises(GalleryDamagedError, match="not below the folder of images"):
            gallery.thumbnail("7")


def test_the_summary_says_what_the_gallery_is(root: Path):
    """Folder, encoder and options can be read without SQLite."""
    summary = json.loads((root / ".lookalike" / SUMMARY).read_text())
    assert summary["root"] == ".."
    assert json.loads(summary["stamps"][0]["spec"])["dimension"] == SPEC.dimension
    assert "*.tmp" in summary["metadata"]["options"]
