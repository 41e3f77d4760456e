"""Several encoders that look for other frames of the same scene: what is tested, and what is reported."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw
from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike.encoders.encoder import Encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.angle_comparison import AnglesComparison, compare_angles
from lookalike.evaluation.experiments.angles import measure_angles
from lookalike.evaluation.statistics.differences import difference, holm
from lookalike.report.angles.comparison import angles_comparison_document
from lookalike.report.document.html import page

Cli = Callable[..., Result]


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Twelve scenes of three frames: an image, mirrored, and rotated."""
    root, lines = tmp_path / "scenes", ["path,label,group"]
    root.mkdir()
    for scene in range(12):
        image = draw(scene)
        for frame, shot in enumerate((image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.rotate(9))):
            shot.save(root / f"{scene}-{frame}.png")
            lines.append(f"{scene}-{frame}.png,{('joint', 'clip')[scene % 2]},scene {scene}")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def embedded(scenes: Path) -> list[EmbeddedDataset]:
    """The scenes embedded by an encoder, by one with much noise, and by one that equals the first."""
    first = embed_dataset(load_dataset(scenes), FakeEncoder("colours"))
    noise = np.random.default_rng(0).normal(size=first.vectors.shape)
    noisy = first.vectors + noise / 3
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    return [
        first,
        replace(first, vectors=noisy.astype(np.float32), spec=FakeEncoder("noisy").spec),
        replace(first, spec=FakeEncoder("equal").spec),
    ]


@pytest.fixture
def comparison(embedded: list[EmbeddedDataset]) -> AnglesComparison:
    """All three of them, with no near duplicates but exact copies."""
    return compare_angles(embedded, threshold=1.0, ks=(1, 5))


def test_each_result_is_that_of_the_encoder_alone(comparison: AnglesComparison, embedded: list[EmbeddedDataset]):
    """The first encoder says what near duplicates are, for all."""
    for row, one in zip(comparison.rows, embedded, strict=True):
        alone = measure_angles(one, embedded[0], threshold=1.0, ks=(1, 5))
        assert (row.angles.micro, row.angles.intervals) == (alone.micro, alone.intervals)


def test_differences_are_tested_on_the_same_queries(comparison: AnglesComparison):
    """Value, interval and p follow from both results; a much worse encoder is shown to be worse, an equal one not."""
    reference, noisy, equal = comparison.rows
    assert reference.differences == {}
    for key in comparison.metrics:
        first, second = reference.angles, noisy.angles
        influence = second.influences[key] - first.influences[key]
        expected = difference(second.micro[key] - first.micro[key], influence, first.sampling)
        found = noisy.differences[key]
        assert (found.value, found.interval, found.p) == (expected.value, expected.interval, expected.p)
    assert noisy.differences["map"].value < -0.1
    assert (noisy.differences["map"].adjusted or 0) < 0.05
    assert {one.adjusted for one in equal.differences.values()} == {1.0}
    every = [one for row in comparison.rows for one in row.differences.values()]
    assert [one.adjusted for one in every] == holm([one.p for one in every])


def test_unlike_inputs_are_errors(embedded: list[EmbeddedDataset]):
    """One encoder, the same twice, and different images."""
    with pytest.raises(EvaluationError, match="at least two"):
        compare_angles(embedded[:1])
    with pytest.raises(EvaluationError, match="given twice"):
        compare_angles([embedded[0], embedded[0]])
    with pytest.raises(EvaluationError, match="images changed"):
        compare_angles([embedded[0], replace(embedded[1], rows=embedded[1].rows[1:])])


def test_the_page_has_both_encoders_and_the_tests(comparison: AnglesComparison):
    """Metrics with intervals, chance, and a table of differences for each metric."""
    text = page(angles_comparison_document(comparison))
    for words in ("colours", "noisy", "chance", "Against colours", "Holm&#39;s correction for 8 tests"):
        assert words in text, words


def load(name: str) -> Encoder:
    """Encoders by name, with the view of a variant."""
    plain, _, view = name.partition("@")
    encoder = FakeEncoder(plain)
    encoder.spec = replace(encoder.spec, view=view or "centre")
    return encoder


def test_the_command_compares_encoders(scenes: Path, tmp_path: Path, call: Cli):
    """Each encoder has its own page and queries; JSON and CSV have the differences."""
    arguments = ("--encoder", "colours", "--encoder", "colours@whole", "--near", "1", "--k", "1,5")
    out = tmp_path / "out"
    result = call("angles", scenes, *arguments, "--out", out, encoders=FakeSource(load=load))
    assert (result.code, result.err) == (0, "")
    assert "Against colours (centre view)" in result.out
    names = {
        f"{kind}-{number}.{ending}" for number in (1, 2) for kind, ending in (("angles", "html"), ("queries", "csv"))
    }
    assert {file.name for file in out.iterdir()} == {*names, "angles.html", "angles.json", "angles.csv"}
    text = (out / "angles.html").read_text()
    assert set(re.findall(r'href="(angles-\d\.html)"', text)) == {"angles-1.html", "angles-2.html"}
    answer = json.loads((out / "angles.json").read_text())
    first, second = answer["encoders"]
    assert (first["name"], second["name"]) == ("colours (centre view)", "colours (whole view)")
    assert second["differences"]["map"]["difference"] == second["micro"]["map"] - first["micro"]["map"]
    with (out / "angles.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "map"]
    assert [row["encoder"] for row in rows] == ["colours (centre view)", "colours (whole view)"]
    assert (rows[0]["difference"], float(rows[1]["difference"])) == ("", second["differences"]["map"]["difference"])
