"""The index: refreshed by what commits changed, and scanned by many threads at once."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index as indexed_gallery
from lookalike import Gallery
from lookalike.gallery.local.sql import revisions
from lookalike.gallery.local.store import LocalStore
from lookalike.gallery.records import Changes
from lookalike.search.index import ExactIndex, Vectors, nearest
from old_galleries import make_old_gallery
from stores import check_store, digest_of, make_store, upsert, vector_of

THREADS = 8


class MeetingIndex(ExactIndex):
    """An index whose scan waits until as many scans run at the same time as there are threads."""

    meeting = threading.Barrier(THREADS)

    def candidates(self, *arguments: object) -> Iterator[np.ndarray]:
        """See :class:`Index`."""
        self.meeting.wait(timeout=30)
        return super().candidates(*arguments)


class SloppyIndex(ExactIndex):
    """An approximate index: it never proposes the entries whose ids are even."""

    is_exact = False

    def candidates(self, queries: np.ndarray, k: int, *arguments: object) -> Iterator[np.ndarray]:
        """See :class:`Index`."""
        for positions in super().candidates(queries, len(self.vectors.ids), *arguments):
            yield positions[self.vectors.ids[positions] % 2 == 1]


def test_threads_scan_one_gallery_at_the_same_time(tmp_path: Path, fake: FakeEncoder):
    """No scan waits for another: all eight threads are in the scan of one open gallery at once."""
    for number in range(20):
        drawn(tmp_path / f"{number}.png", number)
    indexed_gallery(tmp_path, fake).close()
    rankings: dict[int, object] = {}

    def search(gallery: Gallery, number: int) -> None:
        rankings[number] = gallery.search(draw(number + 100), 5).hits

    with Gallery(LocalStore.open(tmp_path / ".lookalike", index=MeetingIndex), fake) as gallery:
        threads = [threading.Thread(target=search, args=(gallery, number)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Gallery.open(tmp_path, encoder=fake) as gallery:
        assert rankings == {number: gallery.search(draw(number + 100), 5).hits for number in range(THREADS)}


def test_a_commit_during_a_scan_is_not_mixed_in(tmp_path: Path):
    """A search during which another process commits gives the hits of one commit."""
    make_store(tmp_path, "a.jpg", "b.jpg").close()
    with closing(LocalStore.open(tmp_path / ".lookalike", writing=True)) as writer:

        class InterruptedIndex(ExactIndex):
            """An index in whose first scans a commit happens."""

            commits = 0

            def candidates(self, *arguments: object) -> Iterator[np.ndarray]:
                """See :class:`Index`."""
                number = InterruptedIndex.commits
                InterruptedIndex.commits += 1
                if number < 5:
                    removed = [f"{number - 1}.jpg"] if number else ["a.jpg", "b.jpg"]
                    writer.commit(Changes(upserts=[upsert(f"{number}.jpg")], removed=removed))
                return super().candidates(*arguments)

        with closing(LocalStore.open(tmp_path / ".lookalike", index=InterruptedIndex)) as reader:
            matches = reader.search(vector_of(digest_of("query")), 5)
            assert len(matches) == 1
            assert matches[0].entry.digest == digest_of(matches[0].entry.path)


def statements(store: LocalStore) -> list[str]:
    """The SQL statements that the store runs from now on."""
    log: list[str] = []
    store._session.connection.set_trace_callback(log.append)
    return log


def loads(log: list[str]) -> int:
    """How often all entries were read."""
    return sum("FROM entries ORDER BY id" in statement for statement in log)


def test_a_commit_does_not_reload_the_index(tmp_path: Path):
    """After a commit, of this or another process, only the changes are read; a calibration changes nothing."""
    with (
        closing(make_store(tmp_path, *(f"{n}.jpg" for n in range(100)))) as writer,
        closing(LocalStore.open(writer.folder)) as reader,
    ):
        for store in (writer, reader):
            check_store(store)
        logs = [statements(store) for store in (writer, reader)]
        (entry,) = writer.entries_by_path(["7.jpg"]).values()
        writer.commit(
            Changes(
                upserts=[
                    upsert("new.jpg"),
                    upsert("5.jpg", "changed"),
                    upsert("8.jpg", "7.jpg", moved_id=entry.id),
                ],
                removed=["99.jpg"],
            )
        )
        for store in (writer, reader):
            before = store._active.scan.index()
            paths = check_store(store)
            assert len(paths) == 99
            assert "new.jpg" in paths
            assert not {"7.jpg", "99.jpg"} & set(paths)
            assert store._active.scan.index() is before
        writer.delete_unused(writer.unused())
        before = [store._active.scan.index() for store in (writer, reader)]
        writer.set_root(tmp_path)
        assert [store._active.scan.index() for store in (writer, reader)] == before
        assert [loads(log) for log in logs] == [0, 0]


def test_a_log_that_is_too_short_reloads_the_index(tmp_path: Path):
    """A reader that missed more removals than the log keeps reads all entries again."""
    with (
        closing(make_store(tmp_path, *(f"{n}.jpg" for n in range(30)))) as writer,
        closing(LocalStore.open(writer.folder)) as reader,
    ):
        check_store(reader)
        log = statements(reader)
        for number in range(10):
            writer.commit(Changes(removed=[f"{number}.jpg"]))
        with writer._session.transaction():
            revisions.trim_removals(writer._session.connection, 3)
        assert len(check_store(reader)) == 20
        assert loads(log) == 1
        writer.commit(Changes(removed=["10.jpg"]))
        assert len(check_store(reader)) == 19
        assert loads(log) == 1


def test_the_log_of_removals_stays_short(tmp_path: Path):
    """Old removals are deleted, and the newest kept."""
    with closing(make_store(tmp_path, *(f"{n}.jpg" for n in range(60)))) as store:
        for number in range(50):
            store.commit(Changes(removed=[f"{number}.jpg"]))
            with store._session.transaction():
                revisions.trim_removals(store._session.connection, 5)
        (count,) = store._session.first_row("SELECT count(*) FROM removals")
        assert 5 <= count <= 10
        check_store(store)


def test_a_gallery_of_an_earlier_format_is_loaded_after_each_commit(tmp_path: Path):
    """Without a log, a reader reads all entries again once, when the gallery is migrated."""
    folder = make_old_gallery(tmp_path / "old", tmp_path, "a.jpg", "b.jpg")
    with closing(LocalStore.open(folder)) as reader:
        check_store(reader)
        log = statements(reader)
        check_store(reader)
        assert loads(log) == 0
        LocalStore.open(folder, writing=True).close()
        check_store(reader)
        assert loads(log) == 1


def test_an_approximate_index_can_be_used(tmp_path: Path):
    """Its candidates are scored exactly; entries that it does not propose are not found."""
    make_store(tmp_path, *(f"{n}.jpg" for n in range(20))).close()
    query = vector_of(digest_of("query"))
    with (
        closing(LocalStore.open(tmp_path / ".lookalike", index=SloppyIndex)) as sloppy,
        closing(LocalStore.open(tmp_path / ".lookalike")) as exact,
    ):
        found = sloppy.search(query, 4)
        assert found == [match for match in exact.search(query, 20) if match.entry.id % 2 == 1][:4]
        assert not sloppy._active.scan.index().is_exact
        assert exact._active.scan.index().is_exact


@pytest.mark.parametrize("rows", [1, 5, 5000])
def test_many_queries_are_scanned_in_blocks(rows: int):
    """Candidates of many queries equal those of each query alone."""
    rng = np.random.default_rng(rows)
    matrix = rng.normal(size=(rows, 32)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    index = ExactIndex(Vectors(np.arange(rows) * 3, rng.permutation(rows), matrix))
    queries = matrix[rng.integers(rows, size=2000 if rows == 5000 else 7)]
    without = [rng.integers(rows, size=2) for _ in queries]
    allowed = rng.random(rows) < 0.9
    together = nearest(index, queries, 3, allowed, without)
    for number in range(0, len(queries), 97):
        (alone,) = nearest(index, queries[number : number + 1], 3, allowed, without[number : number + 1])
        assert np.array_equal(alone.ids, together[number].ids)
        assert np.array_equal(alone.scores, together[number].scores)


def test_a_view_is_changed_by_a_delta():
    """Removed entries are gone, changed ones have another row, added ones are in their place."""
    matrix = np.zeros((9, 2), np.float32)
    view = Vectors(np.array([2, 3, 5, 8]), np.array([0, 1, 2, 3]), matrix)
    ints = lambda *values: np.array(values, np.int64)  # noqa: E731
    changed = view.changed(ints(3, 8, 99), ints(9, 8, 2), ints(4, 5, 6), matrix)
    assert changed.ids.tolist() == [2, 5, 8, 9]
    assert changed.rows.tolist() == [6, 2, 5, 4]
    assert view.ids.tolist() == [2, 3, 5, 8]
