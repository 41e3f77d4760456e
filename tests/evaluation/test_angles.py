"""Same scene, other frame: what is relevant, what is junk, what is left out, and what is said of it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawing import draw, drawn
from fakes import SPEC, FakeEncoder
from galleries import Result
from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.angles import Angles, angles, check
from lookalike.report.angles_json import angles_answer, angles_csv
from lookalike.report.angles_page import angles_page

Cli = Callable[..., Result]


def made(vectors: NDArray[np.floating], rows: list[Row], contents: str = "") -> EmbeddedDataset:
    """A dataset of made-up vectors, brought to length 1; a letter for each row may tell its content."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    dataset = Dataset("made", Path("/made"), tuple(rows), "CSV", Path("/made/labels.csv"), "made up")
    names = contents or [row.path for row in rows]
    digests = tuple(hashlib.sha256(name.encode()).digest() for name in names)
    return EmbeddedDataset(dataset, unit.astype(np.float32), digests, tuple(rows), (), SPEC, 0.0, 0.0)


def on_a_circle(*degrees: float) -> NDArray[np.floating]:
    """Unit vectors at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def rows_of(groups: str, labels: str | None = None) -> list[Row]:
    """A row for each letter: its group, ``-`` for none."""
    return [
        Row(f"{number}.png", label, None if group == "-" else group)
        for number, (group, label) in enumerate(zip(groups, labels or "x" * len(groups), strict=True))
    ]


def test_other_frames_of_the_scene_are_relevant_whatever_their_label():
    """A frame of the same group is right even with another label; a picture of the same label elsewhere is wrong."""
    embedded = made(on_a_circle(0, 30, 40, 90, 170), rows_of("aab-a", "xyxxx"))
    found = angles(embedded, ks=(1,))
    hits = found.hits(0)
    assert [(hit.row.path, hit.right) for hit in hits] == [
        ("1.png", True),
        ("2.png", False),
        ("3.png", False),
        ("4.png", True),
    ]
    first = found.query(0)
    assert (first.relevant, first.size, first.figures["precision@1"]) == (2, 4, 1.0)
    assert first.figures["map"] == pytest.approx((1 + 2 / 4) / 2)
    assert first.first is not None
    assert (first.first.rank, first.first.row.path) == (1, "1.png")


def test_near_copies_are_junk_by_the_fixed_encoder():
    """Frames above the threshold by the fixed encoder are removed, however the encoder that is measured sees them."""
    rows = rows_of("aaab")
    measured = made(on_a_circle(0, 5, 60, 30), rows)
    fixed = replace(made(on_a_circle(0, 50, 2, 120), rows), spec=replace(SPEC, name="fixed"))
    found = angles(measured, fixed, threshold=0.97, ks=(1,))
    assert [hit.row.path for hit in found.hits(0)] == ["1.png", "3.png"]
    assert (found.near_frames, found.near_others, found.near_encoder.name) == (2, 0, "fixed")
    without = angles(measured, fixed, threshold=0.9999, ks=(1,))
    assert [hit.row.path for hit in without.hits(0)] == ["1.png", "3.png", "2.png"]
    assert without.near_frames == 0


def test_near_copies_elsewhere_are_junk_too():
    """A near copy of the query without a group, or of another, is removed as well, and counted apart."""
    found = angles(made(on_a_circle(0, 40, 1, 2), rows_of("aa-b")), ks=(1,))
    assert [hit.row.path for hit in found.hits(0)] == ["1.png"]
    assert found.hits(1)[0].row.path == "3.png"
    assert (found.near_frames, found.near_others) == (0, 4)


def test_what_has_nothing_to_find_is_left_out_and_counted():
    """Queries without a group, alone in theirs, or with copies alone are excluded, each with its reason."""
    vectors = on_a_circle(0, 40, 80, 120, 160, 161, 200, 240)
    found = angles(made(vectors, rows_of("aab-ccdd"), "abcdefgg"), ks=(1,))
    assert found.excluded == {
        "without a group": 1,
        "the only frame of their scene": 1,
        "all other frames are near or exact copies": 4,
    }
    assert (found.scored, found.scenes, found.gallery) == (2, 1, 8)
    assert found.query(2).figures == {}
    assert found.query(2).first is None


def test_scenes_count_alike_beside_queries():
    """By scene, each scene's mean counts once; micro, each query does; macro, each class."""
    embedded = made(on_a_circle(0, 10, 20, 30, 100, 200, 150, 152), rows_of("aaaabb--", "xxxxyyxx"))
    found = angles(embedded, threshold=0.999, ks=(1,))
    ap = found.table.values["map"]
    assert found.micro["map"] == pytest.approx(ap[:6].mean())
    assert found.by_scene["map"] == pytest.approx((ap[:4].mean() + ap[4:6].mean()) / 2)
    assert found.classes["y"]["map"] == pytest.approx(ap[4:6].mean())
    assert found.macro["map"] == pytest.approx(found.by_scene["map"])
    assert found.class_queries == {"x": 4, "y": 2}
    assert [query.row.group for query in found.worst()] == ["b", "a"]
    assert [query.row.group for query in found.best()] == ["a", "b"]


def test_the_first_frame_is_told_however_late_it_comes():
    """Where the first frame of the scene comes after the places that are kept, its rank and row are still told."""
    degrees = [0, *range(20, 60), 120, 170]
    groups = "a" + 20 * "b" + 20 * "-" + "aa"
    found = angles(made(on_a_circle(*degrees), rows_of(groups)), threshold=0.9999, ks=(1,))
    first = found.query(0).first
    assert first is not None
    assert (first.rank, first.row.path) == (41, "41.png")
    assert first.score == pytest.approx(np.cos(np.radians(120)), abs=1e-6)
    assert all(not hit.right for hit in found.hits(0))


def test_a_split_is_kept_to():
    """With a split, only query rows query, and only gallery rows are frames to find."""
    rows = rows_of("aaab")
    split = [replace(row, split=side) for row, side in zip(rows, ("query", "gallery", "query", "gallery"), strict=True)]
    found = angles(made(on_a_circle(0, 40, 80, 120), split), ks=(1,))
    assert [query.row.path for query in found.queries()] == ["0.png", "2.png"]
    assert [query.relevant for query in found.queries()] == [1, 1]


@pytest.mark.parametrize(
    ("groups", "ks", "words"),
    [
        ("---", (1,), "no groups are given.*add a column group"),
        ("abc", (1,), "no query has another frame of its scene left.*the same group"),
        ("aab", (3,), "k = 3 is larger than the gallery of 2"),
        ("aab", (0,), "k must be at least 1"),
        ("aab", (), "k must be at least 1, in an empty list"),
    ],
)
def test_what_cannot_be_measured_is_refused(groups: str, ks: tuple[int, ...], words: str):
    """Without groups, without frames to find, and with a k beyond the gallery there are no figures, but words."""
    with pytest.raises(EvaluationError, match=words):
        angles(made(on_a_circle(0, 50, 100), rows_of(groups)), ks=ks)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Twelve scenes of three frames each (a picture, mirrored, and shifted in colour), two alone, one damaged."""
    root, lines = tmp_path / "scenes", ["path,label,group"]
    root.mkdir()
    for scene in range(12):
        picture = draw(scene)
        for frame, image in enumerate((picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), picture.rotate(9))):
            image.save(root / f"{scene}-{frame}.png")
            lines.append(f"{scene}-{frame}.png,{('joint', 'clip')[scene % 2]},scene {scene}")
    for number in range(2):
        drawn(root / f"alone {number}.png", 100 + number)
        lines.append(f"alone {number}.png,clip,")
    (root / "bad.png").write_text("words")
    lines.append("bad.png,clip,scene 0")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def found(scenes: Path, fake: FakeEncoder) -> Angles:
    """What is found in them."""
    return angles(embed_dataset(load_dataset(scenes), fake), threshold=0.999, command="lookalike angles scenes")


def test_figures_have_intervals_chance_and_ceilings(found: Angles):
    """Every figure has its chance level, intervals resample the twelve scenes, and a ceiling stands over precision."""
    assert (found.scored, found.scenes) == (36, 12)
    assert set(found.chance) == set(found.micro) == set(found.by_scene)
    assert "accuracy" not in found.micro
    assert found.ceilings["ceiling@10"] == pytest.approx(0.2)
    interval = found.intervals["map"]
    assert interval is not None
    assert interval.groups == 12
    assert interval.approximate
    assert interval.low <= found.micro["map"] <= interval.high
    assert found.micro["map"] > found.chance["map"]


def test_the_same_figures_go_to_json_and_csv(found: Angles):
    """JSON has the figures with definitions, the CSV a row for every query with its first hit."""
    answer = json.loads(json.dumps(angles_answer(found)))
    assert (answer["version"], answer["experiment"]) == (1, "same scene, other frame")
    assert answer["micro"]["map"] == found.micro["map"]
    assert (answer["queries"], answer["excluded"], answer["scenes"]) == (36, 2, 12)
    assert answer["near_copies"]["threshold"] == 0.999
    assert "whatever their label" in answer["definitions"]["Same scene, other frame"]
    rows = list(csv.DictReader(angles_csv(found).splitlines()))
    assert len(rows) == 38
    assert rows[0]["group"] == "scene 0"
    assert float(rows[0]["ap"]) == pytest.approx(found.query(0).figures["map"])
    assert rows[36]["ap"] == rows[36]["first_frame_rank"] == ""


def test_the_page_holds_all_that_it_needs(found: Angles):
    """The page refers to nothing outside itself, says what is measured and what was left out, and shows pictures."""
    page = angles_page(found)
    assert not re.search(r'(src|href)="(?!data:)', page)
    for words in ("same scene, other frame", "2 queries are excluded", "without a group (2)", "bad.png", "scene 3"):
        assert words in page
    assert page.count("<img ") > 60


def test_the_command_prints_and_writes(scenes: Path, tmp_path: Path, call: Cli):
    """The command prints the figures, and writes page, JSON and CSV."""
    result = call("angles", scenes, "--encoder", "colours", "--near", "0.999", "--out", tmp_path / "out")
    assert result.code == 0
    assert result.out.startswith("same scene, other frame: scenes by colours\n36 queries of 12 scenes, 38 pictures")
    assert re.search(r"^hit_rate@10 +\d\.\d{3} +~\d\.\d{3} to \d\.\d{3}", result.out, re.MULTILINE)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["angles.html", "angles.json", "queries.csv"]
    written = json.loads((tmp_path / "out" / "angles.json").read_text("utf-8"))
    again = call("angles", scenes, "--encoder", "colours", "--near", "0.999", "--json")
    assert json.loads(again.out) == written
    assert written["command"].startswith("lookalike angles ")


def test_a_dataset_without_groups_is_refused_before_any_work(tmp_path: Path, call: Cli, fake: FakeEncoder):
    """Without groups, one line says how to give them, and nothing is embedded."""
    for number in range(4):
        drawn(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png", number)
    result = call("angles", tmp_path / "pets", "--k", "1")
    assert (result.code, result.out, fake.encoded) == (1, "", 0)
    assert re.fullmatch("lookalike: .*no groups are given.*\n", result.err)


@pytest.mark.labelled
def test_the_labelled_photographs(labelled_photographs: Path, fake: FakeEncoder):
    """Of the railway photographs, 308 have another frame of their scene among 381, and 73 are alone in theirs."""
    dataset = load_dataset(labelled_photographs / "rail")
    check(dataset, (1, 5, 10))
    found = angles(embed_dataset(dataset, fake), threshold=1.0)
    assert (found.scored, found.scenes) == (308, 45)
    assert found.excluded == {"the only frame of their scene": 73}
