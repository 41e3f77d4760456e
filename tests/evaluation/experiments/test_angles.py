"""The experiment ``angles``: relevance, junk and exclusions of frames of one scene, and its reports."""

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
from lookalike.evaluation.experiments.angles import Angles, check_angles, measure_angles
from lookalike.report.angles.document import angles_document
from lookalike.report.angles.json import angles_csv, angles_json
from lookalike.report.document.html import page as page_of

Cli = Callable[..., Result]


def synthetic(vectors: NDArray[np.floating], rows: list[Row], contents: str = "") -> EmbeddedDataset:
    """A dataset of the given vectors, normalised; ``contents`` may give a letter for each row's content."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    dataset = Dataset("synthetic", Path("/synthetic"), tuple(rows), "CSV", Path("/synthetic/labels.csv"), "synthetic")
    names = contents or [row.path for row in rows]
    digests = tuple(hashlib.sha256(name.encode()).digest() for name in names)
    return EmbeddedDataset(dataset, unit.astype(np.float32), digests, tuple(rows), (), SPEC, 0.0, 0.0)


def on_a_circle(*degrees: float) -> NDArray[np.floating]:
    """Unit vectors at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def rows_of(groups: str, labels: str | None = None) -> list[Row]:
    """A row for each letter of ``groups``, the name of its group; ``-`` means no group."""
    return [
        Row(f"{number}.png", label, None if group == "-" else group)
        for number, (group, label) in enumerate(zip(groups, labels or "x" * len(groups), strict=True))
    ]


def test_other_frames_of_the_scene_are_relevant_regardless_of_label():
    """A frame of the same group is relevant even with another label; an image of the same label elsewhere is wrong."""
    embedded = synthetic(on_a_circle(0, 30, 40, 90, 170), rows_of("aab-a", "xyxxx"))
    result = measure_angles(embedded, ks=(1,))
    hits = result.hits(0)
    assert [(hit.row.path, hit.right) for hit in hits] == [
        ("1.png", True),
        ("2.png", False),
        ("3.png", False),
        ("4.png", True),
    ]
    first = result.query(0)
    assert (first.relevant, first.size, first.metrics["precision@1"]) == (2, 4, 1.0)
    assert first.metrics["map"] == pytest.approx((1 + 2 / 4) / 2)
    assert first.first is not None
    assert (first.first.rank, first.first.row.path) == (1, "1.png")


def test_near_duplicates_by_the_fixed_encoder_are_junk():
    """Frames above the threshold by the fixed encoder are removed, whatever their score by the measured encoder."""
    rows = rows_of("aaab")
    measured = synthetic(on_a_circle(0, 5, 60, 30), rows)
    fixed = replace(synthetic(on_a_circle(0, 50, 2, 120), rows), spec=replace(SPEC, name="fixed"))
    result = measure_angles(measured, fixed, threshold=0.97, ks=(1,))
    assert [hit.row.path for hit in result.hits(0)] == ["1.png", "3.png"]
    assert (result.same_scene_duplicates, result.other_duplicates, result.near_encoder.name) == (2, 0, "fixed")
    without = measure_angles(measured, fixed, threshold=0.9999, ks=(1,))
    assert [hit.row.path for hit in without.hits(0)] == ["1.png", "3.png", "2.png"]
    assert without.same_scene_duplicates == 0


def test_near_duplicates_of_other_scenes_are_junk():
    """A near duplicate of the query in another group or without a group is removed as well, and counted separately."""
    result = measure_angles(synthetic(on_a_circle(0, 40, 1, 2), rows_of("aa-b")), ks=(1,))
    assert [hit.row.path for hit in result.hits(0)] == ["1.png"]
    assert result.hits(1)[0].row.path == "3.png"
    assert (result.same_scene_duplicates, result.other_duplicates) == (0, 4)


def test_queries_without_relevant_images_are_excluded_and_counted():
    """Queries without a group, alone in theirs, or with near duplicates only are excluded, each with its reason."""
    vectors = on_a_circle(0, 40, 80, 120, 160, 161, 200, 240)
    result = measure_angles(synthetic(vectors, rows_of("aab-ccdd"), "abcdefgg"), ks=(1,))
    assert result.excluded == {
        "without a group": 1,
        "the only frame of their scene": 1,
        "all other frames are near duplicates or exact copies": 4,
    }
    assert (result.scored, result.scenes, result.gallery) == (2, 1, 8)
    assert result.query(2).metrics == {}
    assert result.query(2).first is None


def test_means_over_queries_scenes_and_classes():
    """``micro`` averages over queries, ``by_scene`` over the means of scenes, ``macro`` over the means of classes."""
    embedded = synthetic(on_a_circle(0, 10, 20, 30, 100, 200, 150, 152), rows_of("aaaabb--", "xxxxyyxx"))
    result = measure_angles(embedded, threshold=0.999, ks=(1,))
    ap = result.per_query.values["map"]
    assert result.micro["map"] == pytest.approx(ap[:6].mean())
    assert result.by_scene["map"] == pytest.approx((ap[:4].mean() + ap[4:6].mean()) / 2)
    assert result.classes["y"]["map"] == pytest.approx(ap[4:6].mean())
    assert result.macro["map"] == pytest.approx(result.by_scene["map"])
    assert result.class_queries == {"x": 4, "y": 2}
    assert [query.row.group for query in result.worst()] == ["b", "a"]
    assert [query.row.group for query in result.best()] == ["a", "b"]


def test_the_first_frame_is_found_below_the_kept_places():
    """The rank and row of the first frame are known even where it comes after the places that rankings keep."""
    degrees = [0, *range(20, 60), 120, 170]
    groups = "a" + 20 * "b" + 20 * "-" + "aa"
    result = measure_angles(synthetic(on_a_circle(*degrees), rows_of(groups)), threshold=0.9999, ks=(1,))
    first = result.query(0).first
    assert first is not None
    assert (first.rank, first.row.path) == (41, "41.png")
    assert first.score == pytest.approx(np.cos(np.radians(120)), abs=1e-6)
    assert all(not hit.right for hit in result.hits(0))


def test_a_split_is_respected():
    """With a split, only query rows are queries, and only gallery rows are frames to find."""
    rows = rows_of("aaab")
    split = [replace(row, split=part) for row, part in zip(rows, ("query", "gallery", "query", "gallery"), strict=True)]
    result = measure_angles(synthetic(on_a_circle(0, 40, 80, 120), split), ks=(1,))
    assert [query.row.path for query in result.queries()] == ["0.png", "2.png"]
    assert [query.relevant for query in result.queries()] == [1, 1]


@pytest.mark.parametrize(
    ("groups", "ks", "message"),
    [
        ("---", (1,), "no groups.*column group"),
        ("abc", (1,), "no query has another frame of its scene"),
        ("aab", (3,), "k = 3 is larger than the gallery of 2"),
        ("aab", (0,), "k must be at least 1"),
        ("aab", (), "k must be at least 1"),
    ],
)
def test_invalid_datasets_and_ks_raise_errors(groups: str, ks: tuple[int, ...], message: str):
    """Missing groups, no frames to find, and a k out of range raise errors."""
    with pytest.raises(EvaluationError, match=message):
        measure_angles(synthetic(on_a_circle(0, 50, 100), rows_of(groups)), ks=ks)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Twelve scenes of three frames each (an image, mirrored, and rotated), two single images, and a damaged one."""
    root, lines = tmp_path / "scenes", ["path,label,group"]
    root.mkdir()
    for scene in range(12):
        image = draw(scene)
        for frame, shot in enumerate((image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.rotate(9))):
            shot.save(root / f"{scene}-{frame}.png")
            lines.append(f"{scene}-{frame}.png,{('joint', 'clip')[scene % 2]},scene {scene}")
    for number in range(2):
        drawn(root / f"alone {number}.png", 100 + number)
        lines.append(f"alone {number}.png,clip,")
    (root / "bad.png").write_text("text")
    lines.append("bad.png,clip,scene 0")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def result(scenes: Path, fake: FakeEncoder) -> Angles:
    """The result on these scenes."""
    return measure_angles(embed_dataset(load_dataset(scenes), fake), threshold=0.999)


def test_metrics_have_intervals_chance_and_ceilings(result: Angles):
    """Every metric has its chance level, intervals resample the twelve scenes, and precision has a ceiling."""
    assert (result.scored, result.scenes) == (36, 12)
    assert set(result.chance) == set(result.micro) == set(result.by_scene)
    assert "accuracy" not in result.micro
    assert result.ceilings["precision@10"] == pytest.approx(0.2)
    interval = result.intervals["map"]
    assert interval is not None
    assert interval.groups == 12
    assert interval.approximate
    assert interval.low <= result.micro["map"] <= interval.high
    assert result.micro["map"] > result.chance["map"]


def test_json_and_csv_have_the_same_metrics(result: Angles):
    """The JSON has the metrics with definitions, the CSV a row for each query with its first hit."""
    answer = json.loads(json.dumps(angles_json(result)))
    assert (answer["version"], answer["experiment"]) == (1, "same scene, other frame")
    assert answer["micro"]["map"] == result.micro["map"]
    assert (answer["queries"], answer["excluded"], answer["scenes"]) == (36, 2, 12)
    assert answer["near_duplicates"]["threshold"] == 0.999
    assert "whatever their label" in answer["definitions"]["Same scene, other frame"]
    rows = list(csv.DictReader(angles_csv(result).splitlines()))
    assert len(rows) == 38
    assert rows[0]["group"] == "scene 0"
    assert float(rows[0]["ap"]) == pytest.approx(result.query(0).metrics["map"])
    assert rows[36]["ap"] == rows[36]["first_frame_rank"] == ""


def test_the_page_is_self_contained(result: Angles):
    """The page has no external references, states what is measured and excluded, and shows images."""
    page = page_of(angles_document(result))
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for words in ("Same scene, other frame", "2 excluded: ", "without a group", "bad.png", "scene 3"):
        assert words in page
    assert page.count("<img ") > 60


def test_the_command_prints_and_writes(scenes: Path, tmp_path: Path, call: Cli):
    """The command prints the metrics, and writes page, JSON and CSV."""
    result = call("angles", scenes, "--encoder", "colours", "--near", "0.999", "--out", tmp_path / "out")
    assert result.code == 0
    assert result.out.startswith("Same scene, other frame: scenes\n36 queries of 12 scenes, each against all 38 images")
    assert re.search(r"^Hit rate@10 +\d\.\d{3} +~\d\.\d{3} to \d\.\d{3}", result.out, re.MULTILINE)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["angles.html", "angles.json", "queries.csv"]
    written = json.loads((tmp_path / "out" / "angles.json").read_text("utf-8"))
    again = call("angles", scenes, "--encoder", "colours", "--near", "0.999", "--json")
    assert json.loads(again.out) == written
    assert written["command"].startswith("lookalike angles ")


def test_a_dataset_without_groups_is_rejected_before_embedding(tmp_path: Path, call: Cli, fake: FakeEncoder):
    """Without groups, a one-line error says how to add them, and nothing is embedded."""
    for number in range(4):
        drawn(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png", number)
    result = call("angles", tmp_path / "pets", "--k", "1")
    assert (result.code, result.out, fake.encoded) == (1, "", 0)
    assert re.fullmatch("lookalike: .*no groups.*\n", result.err)


@pytest.mark.labelled
def test_the_labelled_images(labelled_photographs: Path, fake: FakeEncoder):
    """Of the 381 railway images, 308 have another frame of their scene, and 73 are the only one of theirs."""
    dataset = load_dataset(labelled_photographs / "rail")
    check_angles(dataset, (1, 5, 10))
    result = measure_angles(embed_dataset(dataset, fake), threshold=1.0)
    assert (result.scored, result.scenes) == (308, 45)
    assert result.excluded == {"the only frame of their scene": 73}
