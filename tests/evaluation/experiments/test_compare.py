"""Comparing encoders: every requested encoder has a row, and each is tested against the first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drawing import drawn
from fakes import FakeEncoder, FakeSource
from galleries import Result
from lookalike.encoders import catalog
from lookalike.errors import DownloadError, EvaluationError, UnknownEncoderError, WeightsError
from lookalike.evaluation.data.embedded import embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.compare import Comparison, compare, known_encoders
from lookalike.evaluation.experiments.published import HEADING
from lookalike.report.comparison.document import comparison_document
from lookalike.report.comparison.json import comparison_json
from lookalike.report.comparison.tables import SPEED_NOTE
from lookalike.report.document.html import page
from lookalike.report.document.markdown import markdown
from lookalike.report.document.terminal import terminal_text

Cli = Callable[..., Result]


class NoisyEncoder(FakeEncoder):
    """The fake encoder with noise added to its embeddings."""

    def __init__(self, name: str, noise: float = 1.0) -> None:
        super().__init__(name)
        self._noise = noise
        self._rng = np.random.default_rng(3)

    def embed_prepared(self, batch: list[NDArray[np.uint8]]) -> NDArray[np.float32]:  # type: ignore[override]
        """The embeddings of the fake encoder, with noise."""
        clear = super().embed_prepared(batch)
        mixed = clear + self._noise * self._rng.normal(size=clear.shape)
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


def load(name: str | os.PathLike[str]) -> FakeEncoder:
    """A substitute for load_encoder: some encoders are available, others are not."""
    if name == "vgg16":
        raise WeightsError("the weights of vgg16 are not on this machine; to fetch them: lookalike encoders pull vgg16")
    if name == "vgg19":
        raise DownloadError("vgg19 can't be fetched: the hub can't be reached")
    return FakeEncoder("clip-vit-b-32") if name == "clip-vit-b-32" else NoisyEncoder(str(name))


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes whose images are variations of two drawings, in twelve scenes each."""
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
    """Two available encoders, and two that are not."""
    return compare(pets, ["clip-vit-b-32", "vgg16", "resnet50", "vgg19"], load=load)


def test_every_requested_encoder_has_a_row(comparison: Comparison):
    """Rows are in the requested order; an encoder that is not available has a reason and no evaluation."""
    assert [row.name for row in comparison.rows] == ["clip-vit-b-32", "vgg16", "resnet50", "vgg19"]
    assert [row.evaluation is not None for row in comparison.rows] == [True, False, True, False]
    assert "lookalike encoders pull vgg16" in str(comparison.rows[1].problem)
    assert "the hub can't be reached" in str(comparison.rows[3].problem)
    assert comparison.reference is comparison.rows[0]
    assert comparison.labels == ("cat", "dog")
    assert comparison.metrics == ("precision@1", "precision@10", "map", "accuracy")


def test_differences_are_paired_with_the_first(comparison: Comparison):
    """A difference is the mean of per-query differences, inside its interval; adjusted p-values are not smaller."""
    reference, other = (comparison.rows[place].evaluation for place in (0, 2))
    assert reference is not None
    assert other is not None
    assert not comparison.reference.differences
    assert set(comparison.rows[2].differences) == set(comparison.metrics)
    for key, one in comparison.rows[2].differences.items():
        means = other.metrics.micro[key] - reference.metrics.micro[key]
        assert one.value == pytest.approx(means)
        assert one.value < 0
        assert one.interval is not None
        assert -1 <= one.interval.low <= one.value <= one.interval.high <= 1
        assert 0 < one.p <= one.adjusted <= 1
    assert comparison.rows[2].differences["map"].p < 0.05


def test_holms_correction_covers_all_tests_of_the_comparison(pets: Path):
    """With two tested encoders and four metrics, the smallest of eight p-values is multiplied by eight, and so on."""
    rows = compare(pets, [FakeEncoder("a"), NoisyEncoder("b"), NoisyEncoder("c", 0.1)]).rows[1:]
    tests = sorted((one for row in rows for one in row.differences.values()), key=lambda one: one.p)
    assert len(tests) == 8
    assert tests[0].adjusted == pytest.approx(min(1, 8 * tests[0].p))
    for number, (before, after) in enumerate(pairwise(tests), start=1):
        assert after.adjusted == pytest.approx(max(before.adjusted, min(1, (8 - number) * after.p)))


def test_equal_encoders_show_no_difference(pets: Path):
    """Two encoders with equal embeddings differ by 0 with p = 1 and without an interval."""
    one = compare(pets, [FakeEncoder("a"), FakeEncoder("b")]).rows[1].differences["map"]
    assert (one.value, one.p, one.adjusted) == (0, 1, 1)
    assert one.interval is None


def test_without_the_reference_nothing_is_tested(pets: Path):
    """If the first encoder is not available, no other replaces it, and every report says so."""
    comparison = compare(pets, ["vgg16", "clip-vit-b-32", "resnet50"], load=load)
    assert not any(row.differences for row in comparison.rows)
    for text in (
        terminal_text(comparison_document(comparison)),
        markdown(comparison_document(comparison)),
        page(comparison_document(comparison)),
    ):
        assert "Nothing is tested" in text


def test_invalid_encoder_lists_are_rejected_before_any_work(pets: Path):
    """Unknown and duplicate names, an empty list, and a list without an available encoder raise errors."""
    encoder = FakeEncoder("a")
    with pytest.raises(UnknownEncoderError, match="resnet5000"):
        compare(pets, [encoder, "resnet5000"], load=load)
    with pytest.raises(EvaluationError, match="vgg16 is given twice"):
        compare(pets, [encoder, "vgg16", "vgg16"], load=load)
    with pytest.raises(EvaluationError, match="no encoder"):
        compare(pets, [])
    assert encoder.encoded == 0
    with pytest.raises(EvaluationError, match=r"no encoder can be loaded: .* pull vgg16; .*hub"):
        compare(pets, ["vgg16", "vgg19"], load=load)
    with pytest.raises(EvaluationError, match="given twice"):
        compare(pets, [encoder, FakeEncoder("a")])


def test_the_default_is_the_whole_catalogue():
    """Every encoder of the catalogue is compared; CLIP, ResNet and VGG are among them."""
    names = known_encoders()
    assert sorted(names) == sorted(row.name for row in catalog.CATALOG)
    assert {"clip-vit-b-32", "resnet50", "resnet152", "vgg16", "vgg19"} <= set(names)


def test_what_is_embedded_is_not_read_again(pets: Path):
    """An embedded dataset has the metrics and the tests of its encoder."""
    encoders = [FakeEncoder("a"), FakeEncoder("b")]
    dataset = load_dataset(pets)
    embedded = [embed_dataset(dataset, encoder) for encoder in encoders]
    counts = [encoder.encoded for encoder in encoders]
    found, expected = compare(dataset, embedded, ks=[1]), compare(dataset, encoders, ks=[1])
    assert [encoder.encoded for encoder in encoders] == [2 * count for count in counts]
    assert found.to_records() == expected.to_records()


def test_encoders_of_one_name_get_distinct_names(pets: Path):
    """Equal names are extended by the details that differ, and by nothing else."""
    whole = FakeEncoder("a")
    object.__setattr__(whole.spec, "view", "whole")
    names = [row.name for row in compare(pets, [FakeEncoder("a"), whole, FakeEncoder("b")]).rows]
    assert names == ["a (centre view)", "a (whole view)", "b"]


def test_every_report_lists_every_encoder_and_separates_published_values(comparison: Comparison):
    """Text, Markdown and page have a row for each encoder, and a separate block with the published values."""
    for text in (
        terminal_text(comparison_document(comparison)),
        markdown(comparison_document(comparison)),
        page(comparison_document(comparison)),
    ):
        plain = re.sub(r"<wbr>|\\", "", text)
        for name in ("clip-vit-b-32", "vgg16", "resnet50", "vgg19", "lookalike encoders pull vgg16"):
            assert name in plain
        before, after = plain.rsplit(HEADING, 1)
        for method, values in (("ResNet152", ("87", "86")), ("CLIP-Retrieval", ("94", "92"))):
            assert method not in before
            assert re.search(rf"{method}\W+(\w+\W+)*?{values[0]}\W.*?{values[1]}", after, re.DOTALL)


def test_published_values_stand_beside_cats_and_dogs_alone(tmp_path: Path):
    """Accuracies for cats and dogs say nothing of other classes."""
    for number in range(12):
        drawn(tmp_path / "rail" / ("joint", "clip")[number % 2] / f"{number}.png", number)
    comparison = compare(tmp_path / "rail", [FakeEncoder("a")])
    for text in (page(comparison_document(comparison)), markdown(comparison_document(comparison))):
        assert "CLIP-Retrieval" not in text
    assert comparison_json(comparison)["published"] is None


def test_wide_tables_are_split_for_a_narrow_terminal(pets: Path):
    """No line is wider than the terminal, as far as two columns fit, and no column is lost."""
    comparison = compare(pets, ["clip-vit-b-32", "vgg16", "resnet50"], ks=(1, 40), load=load)
    lines = terminal_text(comparison_document(comparison), width=60).splitlines()
    overall = lines[lines.index("Overall") + 2 : lines.index(SPEED_NOTE) - 1]
    assert sum(line.startswith("ceiling") for line in overall) == 1  # in the part with precision@40
    assert all(len(line) <= 60 for line in overall if "not evaluated" not in line)
    for word in ("Precision@1", "Accuracy", "Images/s", "Dimension", "cat", "dog", "Macro", "Overall"):
        assert any(word in line for line in lines)


def test_markdown_tables_escape_names(pets: Path):
    """Bars and markup in names are escaped, so that every row has as many cells as the header."""
    text = markdown(comparison_document(compare(pets, [FakeEncoder("a|b <i>"), NoisyEncoder("c")])))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "a\\|b \\<i\\>" in text
    for first, second in pairwise(rows):
        if second.startswith("| ---"):
            assert len(re.findall(r"(?<!\\)\|", first)) == len(re.findall(r"(?<!\\)\|", second))


@pytest.fixture
def known(call: Cli) -> Cli:
    """The command line with the encoders of :func:`load`."""
    return partial(call, encoders=FakeSource(load=load))


def test_the_command_writes_every_report(pets: Path, tmp_path: Path, known: Cli):
    """Terminal, page, Markdown and JSON; the JSON has a row for each encoder, available or not."""
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


def test_an_unknown_name_is_a_one_line_error(pets: Path, known: Cli):
    """The error lists the known encoders, and nothing is evaluated."""
    result = known("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "clip")
    assert (result.code, result.out) == (1, "")
    assert "unknown encoder 'clip'" in result.err


class OfflineSource(FakeSource):
    """A source of encoders that can't download one of them."""

    def pull(self, row: catalog.CatalogRow) -> Path:
        """Record the name, and fail for ResNet152."""
        path = super().pull(row)
        if row.name == "resnet152":
            raise DownloadError(f"{row.name} can't be fetched: no network")
        return path


def test_weights_are_downloaded_first_with_yes(pets: Path, call: Cli):
    """--yes downloads missing weights; if that fails, the row says so and the others are evaluated."""
    source = OfflineSource(load=load)
    result = call("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "resnet152", "--yes", encoders=source)
    assert (result.code, source.pulled) == (0, ["clip-vit-b-32", "resnet152"])
    assert re.search("^resnet152 +not evaluated: resnet152 can't be fetched: no network", result.out, re.MULTILINE)
    call("compare", pets, "--encoder", "clip-vit-b-32", "--encoder", "resnet152", encoders=source)
    assert source.pulled == ["clip-vit-b-32", "resnet152"]


def test_a_loaded_dataset_is_not_read_again(pets: Path):
    """A loaded dataset is used as it is."""
    dataset = load_dataset(pets)
    assert compare(dataset, [FakeEncoder("a")]).dataset is dataset
