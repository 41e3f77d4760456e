"""What is shown of a dataset: counts, sizes, orientation, units, what has no answer, and the drawn pictures."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import Result
from lookalike.evaluation.data.dataset import Row
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.experiments.inspect import DatasetDisplay, Sizes, Units, display_dataset
from lookalike.evaluation.experiments.inspect import drawn as chosen
from lookalike.report.dataset_json import dataset_answer
from lookalike.report.dataset_page import dataset_page
from lookalike.report.dataset_sheet import dataset_sheet

Cli = Callable[..., Result]


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """Nine pictures of three classes with groups and visits; one is turned, one damaged, two are copies."""
    root = tmp_path / "track"
    sizes = [(60, 40), (40, 60), (50, 50), (80, 20), (60, 40), (61, 40), (30, 30), (60, 40)]
    for number, size in enumerate(sizes):
        drawn(root / f"{number}.png", number, size)
    turned = Image.Exif()
    turned[0x0112] = 6
    draw(5, (61, 40)).save(root / "5.jpg", exif=turned)
    shutil.copyfile(root / "0.png", root / "copy.png")
    (root / "bad.png").write_bytes(b"words")
    (root / "labels.csv").write_text(
        "path,label,group,visit\n"
        "0.png,joint,a,1\n1.png,joint,a,1\n2.png,joint,b,2\n3.png,clip,a,2\n4.png,clip,,\n"
        "5.jpg,clip,c,\n6.png,sleeper,d,1\n7.png,sleeper,d,2\nbad.png,sleeper,d,3\ncopy.png,joint,e,3\n"
    )
    return root


@pytest.fixture
def display(track: Path, fake: FakeEncoder) -> DatasetDisplay:
    """What is shown of it."""
    return display_dataset(embed_dataset(load_dataset(track), fake))


def test_counts_sizes_and_orientation(display: DatasetDisplay):
    """Sizes are upright, by number of pixels, and everything is counted for each class and for all."""
    joint, clip, whole = display.classes["joint"], display.classes["clip"], display.whole
    assert list(display.classes) == ["clip", "joint", "sleeper"]
    assert (whole.pictures, whole.queries, whole.gallery, whole.skipped) == (9, 9, 9, 1)
    assert whole.sizes == Sizes((30, 30), (60, 40), (50, 50))
    assert joint.sizes == Sizes((40, 60), (60, 40), (50, 50))
    assert clip.sizes == Sizes((80, 20), (60, 40), (40, 61))
    assert whole.orientations == {"landscape": 5, "portrait": 2, "square": 2}
    assert (clip.orientations["portrait"], clip.turned, whole.turned, joint.turned) == (1, 1, 1, 0)
    assert (display.classes["sleeper"].pictures, display.classes["sleeper"].skipped) == (2, 1)


def test_groups_and_visits(display: DatasetDisplay):
    """Units are counted, the largest and those of several classes told, and pictures without one."""
    assert display.whole.units == {"group": Units(5, 3, 1, 1), "visit": Units(3, 3, 2, 2)}
    assert display.classes["joint"].units["group"] == Units(3, 2, 0, 0)


def test_queries_without_an_answer_are_counted(display: DatasetDisplay):
    """Under each junk rule that the columns allow, queries with nothing to find are counted, copies being junk."""
    assert display.whole.answerless == {"none": 0, "group": 2, "visit": 0}
    assert display.classes["sleeper"].answerless["group"] == 2


def test_copies_are_shown(display: DatasetDisplay):
    """Exact copies come as sets of rows, and are told from near ones."""
    (copies,) = display.copies
    assert [row.path for row in copies] == ["0.png", "copy.png"]
    assert display.near.threshold == 0.97


def test_pictures_are_drawn_the_same_way_every_time():
    """The draw depends on seed and path alone, keeps the rows' order, and takes all where there are few."""
    rows = [Row(f"{number:03}.png", "x") for number in range(100)]
    first = chosen(rows, 12, 0)
    assert len(first) == 12
    assert list(first) == sorted(first, key=lambda row: row.path)
    assert set(chosen(rows[::-1], 12, 0)) == set(first)
    assert set(chosen(rows, 12, 1)) != set(first)
    assert set(first) - set(chosen(rows[:50] + rows[51:], 12, 0)) <= {rows[50]}
    assert chosen(rows[:5], 12, 0) == tuple(rows[:5])


def test_a_split_is_shown(tmp_path: Path, fake: FakeEncoder):
    """With a split, queries and searched pictures are counted apart."""
    for number in range(4):
        drawn(tmp_path / f"{number}.png", number)
    (tmp_path / "labels.csv").write_text(
        "path,label,split\n0.png,x,query\n1.png,x,gallery\n2.png,y,query\n3.png,x,gallery\n"
    )
    display = display_dataset(embed_dataset(load_dataset(tmp_path), fake))
    assert (display.whole.queries, display.whole.gallery) == (2, 2)
    assert display.whole.answerless == {"none": 1}


def test_the_page_holds_all_that_it_needs(display: DatasetDisplay):
    """The page refers to nothing outside itself, has every drawn picture, and speaks of copies, skips and units."""
    page = dataset_page(display, provenance("lookalike dataset show track"))
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("<img ") == 9 + 2
    for words in ("track", "bad.png", "not a picture", "Exact copies: 1 set", "junk group", "portrait", "sleeper"):
        assert words in page
    assert "lookalike dataset show track" in page


def test_odd_names_are_escaped(tmp_path: Path, fake: FakeEncoder):
    """Class names with markup in them stay words."""
    for number in range(4):
        drawn(tmp_path / "odd" / ("<b>bold", "x & y")[number % 2] / f"{number}.png", number)
    page = dataset_page(display_dataset(embed_dataset(load_dataset(tmp_path / "odd"), fake)), provenance())
    assert "&lt;b&gt;bold" in page
    assert "x &amp; y" in page
    assert "<b>bold" not in page


def test_a_picture_gone_since_leaves_a_gap(track: Path, display: DatasetDisplay):
    """Pictures that vanish before the page is written are said to be gone; the contact sheet goes without them."""
    (track / "3.png").unlink()
    assert "can't be read any more" in dataset_page(display, provenance())
    assert dataset_sheet(display).mode == "RGB"


def test_many_classes_share_the_page(tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch):
    """With more classes than there is room for, the largest are on the sheet, and the others are counted."""
    monkeypatch.setattr("lookalike.report.dataset_page._PICTURES", 8)
    for number in range(9):
        drawn(tmp_path / "many" / "abc"[number % 3] / f"{number}.png", number)
    drawn(tmp_path / "many" / "b" / "10.png", 10)
    display = display_dataset(embed_dataset(load_dataset(tmp_path / "many"), fake))
    page = dataset_page(display, provenance())
    assert "The 1 smallest class is in the table only" in page
    assert page.count("<img ") == 3 + 4


def test_the_json_has_everything(display: DatasetDisplay):
    """The answer for programs is JSON, with a version, and has what the page has."""
    answer = json.loads(json.dumps(dataset_answer(display)))
    assert (answer["version"], answer["pictures"], answer["dataset"]) == (1, 9, "track")
    assert answer["classes"]["clip"]["sizes"] == {"smallest": [80, 20], "median": [60, 40], "largest": [40, 61]}
    assert answer["units"]["group"] == {"several": 5, "largest": 3, "mixed": 1, "without": 1}
    assert answer["exact_copies"] == [[{"path": "0.png"}, {"path": "copy.png"}]]
    assert [one["path"] for one in answer["skipped_files"]] == ["bad.png"]
    assert answer["contact_sheet"]["sleeper"] == [{"path": "6.png"}, {"path": "7.png"}]
    assert answer["stamp"]["name"] == "colours"


def test_the_command_prints_and_writes(track: Path, tmp_path: Path, call: Cli):
    """The command prints a summary and a line for each class, and writes page, JSON and contact sheet."""
    result = call("dataset", "show", track, "--out", tmp_path / "new" / "out")
    assert result.code == 0
    assert result.out.startswith(f"dataset    track: 10 rows of {track / 'labels.csv'}\n")
    assert "pictures   9 in 3 classes, 1 skipped\n" in result.out
    assert re.search(r"^sleeper +2 +1 +2 ", result.out, re.MULTILINE)
    assert "skipped    bad.png: not a picture" in result.out
    assert "lookalike: 1 skipped, the first bad.png" in result.err
    files = sorted(file.name for file in (tmp_path / "new" / "out").iterdir())
    assert files == ["contact_sheet.jpg", "dataset.html", "dataset.json"]
    with Image.open(tmp_path / "new" / "out" / "contact_sheet.jpg") as sheet:
        assert sheet.width > 400
    written = json.loads((tmp_path / "new" / "out" / "dataset.json").read_text("utf-8"))
    assert json.loads(call("dataset", "show", track, "--json").out) == written


def test_one_class_can_be_shown(tmp_path: Path, call: Cli):
    """A single class is no hindrance to looking at it."""
    for number in range(2):
        drawn(tmp_path / "pets" / "cat" / f"{number}.png", number)
    assert "2 in 1 class" in call("dataset", "show", tmp_path / "pets").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dataset",), "say what to do with a dataset"),
        (("dataset", "show"), "DATASET"),
        (("dataset", "show", "x", "--near", "2"), "no cosine"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], words: str, call: Cli):
    """Wrong usage ends with the code 2 and says what is wanted."""
    result = call(*arguments)
    assert result.code == 2
    assert words in result.err


def test_errors_are_one_line(tmp_path: Path, call: Cli):
    """A dataset that isn't there, and a folder that can't be written to, are one line and the code 1."""
    result = call("dataset", "show", tmp_path / "nothing")
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*no such folder or file.*\n", result.err)
    (tmp_path / "file").write_text("")
    result = call("dataset", "show", tmp_path, "--out", tmp_path / "file")
    assert (result.code, result.out) == (1, "")
    assert "can't be written" in result.err


@pytest.mark.labelled
def test_the_labelled_photographs(labelled_photographs: Path, fake: FakeEncoder):
    """Railway photographs leave the 21 queries without an answer that the figures leave out."""
    display = display_dataset(embed_dataset(load_dataset(labelled_photographs / "rail"), fake))
    assert (display.whole.pictures, len(display.classes), display.whole.skipped) == (381, 13, 0)
    assert display.whole.answerless == {"none": 0, "group": 21}
    assert display.whole.units["group"] == Units(118, 31, 3, 0)


@pytest.mark.parametrize("command", [("dataset",), ("dataset", "show"), ("matrix",), ("angles",)])
def test_help_is_there(command: tuple[str, ...], call: Cli):
    """Every command here explains itself and ends with 0."""
    result = call(*command, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"usage: lookalike {' '.join(command)}")
