"""The store for vectors of corrupted images: complete records only, and nothing computed twice."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.errors import EvaluationError, OutputError
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.images.files import SkipKind, Skipped

SHAPE = VectorShape(images=3, dimension=4)


def unit(*numbers: float) -> NDArray[np.float32]:
    """Unit vectors of four numbers."""
    rows = np.array(numbers, np.float32).reshape(-1, 4)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


FIRST, SECOND, THIRD = unit(1, 2, 3, 4, 4, 3, 2, 1), unit(1, 0, 0, 0, 0, 1, 0, 0), unit(5, 1, 1, 1, 1, 1, 1, 5)


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    """An empty store."""
    return VectorStore(tmp_path / "vectors", SHAPE)


def fill(store: VectorStore, cells: list[str], *records: NDArray[np.float32]) -> Segment:
    """The only segment for ``cells``, with ``records`` appended."""
    (segment,) = store.segments_for(cells)
    for record in records:
        segment.append(record)
    return segment


def test_vectors_are_read_as_written(store: VectorStore):
    """Each cell has its own vectors, in the order of the images."""
    fill(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    (segment,) = store.segments_for(["fog", "clean"])
    assert segment.complete
    assert np.array_equal(segment.vectors("clean"), [FIRST[0], SECOND[0], THIRD[0]])
    assert np.array_equal(segment.vectors("fog"), [FIRST[1], SECOND[1], THIRD[1]])


@pytest.mark.parametrize("rest", [b"", b"\x01", b"\x00" * 31, b"\x00" * 32, b"\x00" * 80, b"\xff" * 33])
def test_incomplete_records_are_cut_off(store: VectorStore, rest: bytes):
    """Part of a record, or a record of zeros as left by a power failure, is removed."""
    segment = fill(store, ["clean", "fog"], FIRST, SECOND)
    with segment.file.open("ab") as file:
        file.write(rest)
    (again,) = store.segments_for(["clean", "fog"])
    assert again.done == 2
    assert again.file.stat().st_size == 2 * 32
    again.append(THIRD)
    assert again.complete


def test_a_skipped_image_has_a_record_and_a_reason(store: VectorStore):
    """Its vectors are NaN, those of the next image follow, and the reason is stored."""
    skipped = Skipped("a\udcff.jpg", SkipKind.DAMAGED, "truncated")
    segment = fill(store, ["clean", "fog"], FIRST)
    segment.append_skipped(skipped)
    segment.append(THIRD)
    (again,) = store.segments_for(["clean", "fog"])
    assert again.skipped == [skipped]
    assert again.done == 3
    assert np.isnan(again.vectors("fog")[1]).all()
    assert np.array_equal(again.vectors("fog")[2], THIRD[1])


def test_a_larger_grid_gets_a_new_segment_for_missing_cells(store: VectorStore):
    """The segment of a complete run is reused, and only the new cells are missing."""
    fill(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    old, new = store.segments_for(["clean", "fog", "rain", "snow"])
    assert old.complete
    assert (new.cells, new.done) == (("rain", "snow"), 0)


def test_a_smaller_grid_does_not_complete_other_cells(store: VectorStore):
    """An incomplete segment with other cells is not used; a complete one is."""
    fill(store, ["clean", "fog"], FIRST)
    (alone,) = store.segments_for(["clean"])
    assert alone.cells == ("clean",)
    (complete,) = store.segments_for(["clean", "fog"])
    assert (complete.cells, complete.done) == (("clean", "fog"), 1)
    complete.append(SECOND)
    complete.append(THIRD)
    (reused,) = store.segments_for(["clean"])
    assert reused.cells == ("clean", "fog")


def test_a_broken_header_means_new_cells(store: VectorStore):
    """A segment with an unreadable header is ignored."""
    segment = fill(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    segment.file.with_suffix(".json").write_text("{")
    (again,) = store.segments_for(["clean"])
    assert (again.cells, again.done) == (("clean",), 0)


def test_two_runs_cannot_write_at_once(store: VectorStore):
    """The second raises an EvaluationError."""
    with store.lock(), pytest.raises(EvaluationError), VectorStore(store.folder, SHAPE).lock():
        pass


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path):
    """It raises an OutputError that names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="vectors"):
        VectorStore(tmp_path / "file" / "vectors", SHAPE)
