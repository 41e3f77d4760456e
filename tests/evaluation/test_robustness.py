"""Robustness: what is damaged, what it is judged by, and what is averaged over what."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import Result
from lookalike import Encoder
from lookalike.errors import DatasetError, EvaluationError, OutputError, UnknownCorruptionError
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, standardise
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.sampling import subset
from lookalike.evaluation.robustness.examples import examples
from lookalike.evaluation.robustness.grid import CLEAN, Version, chosen, damaged_of_mixed, grid, versions_of
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import robustness
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.images.decode import open_picture
from lookalike.report.document.json_text import as_text
from lookalike.report.robustness_json import robustness_answer, robustness_csv
from lookalike.report.robustness_page import robustness_page

NAMES = ("gaussian_noise", "darkness", "flip")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of five pictures that differ by little, each class around a picture of its own."""
    for number in range(15):
        label, place = "abc"[number // 5], tmp_path / "set" / "abc"[number // 5] / f"{number}.png"
        mixed = 0.72 * np.asarray(draw(ord(label), (80, 64))) + 0.28 * np.asarray(draw(number, (80, 64)))
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mixed.astype(np.uint8)).save(place)
    return tmp_path / "set"


@pytest.fixture
def run(folder: Path, tmp_path: Path, fake: FakeEncoder) -> Callable[..., Robustness]:
    """Measure a small grid with the fake encoder; vectors are kept, so that asking again is cheap."""

    def measure(**options: object) -> Robustness:
        asked = {"corruptions": NAMES, "severities": (1, 5), "seed": 2, "folder": tmp_path / "vectors"} | options
        return robustness(load_dataset(folder), fake, **asked)  # type: ignore[arg-type]

    return measure


def vectors_of(folder: Path, tmp_path: Path, fake: FakeEncoder, side: str) -> GridVectors:
    """The same grid's vectors."""
    versions = versions_of(grid(chosen(NAMES), (1, 5)), side)  # type: ignore[arg-type]
    return encode_grid(load_dataset(folder), fake, versions, seed=2, folder=tmp_path / "vectors")


def firsts(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.intp]:
    """Each query's first hit, itself left out."""
    scores = queries.astype(np.float64) @ gallery.T.astype(np.float64)
    np.fill_diagonal(scores, -2)
    return scores.argmax(axis=1)


def value(result: Robustness, corruption: str, severity: int, key: str = "precision@1") -> float:
    """One cell's figure."""
    (found,) = (one for one in result.findings.corruptions if one.name == corruption)
    (cell,) = (cell for cell in found.cells if cell.severity == severity)
    return cell.measures[key].value


@pytest.mark.parametrize("side", ["query", "gallery", "both"])
def test_each_side_is_the_side_that_is_damaged(
    side: str, run: Callable[..., Robustness], folder: Path, tmp_path: Path, fake: FakeEncoder
):
    """Figures equal those of a plain computation with the damaged vectors on that side, clean ones on the other."""
    result, vectors = run(side=side), vectors_of(folder, tmp_path, fake, side)
    labels = np.array([row.label for row in vectors.rows])
    for name in NAMES:
        for severity in CORRUPTIONS[name].severities[::4]:
            damaged, second = Version(name, severity), Version(name, severity, 2)
            queries = vectors.of(CLEAN if side == "gallery" else damaged)
            gallery = vectors.of({"query": CLEAN, "gallery": damaged, "both": second}[side])
            right = labels[firsts(queries, gallery)] == labels
            assert value(result, name, severity) == pytest.approx(right.mean())


def test_a_mixed_gallery_tells_whether_condition_outranks_content(
    run: Callable[..., Robustness], folder: Path, tmp_path: Path, fake: FakeEncoder
):
    """Every query is asked clean and damaged; the shares of damaged first hits are those of a plain computation."""
    result, vectors = run(side="mixed"), vectors_of(folder, tmp_path, fake, "mixed")
    labels = np.array([row.label for row in vectors.rows])
    for name in ("gaussian_noise", "darkness"):
        damaged = damaged_of_mixed(vectors.digests, name, seed=2)
        assert 0 < damaged.mean() < 1
        gallery = np.where(damaged[:, np.newaxis], vectors.of(Version(name, 5)), vectors.of(CLEAN))
        clean_first, damaged_first = (firsts(vectors.of(v), gallery) for v in (CLEAN, Version(name, 5)))
        right = [labels[first] == labels for first in (clean_first, damaged_first)]
        assert value(result, name, 5) == pytest.approx(np.mean(right))
        (found,) = (one for one in result.findings.corruptions if one.name == name)
        hits = found.cells[-1].first_hits
        assert hits is not None
        assert hits.gallery == pytest.approx(damaged.mean())
        assert hits.of_clean == pytest.approx(damaged[clean_first].mean())
        assert hits.of_damaged == pytest.approx(damaged[damaged_first].mean())
        assert hits.pull == pytest.approx(hits.of_damaged - hits.of_clean)
        alike = [*~damaged[clean_first][~right[0]], *damaged[damaged_first][~right[1]]]
        assert hits.wrong_alike == pytest.approx(np.mean(alike)) if alike else math.isnan(hits.wrong_alike)
    dark = next(one for one in result.findings.corruptions if one.name == "darkness").cells[-1].first_hits
    assert dark is not None
    assert dark.pull > 0.5  # an encoder of mean colours can't but go by the light


def test_copies_of_the_clean_query_are_junk_on_every_side(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """A copy under another name neither helps nor harms, damaged or not."""
    (folder / "a" / "copy.png").write_bytes((folder / "a" / "1.png").read_bytes())
    for side in ("query", "gallery", "both"):
        asked = {"corruptions": ["flip"], "side": side, "seed": 2, "folder": tmp_path / "vectors"}
        result = robustness(load_dataset(folder), fake, **asked)  # type: ignore[arg-type]
        vectors = encode_grid(
            load_dataset(folder), fake, versions_of(grid(chosen(["flip"])), side), seed=2, folder=tmp_path / "vectors"
        )
        (cell,) = result.findings.corruptions[0].cells
        paths = [row.path for row in vectors.rows]
        one, other = paths.index("a/1.png"), paths.index("a/copy.png")
        queries = vectors.of(CLEAN if side == "gallery" else Version("flip", 1))
        gallery = vectors.of({"query": CLEAN, "gallery": Version("flip", 1), "both": Version("flip", 1, 2)}[side])
        scores = queries.astype(np.float64) @ gallery.T.astype(np.float64)
        np.fill_diagonal(scores, -2)
        scores[one, other] = scores[other, one] = -2
        labels = np.array([row.label for row in vectors.rows])
        assert cell.measures["precision@1"].value == pytest.approx((labels[scores.argmax(axis=1)] == labels).mean())


def test_averages_are_within_corruptions_then_families_then_over_them(run: Callable[..., Robustness]):
    """They are the plain hierarchy of means of the cells' retentions, controls left out."""
    result = run(corruptions=("gaussian_noise", "shot_noise", "darkness", "flip", "yaw"))
    assert any(one.control_of for one in result.findings.corruptions)
    for key in result.keys:
        means: dict[str, list[float]] = {}
        for one in result.findings.corruptions:
            if one.control_of is None:
                mean = fmean(cell.measures[key].retention for cell in one.cells)
                assert one.measures[key].retention == pytest.approx(mean)
                means.setdefault(one.family, []).append(mean)
        for family in result.findings.families:
            assert family.measures is not None
            assert family.measures[key].retention == pytest.approx(fmean(means[family.name]))
        assert result.findings.overall is not None
        assert result.findings.overall[key].retention == pytest.approx(fmean(map(fmean, means.values())))


def test_retention_is_a_ratio_of_what_lies_above_chance(run: Callable[..., Robustness]):
    """Value, chance and clean figure give retention and raw ratio; clean itself retains all."""
    findings = run().findings
    for one in findings.corruptions:
        for key, measure in one.measures.items():
            clean, chance = findings.clean[key].value, findings.chance[key]
            assert measure.retention == pytest.approx((measure.value - chance) / (clean - chance))
            assert measure.raw == pytest.approx(measure.value / clean)
    assert all(measure.retention == pytest.approx(1) for measure in findings.clean.values())


def test_nothing_to_retain_is_not_available(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Where clean figures are at chance, retention is n/a, and the page says so rather than a number."""
    dataset = load_dataset(folder)
    rows = tuple(replace(row, label="xy"[number % 2]) for number, row in enumerate(dataset.rows))
    result = robustness(
        replace(dataset, rows=rows), fake, corruptions=["flip"], junk="none", folder=tmp_path / "vectors"
    )
    low = [key for key in result.keys if result.findings.clean[key].value - result.findings.chance[key] < 0.05]
    assert low
    assert result.findings.overall is not None
    for key in low:
        assert result.findings.overall[key].retention is None
    assert "n/a" in robustness_page(result)


def test_the_same_input_gives_the_same_report(run: Callable[..., Robustness]):
    """Page, JSON and CSV of a second run, which finds all vectors there, are the first run's, byte for byte."""
    reports = [
        (as_text(robustness_answer(result)), robustness_csv(result), robustness_page(result))
        for result in (run(), run())
    ]
    assert reports[0] == reports[1]


def test_figures_that_dont_fit_the_gallery_are_left_out_and_said(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """With fewer than ten pictures to search there is no precision@10, and a note instead."""
    dataset = subset(load_dataset(folder), 3, seed=0)
    result = robustness(dataset, fake, corruptions=["flip"], folder=tmp_path / "vectors")
    assert result.keys == ("precision@1", "map")
    assert any("precision@10 is left out" in note for note in result.notes)
    assert any("9 of 15 pictures" in note for note in result.notes)


def test_both_junk_rules_are_reported_where_both_columns_are_there(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """The rule asked for comes first, the other beside it."""
    dataset = load_dataset(folder)
    rows = tuple(
        replace(row, group=f"g{number % 5 // 2}{row.label}", visit=f"v{number % 2}")
        for number, row in enumerate(dataset.rows)
    )
    options = {"corruptions": ["flip"], "folder": tmp_path / "vectors"}
    result = robustness(replace(dataset, rows=rows), fake, junk="visit", **options)  # type: ignore[arg-type]
    assert result.findings.junk == "visit"
    assert [other.junk for other in result.others] == ["group"]
    assert "junk rule “group”" in robustness_page(result)


def test_a_split_is_kept(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Queries and gallery are those of the split, damaged or not."""
    dataset = load_dataset(folder)
    rows = tuple(
        replace(row, split="query" if number % 5 == 0 else "gallery") for number, row in enumerate(dataset.rows)
    )
    result = robustness(replace(dataset, rows=rows), fake, corruptions=["flip"], folder=tmp_path / "vectors")
    assert (result.findings.scored, result.gallery) == (3, 12)


def test_what_is_shown_is_what_the_encoder_was_given(run: Callable[..., Robustness], fake: FakeEncoder):
    """Embedding the example pictures gives the very vectors behind the figures, lent surrounds included."""
    lending = [name for name, corruption in CORRUPTIONS.items() if corruption.donor]
    result = run(corruptions=[*NAMES, *lending])
    vectors = encode_grid(
        result.dataset,
        fake,
        versions_of(grid(chosen([*NAMES, *lending]), (1, 5)), "query"),
        seed=2,
        folder=result.folder.parent,
    )
    for example in examples(result, 4):
        for severity, picture in example.pictures:
            version = Version(example.corruption, severity) if severity else CLEAN
            assert np.array_equal(fake.embed([picture])[0], vectors.of(version)[4]), (example.corruption, severity)


def test_lenders_are_of_another_class_or_group(folder: Path, tmp_path: Path, fake: FakeEncoder):
    """A surround never comes from the picture's own scene, nor, for the corruption itself, from its class."""
    lending = [name for name, one in CORRUPTIONS.items() if one.donor]
    dataset = load_dataset(folder)
    dataset = replace(
        dataset, rows=tuple(replace(row, group=f"{row.label}{n % 2}") for n, row in enumerate(dataset.rows))
    )
    result = robustness(dataset, fake, corruptions=lending, severities=[5], folder=tmp_path / "vectors")
    assert result.donors is not None
    for place, row in enumerate(result.donors.rows):
        other = result.donors.rows[result.donors.candidates(place, "other_class", 1)[0]]
        same = result.donors.rows[result.donors.candidates(place, "same_class", 1)[0]]
        assert other.label != row.label
        assert other.group != row.group
        assert same.label == row.label
        assert same.group != row.group


@pytest.mark.parametrize("side", ["query", "gallery", "both"])
def test_lender_and_borrower_are_junk_to_one_another(side: str, folder: Path, tmp_path: Path, fake: FakeEncoder):
    """Figures equal those of a plain computation in which neither finds the other."""
    name = "background_same_class"
    options = {"seed": 2, "folder": tmp_path / "vectors"}
    result = robustness(load_dataset(folder), fake, corruptions=[name], severities=[5], side=side, **options)  # type: ignore[arg-type]
    versions = versions_of(grid(chosen([name]), [5]), side)  # type: ignore[arg-type]
    vectors = encode_grid(load_dataset(folder), fake, versions, **options)  # type: ignore[arg-type]
    labels = np.array([row.label for row in vectors.rows])
    worn, second = Version(name, 5), Version(name, 5, 2)
    queries = CLEAN if side == "gallery" else worn
    gallery = {"query": CLEAN, "gallery": worn, "both": second}[side]
    scores = vectors.of(queries).astype(np.float64) @ vectors.of(gallery).T.astype(np.float64)
    np.fill_diagonal(scores, -2)
    assert vectors.donors is not None
    for row in range(len(labels)):
        if queries != CLEAN:
            scores[row, vectors.donors.candidates(row, "same_class", queries.draw)[0]] = -2
        if gallery != CLEAN:
            scores[vectors.donors.candidates(row, "same_class", gallery.draw)[0], row] = -2
    assert value(result, name, 5) == pytest.approx((labels[scores.argmax(axis=1)] == labels).mean())


def test_a_lender_that_is_all_there_is_to_find_stays(tmp_path: Path, fake: FakeEncoder):
    """In a class of two, the other picture has lent the surround; removing it would leave the query without answer."""
    for number in range(4):
        drawn(tmp_path / "set" / "ab"[number // 2] / f"{number}.png", number, (80, 64))
    result = robustness(
        tmp_path / "set", fake, corruptions=["background_same_class"], severities=[5], folder=tmp_path / "vectors"
    )
    assert result.findings.scored == 4
    assert not math.isnan(value(result, "background_same_class", 5))


def test_questions_that_cant_be_answered_are_refused_in_words(run: Callable[..., Robustness], tmp_path: Path):
    """An unknown corruption names those that are near; severities, sides and families say what there is."""
    with pytest.raises(UnknownCorruptionError, match="gaussian_noise"):
        run(corruptions=["gausian_noise"])
    with pytest.raises(UnknownCorruptionError, match=FAMILIES[0]):
        run(corruptions=[], families=["noises"])
    with pytest.raises(EvaluationError, match="no severity 6"):
        run(severities=[6])
    with pytest.raises(EvaluationError, match="none of the severities"):
        run(corruptions=["flip"], severities=[3])
    with pytest.raises(EvaluationError, match="query, gallery, both, mixed"):
        run(side="neither")
    with pytest.raises(EvaluationError, match="column visit"):
        run(junk="visit")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        run(folder=tmp_path / "file")
    one = tmp_path / "one" / "a"
    drawn(one / "1.png", 1)
    drawn(one / "2.png", 2)
    with pytest.raises(DatasetError, match="one class"):
        robustness(one.parent, folder=tmp_path / "vectors")


def test_real_photographs_lose_more_the_more_they_are_damaged(
    photographs: Path, encoder: Encoder, tmp_path: Path, cli: Callable[..., Result]
):
    """Parts of real photographs find one another clean, and less so as noise and defocus rise; files appear."""
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"):
        picture = standardise(open_picture(photographs / name).pixels, 400)
        for number in range(4):
            left, top = number % 2 * (picture.width - 220), number // 2 * (picture.height - 220)
            place = tmp_path / "set" / Path(name).stem / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            picture.crop((left, top, left + 220, top + 220)).save(place)
    done = cli(
        "robustness",
        tmp_path / "set",
        *("--corruption", "gaussian_noise", "--corruption", "defocus", "--severity", "1,5"),
        *("--encoder", "efficientnet-lite2", "--out", tmp_path / "out"),
    )
    assert (done.code, done.err) == (0, "")
    answer = json.loads((tmp_path / "out" / "robustness.json").read_text())
    clean = answer["clean"]["map"]["value"]
    assert clean > 0.7
    for family in answer["families"]:
        (corruption,) = family["corruptions"]
        mild, harsh = (cell["figures"]["map"] for cell in corruption["severities"])
        assert mild["value"] == pytest.approx(clean, abs=0.05)
        assert harsh["value"] < mild["value"]
        assert harsh["retention"] < 1
    assert "<svg" in (tmp_path / "out" / "robustness.html").read_text()
    again = robustness(
        tmp_path / "set",
        encoder,
        corruptions=["gaussian_noise", "defocus"],
        severities=[1, 5],
        folder=tmp_path / "out" / "vectors",
    )
    assert again.made == 0
    assert again.findings.clean["map"].value == answer["clean"]["map"]["value"]
