"""Compaction: the space of deleted embeddings is given back, under the eyes of readers."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drawing import draw, drawn
from fakes import SPEC, FakeEncoder
from lookalike import Gallery, GalleryError
from lookalike.gallery.care import back_up, check
from lookalike.gallery.local.rows.records import RowRecords
from lookalike.gallery.local.rows.vector_file import VectorFile
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes
from lookalike.gallery.searching.calibration import recalibrate
from stores import check_store, digest_of, make_store, new_vectors, upsert, vector_of

NAMES = [f"{number}.jpg" for number in range(20)]
ENOUGH = 256
"""So many deleted embeddings are worth a compaction."""


def add_and_delete(store: LocalStore, count: int, name: str = "gone") -> None:
    """Embed ``count`` images that are deleted at once, with their embeddings."""
    paths = [f"{name}-{number}.jpg" for number in range(count)]
    store.commit(Changes(upserts=[upsert(path) for path in paths]))
    store.commit(Changes(removed=paths))
    store.delete_unused([digest_of(path) for path in paths])


def vector_file_names(folder: Path) -> list[str]:
    """The names of the files of vectors and records in a gallery's folder."""
    return sorted(path.name for path in folder.glob("vectors-*"))


def row_bytes(folder: Path) -> int:
    """The size of these files."""
    return sum(path.stat().st_size for path in folder.glob("vectors-*"))


def test_the_space_of_deleted_embeddings_is_given_back(tmp_path: Path):
    """The others are in new files, with their records, and the old files are gone."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        add_and_delete(store, ENOUGH)
        store.commit(Changes(upserts=[upsert("last.jpg")]))
        before = row_bytes(store.folder)
        store.compact()
        assert vector_file_names(store.folder) == ["vectors-2.npy", "vectors-2.rows"]
        assert store.vector_count() == 21
        assert before - row_bytes(store.folder) == ENOUGH * (4 * SPEC.dimension + 128)
        assert check_store(store) == sorted([*NAMES, "last.jpg"])
        assert len(np.load(store.folder / "vectors-2.npy", mmap_mode="r")) == 21
        store.commit(Changes(upserts=[upsert("next.jpg")]))
        assert len(check_store(store)) == 22
    with closing(LocalStore.open(tmp_path / ".lookalike")) as reader:
        assert len(check_store(reader)) == 22
    assert not check(tmp_path / ".lookalike")[1]


@pytest.mark.parametrize(("images", "deleted"), [(20, ENOUGH - 1), (3 * ENOUGH + 4, ENOUGH)])
def test_few_deleted_embeddings_are_left_where_they_are(tmp_path: Path, images: int, deleted: int):
    """Fewer than 256, or less than a quarter, are not worth copying the others."""
    with closing(make_store(tmp_path, *(f"{number}.jpg" for number in range(images)))) as store:
        add_and_delete(store, deleted)
        store.compact()
        assert vector_file_names(store.folder) == ["vectors-1.npy", "vectors-1.rows"]


def test_the_embeddings_of_images_that_may_come_back_are_kept(tmp_path: Path):
    """Contents without an image that an update has not confirmed as removed are no waste."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        add_and_delete(store, ENOUGH)
        store.commit(Changes(removed=["3.jpg"]))
        store.compact()
        store.commit(Changes(upserts=[upsert("back.jpg", "3.jpg", known=True)]))
        assert "back.jpg" in check_store(store)


def test_the_calibration_is_kept(tmp_path: Path):
    """It stays current: it needs not be computed again, and later images are compared with it."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        add_and_delete(store, ENOUGH)
        recalibrate(store)
        before = store.calibration()
        store.compact()
        after = store.calibration()
        assert before is not None
        assert after is not None
        assert (after.digests, after.best, after.vector_count) == (before.digests, before.best, 20)
        assert np.array_equal(after.scores, before.scores)


def test_a_calibration_that_knows_some_rows_knows_as_many_of_them_afterwards(tmp_path: Path):
    """Images that were added since it was made are compared with its sample by the next update."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        recalibrate(store)
        add_and_delete(store, ENOUGH)
        store.commit(Changes(upserts=[upsert("new.jpg")]))
        store.compact()
        calibration = store.calibration()
        assert calibration is not None
        later = [digest for batch in store.iter_vectors(calibration.vector_count) for digest in batch.digests]
        assert later == [digest_of("new.jpg")]


def test_an_unfinished_replacement_goes_on(tmp_path: Path):
    """Another encoder's embeddings so far are not touched."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        stamp = FakeEncoder("other").spec
        other = {digest_of(name): -vector_of(digest_of(name)) for name in NAMES[:5]}
        store.open_replacement(stamp, None).add_vectors(new_vectors(other), Changes().rules)
        add_and_delete(store, ENOUGH)
        store.compact()
        assert vector_file_names(store.folder) == [
            f"vectors-{number}.{suffix}" for number in (2, 3) for suffix in ("npy", "rows")
        ]
        assert store.open_replacement(stamp, None).pending_count() == 15
        store.discard_replacement()
        assert check_store(store) == sorted(NAMES)


def test_a_damaged_vector_stays_damaged(tmp_path: Path):
    """Its record is copied as it is, so that the damage is found as before."""
    with closing(make_store(tmp_path, *NAMES)) as store:
        add_and_delete(store, ENOUGH)
        with (store.folder / "vectors-1.npy").open("r+b") as file:
            file.seek(128 + 4 * SPEC.dimension)
            file.write(b"\xff")
        store.compact()
    (finding,) = check(tmp_path / ".lookalike")[1]
    assert (finding.file, finding.is_damage) == ("vectors-2.npy", True)


def test_an_open_reader_goes_on(tmp_path: Path):
    """Within a snapshot it reads the deleted files, afterwards the new ones."""
    with closing(make_store(tmp_path, *NAMES)) as store, closing(LocalStore.open(store.folder)) as reader:
        add_and_delete(store, ENOUGH)
        assert check_store(reader) == sorted(NAMES)
        with reader.snapshot():
            assert check_store(reader) == sorted(NAMES)
            store.compact()
            store.commit(Changes(upserts=[upsert("new.jpg")]))
            assert check_store(reader) == sorted(NAMES)
        assert check_store(reader) == sorted([*NAMES, "new.jpg"])
        assert (reader.shortfall().missing, reader.shortfall().unknown) == (0, 0)


def test_reading_vectors_page_by_page_does_not_skip_any_in_silence(tmp_path: Path):
    """Rows have other numbers after a compaction: reading goes on in a snapshot only."""
    many = [f"{number}.jpg" for number in range(5000)]
    with closing(make_store(tmp_path, *many)) as store, closing(LocalStore.open(store.folder)) as reader:
        add_and_delete(store, 2000, "before")
        store.compact()
        assert sum(len(page.digests) for page in reader.iter_vectors()) == 5000
        pages = reader.iter_vectors()
        next(pages)
        add_and_delete(store, 2000)
        store.compact()
        with pytest.raises(GalleryError):
            next(pages)


def test_everything_that_reads_goes_on_while_a_gallery_is_compacted_again_and_again(tmp_path: Path):
    """Searches, checks and backups see all images, whenever the files are replaced."""
    store = make_store(tmp_path, *NAMES)
    folder, ended = store.folder, threading.Event()

    def write() -> None:
        try:
            for number in range(25):
                add_and_delete(store, ENOUGH, f"gone-{number}")
                store.compact()
        finally:
            ended.set()

    def back_up_and_open(number: int) -> None:
        copy = tmp_path / f"backup-{number}"
        back_up(folder, copy)
        with closing(LocalStore.open(copy)) as backup:
            assert set(check_store(backup)) >= set(NAMES)
        assert not [finding for finding in check(copy)[1] if finding.is_damage]

    def read(number: int) -> None:
        assert set(check_store(reader)) >= set(NAMES)
        assert reader.shortfall().missing == 0

    def verify(number: int) -> None:
        assert not [finding for finding in check(folder)[1] if finding.is_damage]

    actions: list[Callable[[int], None]] = [back_up_and_open, read, verify]
    writer = threading.Thread(target=write)
    writer.start()
    done = 0
    with closing(LocalStore.open(folder)) as reader:
        while not ended.is_set():
            actions[done % len(actions)](done)
            done += 1
    writer.join()
    assert done >= len(actions)
    assert vector_file_names(folder) == ["vectors-26.npy", "vectors-26.rows"]
    store.close()


@pytest.mark.parametrize("file", [VectorFile, RowRecords])
def test_a_check_goes_on_when_a_file_is_replaced_just_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: type[VectorFile | RowRecords]
):
    """The gallery is checked again, as it is now."""
    store = make_store(tmp_path, *NAMES)
    add_and_delete(store, ENOUGH, "gone")
    name = "rows" if file is VectorFile else "read"
    original, compacted = getattr(file, name), []

    def open_after_compaction(self: VectorFile | RowRecords, count: int) -> object:
        if not compacted:
            compacted.append(True)
            store.compact()
            monkeypatch.setattr(file, {"rows": "_check", "read": "check_owner"}[name], lambda *_: None)
        return original(self, count)

    monkeypatch.setattr(file, name, open_after_compaction)
    assert not [finding for finding in check(store.folder)[1] if finding.is_damage]
    assert compacted
    store.close()


def test_an_update_compacts(tmp_path: Path):
    """People need not know of it: an update does it once enough images were replaced."""
    for number in range(4):
        drawn(tmp_path / f"{number}.png", number)
    with Gallery.create(tmp_path, encoder=FakeEncoder()) as gallery:
        gallery.update()
        store = gallery._store
        assert isinstance(store, LocalStore)
        add_and_delete(store, ENOUGH)
        (before,) = gallery.search(draw(2), 1).hits
        gallery.update()
        assert vector_file_names(store.folder) == ["vectors-2.npy", "vectors-2.rows"]
        (after,) = gallery.search(draw(2), 1).hits
        assert (after.path, after.score, after.percentile) == (before.path, before.score, before.percentile)
