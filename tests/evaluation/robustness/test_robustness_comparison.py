"""Several encoders under the same damage: what is tested, how p-values are adjusted, and what is reported."""

import csv
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawing import draw
from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.encoder import Encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.robustness.comparison import ALL_FAMILIES, RobustnessComparison, compare_robustness
from lookalike.evaluation.robustness.robustness import measure_robustness
from lookalike.evaluation.statistics.differences import difference, holm
from lookalike.report.document.html import page
from lookalike.report.robustness.comparison import robustness_comparison_document

pytestmark = pytest.mark.slow

Cli = Callable[..., Result]
ASKED = {"corruptions": ["darkness", "fog"], "severities": (3, 5), "seed": 1}


class EvenEncoder(FakeEncoder):
    """The fake encoder, but blind to overall brightness and contrast."""

    def embed_prepared(self, batch: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of the standardised mean colours."""
        features = self._network.run(np.concatenate(list(batch)))[:, :-1].astype(np.float64)
        features -= features.mean(axis=1, keepdims=True)
        even = np.column_stack([features / features.std(axis=1, keepdims=True), np.full(len(features), 0.1)])
        return np.asarray(even / np.linalg.norm(even, axis=1, keepdims=True), np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of twelve similar images."""
    for number in range(36):
        label, path = "abc"[number // 12], tmp_path / "set" / "abc"[number // 12] / f"{number}.png"
        mixed = 0.7 * np.asarray(draw(ord(label), (64, 48))) + 0.3 * np.asarray(draw(number, (64, 48)))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mixed.astype(np.uint8)).save(path)
    return tmp_path / "set"


@pytest.fixture
def comparison(folder: Path, cache: EmbeddingCache) -> RobustnessComparison:
    """An encoder of colours, one that is blind to brightness, and another that equals the first."""
    encoders = [FakeEncoder("colours"), EvenEncoder("even"), FakeEncoder("equal")]
    return compare_robustness(folder, encoders, cache=cache, **ASKED)  # type: ignore[arg-type]


def test_each_result_is_that_of_the_encoder_alone(comparison: RobustnessComparison, folder: Path):
    """Measured together or alone, an encoder has the same metrics."""
    for row, encoder in zip(comparison.rows, (FakeEncoder("colours"), EvenEncoder("even")), strict=False):
        alone = measure_robustness(folder, encoder, **ASKED)  # type: ignore[arg-type]
        assert row.robustness.to_records() == alone.to_records()


def test_differences_are_those_of_retention_on_the_same_images(comparison: RobustnessComparison):
    """Value, interval and p follow from the retentions and influences of both; the reference has none."""
    reference, even, _ = comparison.rows
    assert (reference.families, reference.corruptions) == ({}, {})
    assert set(even.families) == {"light", "weather", ALL_FAMILIES}
    assert set(even.corruptions) == {"darkness", "fog"}
    for name in ("darkness", "fog"):
        first, second = (
            next(one for one in row.robustness.results.corruptions if one.name == name).metrics["map"]
            for row in (reference, even)
        )
        assert first.retention is not None
        assert second.retention is not None
        found = even.corruptions[name]["map"]
        assert found.value == pytest.approx(second.retention - first.retention)
        influence = second.retention_influence - first.retention_influence  # type: ignore[operator]
        expected = difference(found.value, influence, reference.robustness.results.sampling)
        assert (found.interval, found.p) == (expected.interval, expected.p)


def test_an_encoder_blind_to_brightness_resists_darkness_better(comparison: RobustnessComparison):
    """The test shows it, and shows nothing between two equal encoders."""
    _, even, equal = comparison.rows
    found = even.corruptions["darkness"]["map"]
    assert found.value > 0.1
    assert found.adjusted is not None
    assert found.adjusted < 0.01
    assert {one.adjusted for level in equal.families.values() for one in level.values()} == {1.0}
    assert {one.value for level in equal.families.values() for one in level.values()} == {0.0}


def test_p_values_are_adjusted_for_all_tests_of_a_metric(comparison: RobustnessComparison):
    """Families are one table for each metric, corruptions another."""
    for key in comparison.metric_names:
        for every in ([row.families for row in comparison.rows], [row.corruptions for row in comparison.rows]):
            found = [level[key] for own in every for level in own.values() if key in level]
            assert [one.adjusted for one in found] == holm([one.p for one in found])


def test_records_have_every_encoder_and_its_differences(comparison: RobustnessComparison):
    """They have the same columns; a difference stands with families, their mean and corruptions only."""
    records = comparison.to_records()
    assert {record["encoder"] for record in records} == {"colours", "even", "equal"}
    assert len({tuple(record) for record in records}) == 1
    tested = {(record["encoder"], record["level"]) for record in records if record["difference"] is not None}
    assert tested == {(name, level) for name in ("even", "equal") for level in ("family", "corruption", "overall")}


def test_one_encoder_alone_or_twice_is_an_error(folder: Path, cache: EmbeddingCache):
    """Nothing is computed before."""
    with pytest.raises(EvaluationError, match="at least two"):
        compare_robustness(folder, [FakeEncoder()], cache=cache)
    with pytest.raises(EvaluationError, match="given twice"):
        compare_robustness(folder, [FakeEncoder(), FakeEncoder()], cache=cache)
    assert cache.usage() == []


def test_the_page_says_what_was_found(comparison: RobustnessComparison):
    """A sentence for each encoder, with difference, interval, p and what that means; a figure, and the tables."""
    text = page(robustness_comparison_document(comparison)).replace("&lt;", "<")
    assert re.search(
        r"even retains \d+\.\d % of its mAP on clean images, \d+\.\d points more than colours \(difference "
        r"\+0\.\d{3}, 95 % interval \+?\S+ to \+0\.\d{3}, p (= 0\.\d{3}|< 0\.001)\): "
        r"even resists this damage better\.",
        text,
    )
    assert "no difference between equal and colours is shown" in text
    assert text.count("<svg xmlns") == 3
    assert "mAP by corruption" in text
    assert "Holm&#39;s correction for 6 tests of this table" in text


def test_few_groups_are_not_tested(folder: Path, cache: EmbeddingCache):
    """With fewer than ten groups there are neither intervals nor p-values, and the page says so."""
    for file in folder.rglob("*.png"):
        if int(file.stem) % 12 > 2:
            file.unlink()
    result = compare_robustness(folder, [FakeEncoder(), EvenEncoder("even")], cache=cache, **ASKED)  # type: ignore[arg-type]
    one = result.rows[1].families["light"]["map"]
    assert (one.interval, one.p, one.adjusted) == (None, None, None)
    assert "too few groups for a test" in page(robustness_comparison_document(result))


def test_nothing_above_chance_can_be_compared(folder: Path, cache: EmbeddingCache):
    """Where an encoder is at chance on clean images, it has no retention, and there is no difference."""
    files = sorted(folder.rglob("*.png"), key=lambda file: int(file.stem))
    shuffled = np.random.default_rng(0).permutation(len(files))
    lines = [f"{file.relative_to(folder)},{'xyz'[shuffled[number] % 3]}" for number, file in enumerate(files)]
    (folder / "labels.csv").write_text("path,label\n" + "\n".join(lines) + "\n")
    result = compare_robustness(folder, [FakeEncoder(), EvenEncoder("even")], cache=cache, **ASKED)  # type: ignore[arg-type]
    assert all(not level for level in result.rows[1].families.values())
    text = page(robustness_comparison_document(result))
    assert "Nothing can be said of even and colours" in text
    assert "n/a" in text


def load(name: str) -> Encoder:
    """Encoders by name, with the view of a variant."""
    plain, _, view = name.partition("@")
    encoder = EvenEncoder(plain) if plain == "even" else FakeEncoder(plain)
    encoder.spec = replace(encoder.spec, view=view or "centre")
    return encoder


def test_the_command_compares_encoders(folder: Path, tmp_path: Path, call: Cli):
    """The page links to each encoder's own; JSON and CSV have the differences; the command can be repeated."""
    arguments = ("--corruption", "darkness", "--severity", "3,5")
    names = ("--encoder", "colours", "--encoder", "even", "--encoder", "even@whole")
    out = tmp_path / "out"
    result = call("robustness", folder, *arguments, *names, "--out", out, encoders=FakeSource(load=load))
    assert (result.code, result.err) == (0, "")
    assert "even (centre view) retains" in result.out
    pages = {f"robustness-{number}.html" for number in (1, 2, 3)}
    assert {file.name for file in out.iterdir()} == {*pages, "robustness.html", "robustness.json", "robustness.csv"}
    text = (out / "robustness.html").read_text()
    assert set(re.findall(r'href="(robustness-\d\.html)"', text)) == pages
    assert "--encoder colours --encoder even --encoder even@whole" in text
    answer = json.loads((out / "robustness.json").read_text())
    assert answer["reference"] == "colours"
    first, second, third = answer["encoders"]
    assert (second["name"], third["name"]) == ("even (centre view)", "even (whole view)")
    assert first["differences"] == {"families": {}, "corruptions": {}}
    one = second["differences"]["families"]["light"]["map"]
    assert one["difference"] == pytest.approx(
        second["families"][0]["metrics"]["map"]["retention"] - first["families"][0]["metrics"]["map"]["retention"]
    )
    with (out / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (row,) = (
        row for row in rows if (row["encoder"], row["level"], row["metric"]) == ("even (centre view)", "family", "map")
    )
    assert float(row["difference"]) == one["difference"]
    assert math.isclose(float(row["p"]), one["p_holm"])
    printed = call("robustness", folder, *arguments, *names, "--json", encoders=FakeSource(load=load))
    assert json.loads(printed.out)["encoders"][1]["differences"] == second["differences"]
