"""Inspecting a dataset: counts, sizes, orientations, units, queries without relevant images, and samples."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
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
from lookalike.evaluation.experiments.inspect import DatasetInspection, Sizes, UnitSummary, inspect_dataset
from lookalike.evaluation.experiments.inspect import draw_sample as chosen
from lookalike.report.dataset.contact_sheet import dataset_contact_sheet
from lookalike.report.dataset.document import dataset_document
from lookalike.report.dataset.json import dataset_json
from lookalike.report.document.html import page as page_of

Cli = Callable[..., Result]


@pytest.fixture
def track(tmp_path: Path) -> Path:
    """Nine images of three classes with groups and visits; one is rotated by EXIF, one damaged, two are copies."""
    root = tmp_path / "track"
    sizes = [(60, 40), (40, 60), (50, 50), (80, 20), (60, 40), (61, 40), (30, 30), (60, 40)]
    for number, size in enumerate(sizes):
        drawn(root / f"{number}.png", number, size)
    turned = Image.Exif()
    turned[0x0112] = 6
    draw(5, (61, 40)).save(root / "5.jpg", exif=turned)
    shutil.copyfile(root / "0.png", root / "copy.png")
    (root / "bad.png").write_bytes(b"text")
    (root / "labels.csv").write_text(
        "path,label,group,visit\n"
        "0.png,joint,a,1\n1.png,joint,a,1\n2.png,joint,b,2\n3.png,clip,a,2\n4.png,clip,,\n"
        "5.jpg,clip,c,\n6.png,sleeper,d,1\n7.png,sleeper,d,2\nbad.png,sleeper,d,3\ncopy.png,joint,e,3\n"
    )
    return root


@pytest.fixture
def inspection(track: Path, fake: FakeEncoder) -> DatasetInspection:
    """The inspection of that dataset."""
    return inspect_dataset(embed_dataset(load_dataset(track), fake))


def test_counts_sizes_and_orientation(inspection: DatasetInspection):
    """Sizes are upright and ordered by number of pixels; everything is counted by class and overall."""
    joint, clip, whole = inspection.classes["joint"], inspection.classes["clip"], inspection.overall
    assert list(inspection.classes) == ["clip", "joint", "sleeper"]
    assert (whole.images, whole.queries, whole.gallery, whole.skipped) == (9, 9, 9, 1)
    assert whole.sizes == Sizes((30, 30), (60, 40), (50, 50))
    assert joint.sizes == Sizes((40, 60), (60, 40), (50, 50))
    assert clip.sizes == Sizes((80, 20), (60, 40), (40, 61))
    assert whole.orientations == {"landscape": 5, "portrait": 2, "square": 2}
    assert (clip.orientations["portrait"], clip.turned, whole.turned, joint.turned) == (1, 1, 1, 0)
    assert (inspection.classes["sleeper"].images, inspection.classes["sleeper"].skipped) == (2, 1)


def test_groups_and_visits(inspection: DatasetInspection):
    """Units are counted, with the largest, those of several classes, and the images without one."""
    assert inspection.overall.units == {"group": UnitSummary(5, 3, 1, 1), "visit": UnitSummary(3, 3, 2, 2)}
    assert inspection.classes["joint"].units["group"] == UnitSummary(3, 2, 0, 0)


def test_queries_without_relevant_images_are_counted(inspection: DatasetInspection):
    """Queries with R = 0 are counted under each junk rule that the columns allow; copies are junk."""
    assert inspection.overall.without_relevant == {"none": 0, "group": 2, "visit": 0}
    assert inspection.classes["sleeper"].without_relevant["group"] == 2


def test_exact_copies_are_listed(inspection: DatasetInspection):
    """Exact copies are sets of rows, separate from near duplicates."""
    (copies,) = inspection.copies
    assert [row.path for row in copies] == ["0.png", "copy.png"]
    assert inspection.near.threshold == 0.97


def test_samples_are_reproducible():
    """A sample depends on seed and path only, keeps the order of rows, and takes all rows where there are few."""
    rows = [Row(f"{number:03}.png", "x") for number in range(100)]
    first = chosen(rows, 12, 0)
    assert len(first) == 12
    assert list(first) == sorted(first, key=lambda row: row.path)
    assert set(chosen(rows[::-1], 12, 0)) == set(first)
    assert set(chosen(rows, 12, 1)) != set(first)
    assert set(first) - set(chosen(rows[:50] + rows[51:], 12, 0)) <= {rows[50]}
    assert chosen(rows[:5], 12, 0) == tuple(rows[:5])


def test_a_split_is_counted(tmp_path: Path, fake: FakeEncoder):
    """With a split, queries and gallery images are counted separately."""
    for number in range(4):
        drawn(tmp_path / f"{number}.png", number)
    (tmp_path / "labels.csv").write_text(
        "path,label,split\n0.png,x,query\n1.png,x,gallery\n2.png,y,query\n3.png,x,gallery\n"
    )
    inspection = inspect_dataset(embed_dataset(load_dataset(tmp_path), fake))
    assert (inspection.overall.queries, inspection.overall.gallery) == (2, 2)
    assert inspection.overall.without_relevant == {"none": 1}


def test_the_page_is_self_contained(inspection: DatasetInspection):
    """The page has no external references, every sampled image, and the copies, skipped files and units."""
    page = page_of(dataset_document(inspection, replace(provenance(), command="lookalike dataset show track")))
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert page.count("<img ") == 9 + 2
    for text in ("track", "bad.png", "not an image", "Exact copies: 1 set", "junk group", "portrait", "sleeper"):
        assert text in page
    assert "lookalike dataset show track" in page


def test_names_are_escaped(tmp_path: Path, fake: FakeEncoder):
    """Markup in class names is shown as text."""
    for number in range(4):
        drawn(tmp_path / "odd" / ("<b>bold", "x & y")[number % 2] / f"{number}.png", number)
    page = page_of(dataset_document(inspect_dataset(embed_dataset(load_dataset(tmp_path / "odd"), fake)), provenance()))
    assert "&lt;b&gt;bold" in page
    assert "x &amp; y" in page
    assert "<b>bold" not in page


def test_a_deleted_image_leaves_a_gap(track: Path, inspection: DatasetInspection):
    """An image deleted before the page is written is shown as unreadable, and missing from the contact sheet."""
    (track / "3.png").unlink()
    assert "can't be read any more" in page_of(dataset_document(inspection, provenance()))
    assert dataset_contact_sheet(inspection).mode == "RGB"


def test_many_classes_share_the_page(tmp_path: Path, fake: FakeEncoder):
    """With more classes than fit, the largest are on the contact sheet, and the others are counted."""
    for number in range(9):
        drawn(tmp_path / "many" / "abc"[number % 3] / f"{number}.png", number)
    drawn(tmp_path / "many" / "b" / "10.png", 10)
    inspection = inspect_dataset(embed_dataset(load_dataset(tmp_path / "many"), fake))
    page = page_of(dataset_document(inspection, provenance(), most_images=8))
    assert "The 1 smallest class is in the table only" in page
    assert page.count("<img ") == 3 + 4


def test_the_json_has_everything(inspection: DatasetInspection):
    """The JSON has a version and everything that the page has."""
    answer = json.loads(json.dumps(dataset_json(inspection)))
    assert (answer["version"], answer["images"], answer["dataset"]) == (1, 9, "track")
    assert answer["classes"]["clip"]["sizes"] == {"smallest": [80, 20], "median": [60, 40], "largest": [40, 61]}
    assert answer["units"]["group"] == {"count": 5, "largest": 3, "mixed": 1, "without": 1}
    assert answer["exact_copies"] == [[{"path": "0.png"}, {"path": "copy.png"}]]
    assert [one["path"] for one in answer["skipped_files"]] == ["bad.png"]
    assert answer["contact_sheet"]["sleeper"] == [{"path": "6.png"}, {"path": "7.png"}]
    assert answer["stamp"]["name"] == "colours"


def test_the_command_prints_and_writes(track: Path, tmp_path: Path, call: Cli):
    """The command prints a summary and a line for each class, and writes page, JSON and contact sheet."""
    result = call("dataset", "show", track, "--out", tmp_path / "new" / "out")
    assert result.code == 0
    assert result.out.startswith(
        f"Dataset: track\n10 rows of {track / 'labels.csv'}. 9 images in 3 classes, 1 skipped."
    )
    assert re.search(r"^sleeper +2 +1 +2 ", result.out, re.MULTILINE)
    assert re.search("^bad.png  not an image", result.out, re.MULTILINE)
    assert "lookalike: 1 skipped, the first bad.png" in result.err
    files = sorted(file.name for file in (tmp_path / "new" / "out").iterdir())
    assert files == ["contact_sheet.jpg", "dataset.html", "dataset.json"]
    with Image.open(tmp_path / "new" / "out" / "contact_sheet.jpg") as sheet:
        assert sheet.width > 400
    written = json.loads((tmp_path / "new" / "out" / "dataset.json").read_text("utf-8"))
    assert json.loads(call("dataset", "show", track, "--json").out) == written


def test_a_single_class_can_be_inspected(tmp_path: Path, call: Cli):
    """A dataset of one class is accepted."""
    for number in range(2):
        drawn(tmp_path / "pets" / "cat" / f"{number}.png", number)
    assert "2 images in 1 class" in call("dataset", "show", tmp_path / "pets").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dataset",), "an action is missing"),
        (("dataset", "show"), "DATASET"),
        (("dataset", "show", "x", "--near", "2"), "not a cosine"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], message: str, call: Cli):
    """Wrong usage exits with code 2 and says what is expected."""
    result = call(*arguments)
    assert result.code == 2
    assert message in result.err


def test_errors_are_one_line(tmp_path: Path, call: Cli):
    """A missing dataset and a folder that can't be written give a one-line error and exit code 1."""
    result = call("dataset", "show", tmp_path / "nothing")
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*no such folder or file.*\n", result.err)
    (tmp_path / "file").write_text("")
    result = call("dataset", "show", tmp_path, "--out", tmp_path / "file")
    assert (result.code, result.out) == (1, "")
    assert "can't be written" in result.err


@pytest.mark.labelled
def test_the_labelled_images(labelled_photographs: Path, fake: FakeEncoder):
    """The railway images have the 21 queries with R = 0 that evaluations exclude."""
    inspection = inspect_dataset(embed_dataset(load_dataset(labelled_photographs / "rail"), fake))
    assert (inspection.overall.images, len(inspection.classes), inspection.overall.skipped) == (381, 13, 0)
    assert inspection.overall.without_relevant == {"none": 0, "group": 21}
    assert inspection.overall.units["group"] == UnitSummary(118, 31, 3, 0)


@pytest.mark.parametrize("command", [("dataset",), ("dataset", "show"), ("matrix",), ("angles",)])
def test_help_exits_with_0(command: tuple[str, ...], call: Cli):
    """Every command here has a help text."""
    result = call(*command, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: lookalike {' '.join(command)}")
