"""Reproduce: both experiments as one report, which lists what is missing."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result
from lookalike import Encoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.catalog import CATALOG
from lookalike.encoders.spec import ClipSettings
from lookalike.errors import EncoderError, EvaluationError, UnknownEncoderError, WeightsError
from lookalike.evaluation.data.provenance import with_command
from lookalike.evaluation.experiments.angle_comparison import AnglesComparison, ComparedAngles
from lookalike.evaluation.experiments.published import cats_and_dogs
from lookalike.evaluation.experiments.reproduce import TITLES, Reproduction, reproduce, sample_queries
from lookalike.report.document.blocks import Document, Figure
from lookalike.report.document.html import page as page_of
from lookalike.report.document.markdown import markdown as markdown_of
from lookalike.report.reproduction.document import reproduction_document
from lookalike.report.reproduction.findings import findings

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


def test_every_encoder_takes_part_in_every_experiment(cache: EmbeddingCache, animals: Path, rail: Path):
    """The first that loads is the one that the others are tested against; one that doesn't is missing everywhere."""
    result = made(cache, rail=rail, catsdogs=animals)
    assert [experiment.name for experiment in result.experiments] == ["catsdogs", "rail"]
    assert [spec.name for spec in result.encoders] == ["resnet50", "resnet152"]
    for experiment in result.experiments:
        for rows in (experiment.comparison.rows, experiment.robustness.rows, *_rows(experiment.angles)):
            assert [row.name for row in rows] == ["resnet50", "resnet152"]
        assert experiment.comparison.rows[1].differences
    assert _rows(result.experiments[1].angles)


def _rows(angles: AnglesComparison | None) -> list[tuple[ComparedAngles, ...]]:
    return [] if angles is None else [angles.rows]


def test_table_1_is_the_published_one_beside_what_was_measured(cache: EmbeddingCache, animals: Path, rail: Path):
    """A row for each published method with the accuracies of its encoder for cats and dogs, or what is missing."""
    result = made(cache, rail=rail, catsdogs=animals)
    markdown = markdown_of(report_of(result), "figures")
    table = markdown[markdown.index("**Table 1.") : markdown.index("## The method")]
    evaluation = result.experiments[0].comparison.evaluations[0]
    cat, dog = (f"{100 * evaluation.metrics.classes[label]['accuracy']:.1f}" for label in ("cat", "dog"))
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == ["| Method", "| ---", "| ResNet50", "| ResNet152", "| VGG", "| CLIP-Retrieval"]
    assert rows[2][1:4] == ["resnet50", "85", "84"]
    assert rows[2][4].startswith(cat)
    assert rows[2][5].startswith(dog)
    assert rows[4][1:4] == ["vgg16", "90", "89"]
    assert rows[4][4].strip() == "-"
    assert "not comparable" in table


@pytest.mark.parametrize("labels", [("Cats", "dogs"), ("DOG", "cat")])
def test_cats_and_dogs_are_known_by_their_labels(labels: tuple[str, str]):
    """Singular or plural, in any case, and in either order."""
    assert cats_and_dogs(labels) == tuple(sorted(labels, key=str.casefold))


@pytest.mark.parametrize("labels", [("cat",), ("cat", "fox"), ("cat", "cats"), ("cat", "dog", "fox"), ()])
def test_other_classes_are_no_cats_and_dogs(labels: tuple[str, ...]):
    """Published values aren't put beside theirs."""
    assert cats_and_dogs(labels) is None


def test_findings_are_sentences_with_the_measured_figures(cache: EmbeddingCache, animals: Path, rail: Path):
    """Every question has an answer; its figures are those of the results."""
    animal, railway = made(cache, rail=rail, catsdogs=animals).experiments
    answers = dict(findings(animal))
    assert len(answers) == 4  # without backgrounds, which weren't measured
    micro = animal.comparison.evaluations[0].metrics.micro
    (ours,) = (text for asked, text in answers.items() if "same class" in asked)
    assert f"mAP of resnet50 is {micro['map']:.3f}" in ours
    assert "resnet152 by +0.000" in ours
    (accuracy,) = (text for asked, text in answers.items() if "as published" in asked)
    assert "published: 85 % and 84 %" in accuracy
    assert "published: 87 % and 86 %" in accuracy
    damage = "How much of that is left of damaged images?"
    assert answers[damage] == "Nothing can be said of resnet50: it is at chance on clean images."
    (frames,) = (text for asked, text in answers.items() if "other frames" in asked)
    assert frames.startswith("Not measured: ")
    railway_answers = dict(findings(railway))
    overall = railway.robustness.reference.robustness.results.overall
    assert overall is not None
    assert overall["map"].retention is not None
    assert f"resnet50 retains {100 * overall['map'].retention:.1f} %" in railway_answers[damage]
    assert "resnet152 by +0.0 points" in railway_answers[damage]
    assert not any("as published" in asked for asked in railway_answers)
    assert railway.angles is not None
    found = railway.angles.reference.angles.micro["precision@1"]
    assert f"for {100 * found:.1f} %" in railway_answers["Is the same scene found in other frames?"]


def test_every_published_item_leads_to_its_chapter(cache: EmbeddingCache, rail: Path):
    """All links of the map and of the contents lead to headings of the page."""
    page = page_of(report_of(made(cache, rail=rail)))
    targets = re.findall(r'href="#([^"]+)"', page)
    assert len(targets) > 15
    assert set(targets) <= set(re.findall(r'id="([^"]+)"', page))
    for item in ("Figure 1", "Figure 2", "Figure 4", "Figure 5", "Table 1", "interference", "backgrounds", "angles"):
        assert re.search(rf'<a href="#[^"]+">[^<]*{item}', page), item


def test_the_report_lists_what_is_missing(cache: EmbeddingCache, animals: Path, rail: Path):
    """A dataset that wasn't named, CLIP's weights and a quick run are notices at the head of the report."""
    for given, absent, option in (("catsdogs", "Railway", "--rail"), ("rail", "Cats vs. Dogs", "--catsdogs")):
        result = made(cache, **{given: animals if given == "catsdogs" else rail})
        assert [missing.fix for missing in result.missing] == [
            f"{option} DATASET",
            "lookalike encoders pull clip-vit-b-32 (the method's own), or lookalike encoders pull clip-vit-b-32-256",
            "",
        ]
        markdown = markdown_of(report_of(result), "figures")
        assert f"> **Note.** Missing: {absent}" in markdown
        assert "> **Note.** Missing: CLIP: no encoder" in markdown
        assert "> **Note.** Missing: Vgg16: the weights of vgg16" in markdown
        assert "> **Note.** A quick run" in markdown


def test_a_clip_checkpoint_is_not_missing_whatever_its_name_and_place(
    cache: EmbeddingCache, rail: Path, tmp_path: Path
):
    """A network of CLIP's architecture is one, also by a path, and after other encoders."""
    checkpoint = tmp_path / "mine.safetensors"
    checkpoint.touch()

    def load_clip(name: str) -> Encoder:
        encoder = FakeEncoder(Path(name).stem)
        if Path(name).suffix:
            encoder.spec = replace(encoder.spec, clip=ClipSettings("quickgelu"))
        return encoder

    result = reproduce(
        {"rail": rail},
        ["resnet50", str(checkpoint)],
        cache=cache,
        quick=True,
        load=load_clip,
        near_encoder=FakeEncoder(),
        corruptions=("fog",),
        severities=(5,),
    )
    assert [missing.fix for missing in result.missing] == ["--catsdogs DATASET"]


def test_encoders_of_the_catalogue_that_are_elsewhere_are_one_line(cache: EmbeddingCache, rail: Path):
    """By default, all that are here take part; the others are named together, with what gets one."""

    def load_one(name: str) -> Encoder:
        if name != "efficientnet-lite2":
            raise WeightsError(f"{name} is not here")
        return FakeEncoder(name)

    result = reproduce(
        {"rail": rail},
        cache=cache,
        quick=True,
        load=load_one,
        near_encoder=FakeEncoder(),
        corruptions=("fog",),
        severities=(5,),
    )
    assert [spec.name for spec in result.encoders] == ["efficientnet-lite2"]
    (last,) = (missing for missing in result.missing if "encoders" in missing.what)
    assert last.fix == "lookalike encoders pull NAME"
    assert all(row.name in last.what for row in CATALOG if row.name != "efficientnet-lite2")


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
    """Classes take turns; queries are the same for the same seed, whatever their results."""
    (experiment,) = made(cache, rail=rail).experiments
    evaluation = experiment.comparison.evaluations[0]
    chosen = sample_queries(evaluation, seed=0)
    labels = [evaluation.query(number).label for number in chosen]
    assert labels == labels[:2] * 3
    assert set(labels) == {"clip", "joint"}
    assert len(set(chosen)) == 6
    assert chosen == sample_queries(evaluation, seed=0) == experiment.queries


def test_scenes_are_measured_if_groups_are_given(cache: EmbeddingCache, animals: Path, rail: Path):
    """With groups there is a table and a figure of scenes; without, the report says why not."""
    animal, railway = made(cache, rail=rail, catsdogs=animals).experiments
    assert animal.angles is None
    assert railway.angles is not None
    angles = railway.angles.reference.angles
    assert {angles.query(number).row.group for number in railway.scenes} == {f"scene {n}" for n in range(4)}
    markdown = markdown_of(report_of(made(cache, rail=rail, catsdogs=animals)), "figures")
    assert "> **Note.** Cats vs. Dogs: not measured: " in markdown
    assert "no groups are given" in markdown
    assert "figure-angles-rail.jpg" in markdown


def test_unusable_input_is_an_error(rail: Path, cache: EmbeddingCache):
    """No dataset, a dataset of another name, and no encoder that loads are one error each."""
    with pytest.raises(EvaluationError, match="catsdogs or rail"):
        reproduce({}, cache=cache)
    with pytest.raises(EvaluationError, match="catsdogs or rail"):
        reproduce({"birds": rail}, cache=cache)

    with pytest.raises(UnknownEncoderError, match="resnet5"):
        reproduce({"rail": rail}, ["resnet50", "resnet5"], cache=cache, load=load)
    with pytest.raises(EvaluationError, match="resnet50 is given twice"):
        reproduce({"rail": rail}, ["resnet50", "resnet50"], cache=cache, load=load)

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
    assert "missing: CLIP: no encoder" in result.out
    assert "Which encoder finds images of the same class best?\n  mAP of " in result.out
    markdown = (out / "report.md").read_text()
    for named in re.findall(r"\]\((figures/[^)]+)\)", markdown):
        assert (out / named).stat().st_size > 0
    for name in ("catsdogs", "rail"):
        assert {file.name for file in (out / name).iterdir()} == {
            *("contact_sheet.jpg", "dataset.html", "dataset.json"),
            *("comparison.html", "comparison.json", "comparison.md", "evaluation-1"),
            *("robustness.html", "robustness.json", "robustness.csv"),
            *(("angles.html", "angles.json", "queries.csv") if name == "rail" else ()),
        }
    page = (out / "report.html").read_text()
    linked = re.findall(r'<a href="([^"#]+)"', page)
    assert len(linked) == 4 + 5
    for file in linked:
        assert TITLES[file.partition("/")[0]] in (out / file).read_text()
        assert "lookalike reproduce --catsdogs" in (out / file).read_text()
    assert f"lookalike reproduce --catsdogs {animals} --rail {rail}" in page
    assert "--encoder resnet50" in page
    assert "1 files skipped" in page or "cat.99.jpg" in (out / "catsdogs" / "robustness.html").read_text()


def test_without_names_the_command_takes_the_catalogue(
    tmp_path: Path, rail: Path, call: Cli, monkeypatch: pytest.MonkeyPatch
):
    """All encoders that load take part."""
    monkeypatch.setattr("lookalike.evaluation.experiments.reproduce.known_encoders", lambda: ["resnet50"])
    result = call("reproduce", "--rail", rail, "--quick", "--limit", "4", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert "mAP of " in result.out


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
