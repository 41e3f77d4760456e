"""Reproduce: both experiments as one report, which lists what is missing."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result
from lookalike import Encoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.errors import EncoderError, EvaluationError, WeightsError
from lookalike.evaluation.data.provenance import with_command
from lookalike.evaluation.experiments.reproduce import Reproduction, reproduce, sample_queries
from lookalike.report.document.blocks import Document, Figure
from lookalike.report.document.html import page as page_of
from lookalike.report.document.markdown import markdown as markdown_of
from lookalike.report.reproduction.document import reproduction_document

pytestmark = pytest.mark.slow

Cli = Callable[..., Result]


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Cats and dogs under flat names, as from Kaggle, one of them damaged."""
    for number in range(12):
        drawn(tmp_path / "animals" / f"{('cat', 'dog')[number % 2]}.{number}.jpg", number, (80, 64))
    (tmp_path / "animals" / "cat.99.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    return tmp_path / "animals"


@pytest.fixture
def rail(tmp_path: Path) -> Path:
    """Railway images with scenes, in a CSV."""
    lines = ["path,label,group"]
    for number in range(12):
        drawn(tmp_path / "rail" / f"{number}.png", number // 2, (80 + number, 64))
        lines.append(f"{number}.png,{('joint', 'clip')[number // 6]},scene {number // 3}")
    (tmp_path / "rail" / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "rail"


def load(name: str) -> Encoder:
    """Two encoders that load, and one whose weights are missing."""
    if name == "vgg16":
        raise WeightsError("the weights of vgg16 are not on this machine; to fetch them: lookalike encoders pull vgg16")
    return FakeEncoder(name)


def made(cache: EmbeddingCache, **datasets: Path) -> Reproduction:
    """A quick reproduction with those three encoders."""
    result = reproduce(
        datasets,
        ["vgg16", "resnet50", "resnet152"],
        cache=cache,
        quick=True,
        load=load,
        near_encoder=FakeEncoder(),
        corruptions=("fog", "boxes_centre"),
        severities=(5,),
    )
    return with_command(result, "lookalike reproduce as it was typed")


def report_of(result: Reproduction) -> Document:
    """The report, without examples of damage."""
    return reproduction_document(result)


def test_both_datasets_and_every_encoder_are_in_the_report(cache: EmbeddingCache, animals: Path, rail: Path):
    """Table 1 has a row for each encoder; a missing one has the command to get it; the first that loads is studied."""
    result = made(cache, rail=rail, catsdogs=animals)
    assert [experiment.name for experiment in result.experiments] == ["catsdogs", "rail"]
    assert result.encoder.name == "resnet50"
    markdown = markdown_of(report_of(result), "figures")
    table = markdown[markdown.index("**Table 1.") : markdown.index("**Table 2.")]
    assert table.count("| vgg16 (reference) | not evaluated: the weights of vgg16") == 2
    assert table.count("| resnet50 | ") == table.count("| resnet152 | ") == 2 * 4
    assert "CLIP-Retrieval | 94 | 92" in table
    assert "not comparable" in table


def test_the_report_lists_what_is_missing(cache: EmbeddingCache, animals: Path, rail: Path):
    """A dataset that wasn't named, CLIP's weights and a quick run are notices at the head of the report."""
    for given, absent, option in (("catsdogs", "Railway", "--rail"), ("rail", "Cats vs. Dogs", "--catsdogs")):
        result = made(cache, **{given: animals if given == "catsdogs" else rail})
        assert [missing.fix for missing in result.missing] == [
            f"{option} DATASET",
            "lookalike encoders pull clip-vit-b-32 (the method's own), or lookalike encoders pull clip-vit-b-32-256",
        ]
        markdown = markdown_of(report_of(result), "figures")
        assert f"> **Note.** Missing: {absent}" in markdown
        assert "> **Note.** Missing: a CLIP encoder" in markdown
        assert "> **Note.** A quick run" in markdown


def test_every_figure_has_a_number_and_a_sentence_of_method(cache: EmbeddingCache, rail: Path):
    """On the page and in Markdown, in the same order; the figures of the Markdown are files that the report names."""
    report = report_of(made(cache, rail=rail))
    markdown, page = markdown_of(report, "figures"), page_of(report)
    numbers = re.findall(r"\*\*Figure (\d+)\. [^*]+\*\* \S+", markdown)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert re.findall(r"<b>Figure (\d+)\.", page) == numbers
    named = re.findall(r"\]\(figures/([^)]+)\)", markdown)
    assert named == [figure.file for figure in report.drawings()]
    assert len(set(named)) == len(named)
    for figure in report.drawings():
        is_svg = isinstance(figure.content, str)
        assert figure.content[:4] == ("<svg" if is_svg else b"\xff\xd8\xff\xe0"), figure.slug
    assert all(block.method for block in report.blocks if isinstance(block, Figure))


def test_the_pipeline_has_the_values_of_the_stamp(cache: EmbeddingCache, rail: Path):
    """Name, size, dimension, precision and gallery are those that ran."""
    result = made(cache, rail=rail)
    (drawing,) = (drawing for drawing in report_of(result).drawings() if drawing.slug == "figure-pipeline")
    for words in ("resnet50", "fp32", "49", "32 \N{MULTIPLICATION SIGN} 32", "12 images"):
        assert words in drawing.content, words


def test_the_page_needs_nothing_else_and_names_what_made_it(cache: EmbeddingCache, animals: Path, rail: Path):
    """No file beside it, all elements closed, with stamps, seed, versions, machine and command."""
    page = page_of(report_of(made(cache, rail=rail, catsdogs=animals)))
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    for words in ("stamp", "Seed", "numpy", "Machine", "lookalike reproduce as it was typed"):
        assert words in page, words
    _Nesting().check(page)


def test_a_second_run_encodes_nothing_and_makes_the_same_report(cache: EmbeddingCache, rail: Path):
    """Every vector is stored; page and Markdown are the same byte for byte."""
    encoders: list[FakeEncoder] = []

    def counted(name: str) -> Encoder:
        encoders.append(FakeEncoder(name))
        return encoders[-1]

    def run() -> Reproduction:
        return reproduce(
            {"rail": rail},
            ["resnet50"],
            cache=cache,
            quick=True,
            load=counted,
            near_encoder=counted("resnet50"),
        )

    first = report_of(run())
    assert sum(encoder.encoded for encoder in encoders) > 0
    encoders.clear()
    second = report_of(run())
    assert sum(encoder.encoded for encoder in encoders) == 0
    assert page_of(first) == page_of(second)
    assert markdown_of(first, "figures") == markdown_of(second, "figures")


def test_rankings_are_drawn_by_the_seed(cache: EmbeddingCache, rail: Path):
    """Every class has its queries, the same for the same seed, whatever their results."""
    (experiment,) = made(cache, rail=rail).experiments
    chosen = sample_queries(experiment.evaluation, seed=0)
    labels = [experiment.evaluation.query(number).label for number in chosen]
    assert labels == ["clip"] * 3 + ["joint"] * 3
    assert chosen == sample_queries(experiment.evaluation, seed=0)


def test_scenes_are_measured_if_groups_are_given(cache: EmbeddingCache, animals: Path, rail: Path):
    """With groups there is a table and a figure of scenes; without, the report says why not."""
    animal, railway = made(cache, rail=rail, catsdogs=animals).experiments
    assert animal.angles is None
    assert railway.angles is not None
    assert {railway.angles.query(number).row.group for number in railway.scenes} == {f"scene {n}" for n in range(4)}
    markdown = markdown_of(report_of(made(cache, rail=rail, catsdogs=animals)), "figures")
    assert "> **Note.** Not measured: " in markdown
    assert "no groups are given" in markdown
    assert "figure-angles-rail.jpg" in markdown


def test_unusable_input_is_an_error(rail: Path, cache: EmbeddingCache):
    """No dataset, a dataset of another name, and no encoder that loads are one error each."""
    with pytest.raises(EvaluationError, match="catsdogs or rail"):
        reproduce({}, cache=cache)
    with pytest.raises(EvaluationError, match="catsdogs or rail"):
        reproduce({"birds": rail}, cache=cache)

    def absent(_: object) -> Encoder:
        raise EncoderError("not here")

    with pytest.raises(EvaluationError, match="not here"):
        reproduce({"rail": rail}, ["resnet50"], cache=cache, load=absent)


def test_the_command_writes_the_report_and_its_parts(tmp_path: Path, animals: Path, rail: Path, call: Cli):
    """One page, one Markdown with its figures, and each dataset's own comparison and robustness."""
    out = tmp_path / "out"
    result = call("reproduce", "--catsdogs", animals, "--rail", rail, "--encoder", "resnet50", "--quick", "--out", out)
    assert result.code == 0, result.err
    assert "written to" in result.out
    assert "missing: a CLIP encoder" in result.out
    markdown = (out / "report.md").read_text()
    for named in re.findall(r"\]\((figures/[^)]+)\)", markdown):
        assert (out / named).stat().st_size > 0
    for name in ("catsdogs", "rail"):
        assert {file.name for file in (out / name).iterdir()} == {
            *("comparison.html", "comparison.json", "comparison.md"),
            *("robustness.html", "robustness.json", "robustness.csv"),
            *(["angles"] if name == "rail" else []),
        }
    page = (out / "report.html").read_text()
    assert f"lookalike reproduce --catsdogs {animals} --rail {rail}" in page
    assert "--encoder resnet50" in page
    assert "1 files skipped" in page or "cat.99.jpg" in (out / "catsdogs" / "robustness.html").read_text()


def test_the_command_needs_a_dataset(tmp_path: Path, call: Cli):
    """Wrong usage ends with exit code 2."""
    result = call("reproduce", "--out", tmp_path / "out")
    assert result.code == 2
    assert "--catsdogs DATASET, --rail DATASET" in result.err
    assert not (tmp_path / "out").exists()


class _Nesting(HTMLParser):
    """Complains about elements that aren't closed in the order in which they were opened."""

    VOID = frozenset({"meta", "img", "br", "wbr"})

    def check(self, page: str) -> None:
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
