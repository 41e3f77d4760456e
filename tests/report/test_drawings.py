"""SVG drawings: their numbers, and their legibility."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.report.drawings.colours import DARK_INK, LIGHT_INK, LINES, ink_on, luminance, ramp
from lookalike.report.drawings.curves import Curve, curves
from lookalike.report.drawings.dots import Dot, DotRow, dots
from lookalike.report.drawings.drawing import elide, spread, width_of
from lookalike.report.drawings.heat_map import HeatGroup, HeatRow, Shade, heat_map

NS = {"svg": "http://www.w3.org/2000/svg"}


def texts(svg: str) -> list[str]:
    """The texts of an SVG, which must be well formed."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{{{NS['svg']}}}text")]  # noqa: S314


def a_map(**first: object) -> str:
    """A heat map of two families."""
    shade = Shade(0.5)
    row = HeatRow("one & <two>", (Shade(**first), Shade(-0.2)), shade)  # type: ignore[arg-type]
    control = HeatRow("control", (Shade(1.13), Shade(None, absent=True)), Shade(None), aside=True)
    return heat_map(
        "A title", [HeatGroup("Noise", (row, control), shade)], ["1", "2"], total=Shade(0.25), legend=("0 %", "100 %")
    )


@pytest.mark.parametrize("severities", [1, 2, 5])
def test_the_legend_has_room(severities: int):
    """However few columns there are, the text behind the ramp ends within the drawing."""
    shades = (Shade(0.5),) * severities
    groups = [HeatGroup("Blur", (HeatRow("zoom", shades, Shade(0.5)),), None)]
    columns = [str(number) for number in range(severities)]
    svg = heat_map("A title", groups, columns, total=None, legend=("0 %", "100 % retained"))
    words = list(ET.fromstring(svg).iter(f"{{{NS['svg']}}}text"))[-1]  # noqa: S314
    width = float(svg.split('viewBox="0 0 ')[1].split()[0])
    assert words.text == "100 % retained"
    assert float(words.attrib["x"]) + 1.15 * width_of(words.text, 12.5) <= width


def test_every_cell_has_a_number():
    """In percent, beyond 0 and 100 too; n/a where there is none, and nothing where there is no such severity."""
    words = texts(a_map(value=0.987))
    assert [word for word in words if re.fullmatch("\N{MINUS SIGN}?[0-9]+|n/a", word)] == [
        *("1", "2", "50", "99", "\N{MINUS SIGN}20", "50", "113", "n/a", "25"),
    ]
    assert "one & <two>" in words


def test_every_cell_has_a_tooltip():
    """Tooltips are titles, escaped like all text."""
    assert "<title>P &lt; 1</title>" in a_map(value=0.5, hint="P < 1")


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2), 1 to 21."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("step", range(101))
def test_numbers_can_be_read_on_every_colour_of_the_ramp(step: int):
    """Contrast is at least 4.5, as WCAG requires of small type."""
    colour = ramp(step / 100)
    assert ink_on(colour) in (DARK_INK, LIGHT_INK)
    assert contrast(colour, ink_on(colour)) >= 4.5


def test_the_ramp_reads_without_hue():
    """Its lightness falls from end to end, so it is readable without colour; values beyond have its end colours."""
    lightness = [luminance(ramp(step / 50)) for step in range(51)]
    assert lightness == sorted(lightness)
    assert len(set(lightness)) == 51
    assert (ramp(-3), ramp(7)) == (ramp(0), ramp(1))


def test_lines_have_distinct_colours_and_names():
    """Each line has its name at its end; a control has its corruption's colour, dashed."""
    lines = [Curve(f"line {n}", ((0, 0.9), (5, 0.1 * n))) for n in range(10)]
    svg = curves(
        "Title", [*lines, Curve("control", ((0, 0.9), (5, 0.5)), of="line 3")], (0, 5), chance=0.1, x_label="x"
    )
    assert [word for word in texts(svg) if word.startswith(("line", "control"))] == [
        *(f"line {n}" for n in range(10)),
        "control",
    ]
    styles = re.findall(r'stroke="(#\w+)"(?: stroke-dasharray="([\d. ]+)")?/>\n<circle', svg)
    assert len(set(styles)) == 11
    assert styles[10] == (LINES[3], "4 3")


@given(st.lists(st.floats(0, 200), max_size=12))
def test_labels_never_overlap(places: list[float]):
    """They keep their order and their distance, and stay in the drawing as long as there is room for all."""
    moved = spread(places, 14, 0, 200)
    order = sorted(range(len(places)), key=lambda number: places[number])
    for one, other in pairwise(order):
        assert moved[other] - moved[one] >= 14 - 1e-6
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in moved)


def test_labels_with_room_stay_where_they_are():
    """Only those that would overlap are moved."""
    assert spread([10, 60, 120], 14, 0, 200) == [10, 60, 120]


@pytest.mark.parametrize(
    ("text", "elided"), [("short", "short"), ("exactly ten", "exac...ten"), ("one t is three", "one...hree"), ("", "")]
)
def test_a_text_too_long_loses_its_middle(text: str, elided: str):
    """It has at most the given width, dots included, with no space beside them."""
    assert elide(text, 10) == elided


def some_dots(*values: float | None, names: tuple[str, ...] = ("one", "other & <last>")) -> str:
    """Rows with a dot for each of two series."""
    rows = [
        DotRow(
            f"row {number}",
            (Dot(value, None if value is None else (value - 0.05, value + 0.1), "P < 1"), Dot(0.9, None, "")),
        )
        for number, value in enumerate(values)
    ]
    return dots(
        "A title",
        names,
        [*rows, DotRow("All", (Dot(0.8, None, ""), Dot(0.9, None, "")), total=True)],
        x_label="kept, %",
    )


def test_dots_stand_where_their_values_are():
    """Positions are linear in the value, on an axis that has 100 % on it, and every row has its name and hint."""
    svg = some_dots(0.5, 0.75, 1.0)
    places = [float(x) for x in re.findall(r'<circle class="point" cx="([\d.]+)"', svg)][1:4]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.11)
    (whole,) = re.findall(r'class="whole" x1="([\d.]+)"', svg)
    assert float(whole) == pytest.approx(places[2], abs=0.11)
    words = texts(svg)
    assert {"row 0", "row 1", "row 2", "All", "one", "other & <last>", "kept, %", "100"} <= set(words)
    assert "<title>P &lt; 1</title>" in svg


def test_a_dot_without_a_value_is_not_drawn():
    """The row says n/a, and the others stay."""
    svg = some_dots(None, 0.5)
    assert texts(svg).count("n/a") == 1
    assert svg.count('<circle class="point"') == 3  # in the key, in row 1, in the total


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=8))
def test_everything_is_inside_the_drawing(values: list[float]):
    """Intervals beyond the axis are cut off, and no more than eight numbers are on it."""
    svg = some_dots(*values)
    width = float(svg.split('viewBox="0 0 ')[1].split()[0])
    ends = [float(x) for x in re.findall(r'(?:cx|x1|x2)="([\d.]+)"', svg)]
    assert all(0 <= end <= width for end in ends)
    assert sum(bool(re.fullmatch("-?[0-9]+", word)) for word in texts(svg)) <= 8


def test_series_have_shapes_of_their_own():
    """They can be told apart without colour."""
    row = DotRow("row", tuple(Dot(0.5, None, "") for _ in range(5)))
    svg = dots("A title", list("abcde"), [row], x_label="")
    assert len(set(re.findall(r' d="(M[^"]+)"', svg))) == 4
