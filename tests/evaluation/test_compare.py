"""Comparing encoders: every row asked for is there, and each is tested against the first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result
from lookalike.encoders import catalog
from lookalike.errors import DownloadError, EvaluationError, UnknownEncoderError, WeightsError
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.compare import Comparison, compare, everything_known
from lookalike.evaluation.experiments.published import HEADING
from lookalike.report.comparison_page import comparison_page
from lookalike.report.comparison_text import comparison_markdown, comparison_text

Cli = Callable[..., Result]


class DazzledEncoder(FakeEncoder):
    """An encoder of colours that sees little through its noise."""

    def __init__(self, name: str, noise: float = 1.0) -> None:
        super().__init__(name)
        self._noise = noise
        self._drawn = np.random.default_rng(3)

    def embed_prepared(self, batch: list[NDArray[np.uint8]]) -> NDArray[np.float32]:  # type: ignore[override]
        """The fake's embeddings, disturbed."""
        clear = super().embed_prepared(batch)
        mixed = clear + self._noise * self._drawn.normal(size=clear.shape)
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


def load(name: str | os.PathLike[str]) -> FakeEncoder:
    """Stands for load_encoder: some encoders are here, some aren't."""
    if name == "vgg16":
        raise WeightsError("the weights of vgg16 are not on this machine; to fetch them: lookalike encoders pull vgg16")
    if name == "vgg19":
        raise DownloadError("vgg19 can't be fetched: the hub can't be reached")
    return FakeEncoder("clip-vit-b-32") if name == "clip-vit-b-32" else DazzledEncoder(str(name))


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes whose pictures are variations of two drawings, in twelve scenes each."""
    rows = ["path,label,group"]
    for number in range(72):
        label = ("cat", "dog")[number % 2]
        path = drawn(tmp_path / "pets" / label / f"{number:02d}.png", 1000 + number % 24)
        path.write_bytes(path.read_bytes() + number.to_bytes(4))  # variations, but no copies
        rows.append(f"{label}/{number:02d}.png,{label},scene {number // 3}")
    (tmp_path / "pets" / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "pets"


@pytest.fixture
def comparison(pets: Path) -> Comparison:
    """Two encoders that are here, two that aren't."""
    return compare(pets, ["clip-vit-b-32", "vgg16", "resnet50", "vgg19"], load=load)


def test_every_encoder_asked_for_keeps_its_row(comparison: Comparison):
    """In the order asked for; one that isn't here has a reason and no figure."""
    assert [row.name for row in comparison.rows] == ["clip-vit-b-32", "vgg16", "resnet50", "vgg19"]
    assert [row.evaluation is not None for row in comparison.rows] == [True, False, True, False]
    assert "lookalike encoders pull vgg16" in str(comparison.rows[1].problem)
    assert "the hub can't be reached" in str(comparison.rows[3].problem)
    assert comparison.reference is comparison.rows[0]
    assert comparison.labels == ("cat", "dog")
    assert comparison.measures == ("precision@1", "precision@10", "map", "accuracy")


def test_differences_are_paired_with_the_first(comparison: Comparison):
    """The mean of the queries' differences, with an interval around it, and p corrected upwards only."""
    reference, other = (comparison.rows[place].evaluation for place in (0, 2))
    assert reference is not None
    assert other is not None
    assert not comparison.reference.differences
    assert set(comparison.rows[2].differences) == set(comparison.measures)
    for key, one in comparison.rows[2].differences.items():
        means = other.figures.micro[key] - reference.figures.micro[key]
        assert one.value == pytest.approx(means)
        assert one.value < 0
        assert one.interval is not None
        assert -1 <= one.interval.low <= one.value <= one.interval.high <= 1
        assert 0 < one.p <= one.adjusted <= 1
    assert comparison.rows[2].differences["map"].p < 0.05


def test_holms_correction_is_over_the_encoders_of_a_figure(pets: Path):
    """With two tested encoders the smaller p is doubled, and the larger one is at least as large as it."""
    rows = compare(pets, [FakeEncoder("a"), DazzledEncoder("b"), DazzledEncoder("c", 0.1)]).rows[1:]
    for key in ("precision@1", "map"):
        first, second = sorted((row.differences[key] for row in rows), key=lambda one: one.p)
        assert first.adjusted == pytest.approx(min(1, 2 * first.p))
        assert second.adjusted == pytest.approx(max(second.p, first.adjusted))


def test_an_encoder_against_its_like_shows_no_difference(pets: Path):
    """Two encoders that see the same differ by 0, p is 1, and there is no interval that would claim certainty."""
    one = compare(pets, [FakeEncoder("a"), FakeEncoder("b")]).rows[1].differences["map"]
    assert (one.value, one.p, one.adjusted) == (0, 1, 1)
    assert one.interval is None


def test_without_its_reference_nothing_is_tested(pets: Path):
    """Where the first encoder isn't here no other takes its place, and every report says so."""
    comparison = compare(pets, ["vgg16", "clip-vit-b-32", "resnet50"], load=load)
    assert not any(row.differences for row in comparison.rows)
    for text in (comparison_text(comparison), comparison_markdown(comparison), comparison_page(comparison)):
        assert "nothing is tested" in re.sub(r"\s+", " ", text)


def test_what_is_asked_for_wrongly_is_refused_before_any_work(pets: Path):
    """A name that nobody knows, one named twice, none at all; and where none is here there is no comparison."""
    encoder = FakeEncoder("a")
    with pytest.raises(UnknownEncoderError, match="resnet5000"):
        compare(pets, [encoder, "resnet5000"], load=load)
    with pytest.raises(EvaluationError, match="the encoder vgg16 is named twice"):
        compare(pets, [encoder, "vgg16", "vgg16"], load=load)
    with pytest.raises(EvaluationError, match="at least one encoder"):
        compare(pets, [])
    assert encoder.encoded == 0
    with pytest.raises(EvaluationError, match=r"no encoder can be made ready; .* pull vgg16; .*hub"):
        compare(pets, ["vgg16", "vgg19"], load=load)
    with pytest.raises(EvaluationError, match="is named twice"):
        compare(pets, [encoder, FakeEncoder("a")])


def test_by_default_it_is_everything_that_is_known():
    """Every encoder of the catalogue, those that are here first; CLIP, ResNet and VGG are among them."""
    names = everything_known()
    assert sorted(names) == sorted(row.name for row in catalog.CATALOG)
    assert {"clip-vit-b-32", "resnet50", "resnet152", "vgg16", "vgg19"} <= set(names)


def test_encoders_of_one_name_are_told_apart(pets: Path):
    """By what they differ in, and by nothing else."""
    whole = FakeEncoder("a")
    object.__setattr__(whole.spec, "view", "whole")
    names = [row.name for row in compare(pets, [FakeEncoder("a"), whole, FakeEncoder("b")]).rows]
    assert names == ["a (centre view)", "a (whole view)", "b"]


def test_every_form_tells_of_every_encoder_and_keeps_the_published_figures_apart(comparison: Comparison):
    """Text, Markdown and page: a row each, the way to get what isn't here, and the published block by itself."""
    for text in (comparison_text(comparison), comparison_markdown(comparison), comparison_page(comparison)):
        plain = re.sub(r"<wbr>|\\", "", text)
        for name in ("clip-vit-b-32", "vgg16", "resnet50", "vgg19", "lookalike encoders pull vgg16"):
            assert name in plain
        before, after = plain.split(HEADING.replace("(", "(").strip())
        for method, figures in (("ResNet152", ("87", "86")), ("CLIP-Retrieval", ("94", "92"))):
            assert method not in before
            assert re.search(rf"{method}\W+(\w+\W+)*?{figures[0]}\W.*?{figures[1]}", after, re.DOTALL)


def test_a_narrow_terminal_gets_the_columns_in_blocks(comparison: Comparison):
    """No line of a table is wider than the terminal, as far as two columns fit, and none is lost."""
    lines = comparison_text(comparison, width=40).splitlines()
    overall = lines[lines.index("Overall") : lines.index(next(line for line in lines if "not evaluated" in line))]
    assert len(overall) == 1 + 4 * 5 + 1  # the ceiling stands in the block of precision@10 alone
    assert all(len(line) <= 40 for line in overall)
    for word in ("Precision@1", "Accuracy", "Images/s", "Dimension", "cat", "dog", "Macro", "Overall"):
        assert any(word in line for line in lines)


def test_markdown_keeps_its_tables_whole(pets: Path):
    """Bars and markup in names are escaped, so that every row has as many cells as the header."""
    text = comparison_markdown(compare(pets, [FakeEncoder("a|b <i>"), DazzledEncoder("c")]))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "a\\|b \\<i\\>" in text
    for first, second in pairwise(rows):
        if second.startswith("| ---"):
            assert len(re.findall(r"(?<!\\)\|", first)) == len(re.findall(r"(?<!\\)\|", second))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, call: Cli) -> Cli:
    """The command line with the encoders of :func:`load`."""
    monkeypatch.setattr("lookalike.encoders.encoder.load_encoder", lambda name, **_: load(name))
    return call


def test_the_command_writes_all_its_forms(pets: Path, tmp_path: Path, known: Cli):
    """Screen, page, Markdown and JSON; the JSON has a row for each encoder, ready or not."""
    arguments = ["--encoder", "clip-vit-b-32", "--encoder", "vgg16", "--encoder", "resnet50"]
    result = known("compare", pets, *arguments, "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.md",
    ]
    answer = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [(row["encoder"], row["ready"]) for row in answer["encoders"]] == [
        ("clip-vit-b-32", True),
        ("vgg16", False),
        ("resnet50", True),
    ]
    assert answer["reference"] == "clip-vit-b-32"
    assert set(answer["encoders"][2]["differences"]["map"]) == {"difference", "interval", "p", "p_holm"}
    assert answer["encoders"][0]["classes"].keys() == {"cat", "dog"}
    assert answer["encoders"][0]["dimension"] == 49
    assert answer["published"]["heading"] == HEADING
    assert answer["command"].startswith(f"lookalike compare {pets} --encoder clip-vit-b-32 --encoder vgg16")
    printed = known("compare", pets, *arguments, "--json")
    again = json.loads(printed.out)
    for row in (*answer["encoders"], *again["encoders"]):
        row.pop("images_per_second", None)  # the only thing that differs between runs
    assert again == answer


def test_an_unknown_name_is_one_line(pets: Path, known: Cli):
    """It names the encoders there are; nothing is evaluated."""
    result = known("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "clip")
    assert (result.code, result.out) == (1, "")
    assert "there is no encoder called 'clip'" in result.err


def test_with_consent_weights_are_fetched_first(pets: Path, known: Cli, monkeypatch: pytest.MonkeyPatch):
    """--yes pulls what isn't here; where that fails the row says so and the others are evaluated."""
    asked = []

    def pull(row: catalog.CatalogRow) -> None:
        asked.append(row.name)
        raise DownloadError(f"{row.name} can't be fetched: no network")

    monkeypatch.setattr("lookalike.cli.measuring.compare.pull", pull)
    monkeypatch.setattr(
        "lookalike.encoders.weights.locate.locate", lambda row: None if row.name == "resnet152" else Path()
    )
    result = known("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "resnet152", "--yes")
    assert (result.code, asked) == (0, ["resnet152"])
    assert "resnet152 not evaluated: resnet152 can't be fetched: no network" in result.out
    known("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "resnet152")
    assert asked == ["resnet152"]


def test_a_dataset_is_read_once(pets: Path):
    """A dataset that is loaded already is taken as it is."""
    dataset = load_dataset(pets)
    assert compare(dataset, [FakeEncoder("a")]).dataset is dataset
