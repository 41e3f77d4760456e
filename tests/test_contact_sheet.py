"""Contact sheets: rows of small images with their labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lookalike.report.rasters.contact_sheet import contact_sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 160, 0), (0, 0, 255)
CELL = 60


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (40, 40)) -> Image.Image:
    """An image of one colour."""
    return Image.new("RGB", size, colour)


def box(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels of this colour."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def inked(sheet: Image.Image) -> int:
    """The number of pixels that aren't background."""
    return int((np.asarray(sheet) != 255).any(axis=2).sum())


def test_images_are_in_rows_and_columns():
    """A row's images are side by side at one height, the next row's are below in the same columns."""
    rows = [("one", [("a", plain(RED)), ("b", plain(GREEN))]), ("two", [("a", plain(BLUE))])]
    sheet = contact_sheet(rows, cell=CELL)
    red, green, blue = (box(sheet, colour) for colour in (RED, GREEN, BLUE))
    assert red[1::2] == green[1::2]
    assert green[0] > red[2]
    assert blue[::2] == red[::2]
    assert blue[1] > red[3]


@pytest.mark.parametrize(("size", "fitted"), [((200, 100), (60, 30)), ((10, 20), (30, 60)), ((500, 500), (60, 60))])
def test_images_fill_their_cell_and_keep_their_proportions(size: tuple[int, int], fitted: tuple[int, int]):
    """Large ones shrink and small ones grow until one of their sides is the cell's."""
    left, top, right, bottom = box(contact_sheet([("x", [("", plain(RED, size))])], cell=CELL), RED)
    assert (right - left, bottom - top) == fitted


def test_margins_are_the_same_all_round():
    """Without a label the images are as far from the left edge as from the right."""
    sheet = contact_sheet([("", [("", plain(RED)), ("", plain(RED))])], cell=CELL)
    left, _, right, _ = box(sheet, RED)
    assert left == sheet.width - right


def test_labels_are_at_the_left_and_never_under_the_images():
    """However long a label is, the images keep their size, and the sheet has room for both."""
    narrow = contact_sheet([("", [("", plain(RED))])], cell=CELL)
    for label in ("short", "rail_break_or_bad_joint " * 4, "W" * 300):
        sheet = contact_sheet([(label, [("", plain(RED))])], cell=CELL)
        left, top, right, bottom = box(sheet, RED)
        assert (right - left, bottom - top) == (CELL, CELL)
        assert narrow.width < sheet.width < narrow.width + 2 * CELL
        beside = np.asarray(sheet)[:, : left - 3]
        assert (beside < 100).all(axis=2).any()
        assert (beside[..., 0] >= beside[..., 1] - 12).all()


def test_captions_that_all_rows_share_are_above_the_columns():
    """Two rows with the same captions are only one line higher than two without any."""
    bare = [("a", [("", plain(RED))]), ("b", [("", plain(RED))])]
    same = [("a", [("clean", plain(RED))]), ("b", [("clean", plain(RED))])]
    other = [("a", [("one", plain(RED))]), ("b", [("two", plain(RED))])]
    heights = [contact_sheet(rows, cell=CELL).height for rows in (bare, same, other)]
    assert heights[0] < heights[1] < heights[2] + CELL
    assert heights[1] - heights[0] == pytest.approx((heights[2] - heights[0]) / 2, abs=8)


def test_captions_of_shorter_rows_may_be_the_first_of_longer_ones():
    """A corruption of one severity is below the heads of those of five."""
    long = ("a", [("clean", plain(RED)), ("1", plain(RED)), ("2", plain(RED))])
    assert (
        contact_sheet([long, ("b", [("clean", plain(RED))])], cell=CELL).height
        < contact_sheet([long, ("b", [("dirty", plain(RED))])], cell=CELL).height
    )


def test_a_title_is_above_and_never_cut_off():
    """A title adds height; if it is wider than the images, the sheet grows with it."""
    rows = [("", [("", plain(RED))])]
    bare, titled = contact_sheet(rows, cell=CELL), contact_sheet(rows, cell=CELL, title="A title " * 12)
    assert titled.height > bare.height
    assert titled.width > 3 * bare.width
    assert (np.asarray(titled)[:, -5:] == 255).all()


def test_more_text_is_more_ink():
    """Labels and titles are drawn."""
    rows = [("", [("", plain(RED))])]
    assert inked(contact_sheet([("label", rows[0][1])], cell=CELL)) > inked(contact_sheet(rows, cell=CELL)) + 20


def test_images_of_any_mode_are_drawn():
    """Grey, palette and transparent images are converted."""
    modes = ("1", "L", "P", "RGBA", "CMYK")
    assert contact_sheet([("modes", [(mode, Image.new(mode, (9, 9))) for mode in modes])]).mode == "RGB"


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.lists(st.tuples(st.text(max_size=30), st.integers(1, 50)), max_size=4))
    ),
    st.integers(16, 80),
    st.text(max_size=20),
)
def test_any_rows_make_a_sheet(rows: list[tuple[str, list[tuple[str, int]]]], cell: int, title: str):
    """Empty rows, no rows, any text in any script: there is always a sheet, in RGB."""
    drawn = [(label, [(caption, plain(RED, (side, 51 - side))) for caption, side in cells]) for label, cells in rows]
    assert contact_sheet(drawn, cell=cell, title=title).mode == "RGB"


def test_a_cell_too_small_is_an_error():
    """A cell has at least 16 pixels."""
    with pytest.raises(ValueError, match="15 pixels is too small"):
        contact_sheet([], cell=15)
