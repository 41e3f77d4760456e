"""The document model: the same blocks as a page, as Markdown and as text for a terminal."""

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from lookalike.evaluation.statistics.intervals import Interval
from lookalike.report.document.blocks import (
    AnyBlock,
    Cards,
    Definitions,
    Details,
    Document,
    Facts,
    Figure,
    Heading,
    ImageGroups,
    ImageStrips,
    Rankings,
    SearchResult,
    SideBySide,
    Table,
    Tables,
    Text,
)
from lookalike.report.document.elements import (
    Bar,
    Card,
    Cell,
    Column,
    Drawing,
    Frame,
    IntervalPlot,
    Media,
    Phrase,
    Picture,
    RankedQuery,
    Row,
    Tile,
)
from lookalike.report.document.files import write_files
from lookalike.report.document.html import page
from lookalike.report.document.json import csv_text
from lookalike.report.document.markdown import markdown
from lookalike.report.document.terminal import terminal_text
from lookalike.report.document.values import interval_text

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>drawn</title></svg>'
HEADER = (Column("Class"), Column("Queries"), Column("mAP"))


class Page(HTMLParser):
    """The text of a page and its elements, which must be closed in order."""

    VOID = frozenset({"meta", "img", "br", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.sources: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and what it refers to."""
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself."""

    def handle_endtag(self, tag: str) -> None:
        """The innermost open element is closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.words.append(data)


def document(*blocks: AnyBlock, title: str = "rail") -> Document:
    """A report of these blocks."""
    return Document("Evaluation", title, "12 queries.", blocks, (("Seed", "0"),), "lookalike evaluate rail")


def every_block(tmp_path: Path) -> tuple[AnyBlock, ...]:
    """One block of each kind."""
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    picture = Picture(tmp_path / "red.png", 20, "a red image", 4 / 3)
    hit = Frame(picture, (Phrase("clip_missing", "wrong"),), right=False, head=(Phrase("1", "mark"),))
    tile = Tile(1, picture, tmp_path / "red.png", "sub/red.png", 0.5, "close", copies=2, offline=True)
    plot = IntervalPlot(0.5, (0.4, 0.6), approximate=True, other=0.45, chance=0.1, ceiling=0.9)
    columns = (Column("Metric"), Column("", media=Media.PAGE, axis=(0.0, 1.0)), Column("Micro"))
    table = Table(
        columns, (Row(("mAP", Cell("mAP 0.500", plot=plot), Cell("0.500", heat=0.5))),), legend=(("whisker", "micro"),)
    )
    images = Table(
        (Column("Corruption"), Column("clean", "image")), (Row(("fog", Cell(plot=picture))),), layout="images"
    )
    bars = Table(
        (Column("Class"), Column("")), (Row(("clip", Cell(plot=Bar((("full", 1, "one"), ("empty", 2, "")))))),)
    )
    return (
        *(Heading("Section"), Heading("Part", 3, "3 images"), Text("Small print."), Text("Be careful.", kind="notice")),
        *(
            Facts((("images", "3"),)),
            Definitions((("R", "Relevant images."),)),
            Cards((Card("mAP", "0.5", "0.4 to 0.6"),)),
        ),
        *(table, images, bars, Tables("Numbered", "By counting.", (table,))),
        Figure((Drawing("figure-one", "One", SVG),), "A figure", "Drawn."),
        Figure(
            (Drawing("figure-two", "Two", SVG), Drawing("figure-three", "Three", b"\xff\xd8")), "Two figures", "Drawn."
        ),
        *(
            Rankings((RankedQuery(Frame(picture), (hit,)),)),
            SearchResult((hit,), (tile,)),
        ),
        *(ImageGroups((((hit, hit), "cosine 0.9"),)), ImageStrips((picture,) * 7)),
        *(SideBySide((table, Text("Beside."))), Details("More", (Text("Folded."),))),
    )


def test_a_page_needs_nothing_else_and_is_well_nested(tmp_path: Path):
    """Every kind of block is rendered; images are data URIs, and every element is closed."""
    shown = Page(page(document(*every_block(tmp_path))))
    text = " ".join(" ".join(shown.words).split())
    images = [source for source in shown.sources if source.startswith("data:image/jpeg;base64,")]
    assert len(images) == 1 + 1 + 2 + 2 + 2 + 7
    assert set(shown.sources) - set(images) == {(tmp_path / "red.png").as_uri()}, "the file that a hit opens"
    for words in ("Section", "3 images", "Small print.", "Be careful.", "Relevant images.", "0.4 to 0.6", "Numbered"):
        assert words in text
    for words in ("Figure 1.", "Figure 2.", "Table 1.", "cosine 0.9", "Beside.", "Folded.", "lookalike evaluate rail"):
        assert words in text


def test_markdown_has_the_same_content_with_files_beside_it(tmp_path: Path):
    """Figures are links to files that the document names, with the same numbers as on the page."""
    report = document(*every_block(tmp_path))
    text = markdown(report, "figures")
    for words in ("# Evaluation: rail", "## Section", "### Part (3 images)", "> **Note.** Be careful.", "- **R**: Rel"):
        assert words in text
    for drawing in report.drawings():
        assert f"](figures/{drawing.file})" in text
    assert "**Figure 2. Two figures.** Drawn." in text
    assert "**Table 1. Numbered.** By counting." in text
    assert "```\nlookalike evaluate rail\n```" in text


def test_a_terminal_gets_text_without_images(tmp_path: Path):
    """Facts are aligned, notices are marked, and folded blocks are unfolded."""
    lines = terminal_text(document(*every_block(tmp_path))).splitlines()
    for line in ("Evaluation: rail", "12 queries.", "note: Be careful.", "images  3", "Metric  Micro", "mAP     0.500"):
        assert line in lines
    assert "Folded." in lines


@pytest.mark.parametrize("render", [page, markdown, terminal_text])
def test_a_block_appears_only_in_its_media(render):
    """A block or column for one rendering is in no other."""
    names = {page: "PAGE", markdown: "MARKDOWN", terminal_text: "TERMINAL"}
    blocks = [Text(f"only {media.name}", media=media) for media in (Media.PAGE, Media.MARKDOWN, Media.TERMINAL)]
    columns = (Column("Name"), *(Column(f"column {media.name}", media=media) for media in Media.TEXT | Media.PAGE))
    text = render(document(*blocks, Table(columns, (Row(("x", "1", "2", "3")),))))
    for name in names.values():
        assert (f"only {name}" in text) == (name == names[render])
        assert (f"column {name}" in text) == (name == names[render])


def test_a_short_row_ends_in_a_remark():
    """The last cell of a row with too few cells takes the remaining columns, whichever of them are shown."""
    columns = (Column("Encoder"), Column("plot", media=Media.PAGE), Column("mAP"), Column("Accuracy"))
    report = document(Table(columns, (Row(("vgg16", "not evaluated")), Row(("clip", "", "0.500", "0.750")))))
    assert "vgg16    not evaluated" in terminal_text(report).splitlines()
    assert "| vgg16 | not evaluated |  |" in markdown(report)
    assert 'colspan="3"' in page(report)


def test_a_narrow_terminal_gets_the_columns_in_parts():
    """Columns that don't fit continue below, each part with the rows' names and without rows that are empty there."""
    columns = (Column("Class"), *(Column(f"Precision@{k}") for k in range(1, 6)))
    rows = (Row(("cat", *["0.500"] * 5)), Row(("ceiling", *[""] * 4, "0.900"), "limit"))
    lines = terminal_text(document(Table(columns, rows)), width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.startswith("Class") for line in lines) == sum(line.startswith("cat") for line in lines) == 3
    assert sum(line.startswith("ceiling") for line in lines) == 1


def test_a_long_table_says_where_its_rest_is():
    """Text shows 20 rows and pages 200; without a place for the rest all rows are shown."""
    rows = tuple(Row((f"row {number:03}", "1", "2")) for number in range(230))
    report = document(Table(HEADER, rows, rest="all of them are in evaluation.json"))
    assert "and 210 more: all of them are in evaluation.json" in terminal_text(report)
    assert "And 210 more: all of them are in evaluation.json" in markdown(report).replace("\\", "")
    assert page(report).count("row 1") == 100
    assert "30 more" in page(report)
    assert terminal_text(document(Table(HEADER, rows))).count("row ") == 230


def test_names_are_escaped_in_every_rendering():
    """Markup, line breaks and bytes that aren't UTF-8 break neither a page nor a table."""
    report = document(Table(HEADER, (Row(("a|b <i>\n\udcff", "1", "0.5")),), title="*x*"), title="<b>")
    assert "a|b &lt;i&gt;\\n\\xff" in page(report)
    assert "<b>" not in page(report).partition("<body>")[2].partition("</h1>")[0].replace("<h1>", "")
    assert "| a\\|b \\<i\\>\\\\n\\\\xff | 1 | 0.5 |" in markdown(report)
    assert "a|b <i>\\n\\xff        1  0.5" in terminal_text(report)


def test_an_unreadable_image_leaves_a_note(tmp_path: Path):
    """A page says where an image was that can't be read any more."""
    report = document(ImageStrips((Picture(tmp_path / "gone.png", 20, "gone"),)))
    assert "This image can't be read any more" in page(report)


def test_folded_columns_are_small_print_below_the_name():
    """A column can be folded on every page, or on phones only; text keeps it as a column."""
    columns = (Column("Metric"), Column("Macro", on_pages="folded on phones"), Column("Ceiling", on_pages="folded"))
    report = document(Table(columns, (Row(("P@5", "0.600", "0.980")),)))
    assert '<small class="compact">macro 0.600</small>' in page(report)
    assert "<small>ceiling 0.980</small>" in page(report)
    assert "P@5     0.600    0.980" in terminal_text(report).splitlines()


@pytest.mark.parametrize(
    ("ends", "sign", "text"),
    [
        ((0.25, 0.75), "", "~0.250 to 0.750"),
        ((0.00986, 0.00999), "", "~0.0099 to 0.0100"),
        ((-0.002, 0.5), "+", "~-0.002 to +0.500"),
        ((0.5, 0.5), "", "~0.500000 to 0.500000"),
    ],
)
def test_both_ends_of_an_interval_can_be_told_apart(ends: tuple[float, float], sign: str, text: str):
    """Three decimals, or more where they are needed; approximate intervals are marked."""
    assert interval_text(Interval(*ends, groups=12, approximate=True), sign=sign) == text


def test_files_are_written_by_their_kind(tmp_path: Path):
    """A document becomes a page or Markdown by the file's name; JSON, text and bytes are written as they are."""
    report = document(Text("Hello."))
    contents = {"a.html": report, "a.md": report, "a.json": {"é": 1}, "a.csv": "x\n", "a.jpg": b"\xff"}
    write_files(tmp_path, contents)
    assert {path.name for path in tmp_path.iterdir()} == set(contents)
    assert (tmp_path / "a.html").read_text("utf-8") == page(report)
    assert (tmp_path / "a.md").read_text("utf-8") == markdown(report)
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "é": 1\n}\n'
    assert (tmp_path / "a.csv").read_bytes() == b"x\n"
    assert (tmp_path / "a.jpg").read_bytes() == b"\xff"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-track.jpg", "'-track.jpg"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-0.25", "-0.25"),
        ("+1e-5", "+1e-5"),
        (-0.25, "-0.25"),
        ("a=b", "a=b"),
    ],
)
def test_texts_in_csv_files_are_no_formulas(value: object, written: str):
    """A spreadsheet shows the text; numbers stay numbers."""
    assert list(csv.reader(io.StringIO(csv_text([str(value)], [[value]])))) == [[written], [written]]
