"""Where vectors of damaged pictures are kept: whole records only, nothing computed twice, nothing mixed up."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.errors import EvaluationError, OutputError
from lookalike.evaluation.data.vector_store import Segment, VectorShape, VectorStore
from lookalike.images.files import SkipKind, Skipped

SHAPE = VectorShape(pictures=3, dimension=4)


def unit(*numbers: float) -> NDArray[np.float32]:
    """Rows of four numbers, each row of length 1."""
    rows = np.array(numbers, np.float32).reshape(-1, 4)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


FIRST, SECOND, THIRD = unit(1, 2, 3, 4, 4, 3, 2, 1), unit(1, 0, 0, 0, 0, 1, 0, 0), unit(5, 1, 1, 1, 1, 1, 1, 5)


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    """An empty store."""
    return VectorStore(tmp_path / "vectors", SHAPE)


def filled(store: VectorStore, cells: list[str], *records: NDArray[np.float32]) -> Segment:
    """The one segment for ``cells``, with ``records`` appended."""
    (segment,) = store.segments_for(cells)
    for record in records:
        segment.append(record)
    return segment


def test_vectors_come_back_as_they_were_written(store: VectorStore):
    """Each cell has its own vectors, in the order of the pictures."""
    filled(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    (segment,) = store.segments_for(["fog", "clean"])
    assert segment.complete
    assert np.array_equal(segment.vectors("clean"), [FIRST[0], SECOND[0], THIRD[0]])
    assert np.array_equal(segment.vectors("fog"), [FIRST[1], SECOND[1], THIRD[1]])


@pytest.mark.parametrize("left", [b"", b"\x01", b"\x00" * 31, b"\x00" * 32, b"\x00" * 80, b"\xff" * 33])
def test_what_is_no_whole_record_is_cut_off(store: VectorStore, left: bytes):
    """Half a record, or one of zeros as a power failure leaves them, is as if it had never been."""
    segment = filled(store, ["clean", "fog"], FIRST, SECOND)
    with segment.file.open("ab") as file:
        file.write(left)
    (again,) = store.segments_for(["clean", "fog"])
    assert again.done == 2
    assert again.file.stat().st_size == 2 * 32
    again.append(THIRD)
    assert again.complete


def test_a_picture_that_cant_be_used_has_its_place_and_its_reason(store: VectorStore):
    """Its vectors are NaN, the next picture's come after them, and the reason is there when it is opened next."""
    damaged = Skipped("a\udcff.jpg", SkipKind.DAMAGED, "truncated")
    segment = filled(store, ["clean", "fog"], FIRST)
    segment.append_skipped(damaged)
    segment.append(THIRD)
    (again,) = store.segments_for(["clean", "fog"])
    assert again.skipped == [damaged]
    assert again.done == 3
    assert np.isnan(again.vectors("fog")[1]).all()
    assert np.array_equal(again.vectors("fog")[2], THIRD[1])


def test_a_wider_grid_gets_a_segment_for_what_is_missing(store: VectorStore):
    """What a finished run has left is used again, and only the new cells are to be made."""
    filled(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    old, new = store.segments_for(["clean", "fog", "rain", "snow"])
    assert old.complete
    assert (new.cells, new.done) == (("rain", "snow"), 0)


def test_a_narrower_grid_doesnt_finish_what_wasnt_asked_for(store: VectorStore):
    """An unfinished segment with other cells is left alone; a finished one serves."""
    filled(store, ["clean", "fog"], FIRST)
    (alone,) = store.segments_for(["clean"])
    assert alone.cells == ("clean",)
    (whole,) = store.segments_for(["clean", "fog"])
    assert (whole.cells, whole.done) == (("clean", "fog"), 1)
    whole.append(SECOND)
    whole.append(THIRD)
    (served,) = store.segments_for(["clean"])
    assert served.cells == ("clean", "fog")


def test_a_damaged_header_means_that_the_cells_are_made_again(store: VectorStore):
    """A header that can't be read makes no error, and no vectors are taken for another cell's."""
    segment = filled(store, ["clean", "fog"], FIRST, SECOND, THIRD)
    segment.file.with_suffix(".json").write_text("{")
    (again,) = store.segments_for(["clean"])
    assert (again.cells, again.done) == (("clean",), 0)


def test_two_runs_never_write_at_once(store: VectorStore):
    """The second is told that the first is at work."""
    with store.locked(), pytest.raises(EvaluationError, match="another run"), VectorStore(store.folder, SHAPE).locked():
        pass


def test_a_folder_that_cant_be_made_is_an_error_in_words(tmp_path: Path):
    """The message names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="vectors"):
        VectorStore(tmp_path / "file" / "vectors", SHAPE)
