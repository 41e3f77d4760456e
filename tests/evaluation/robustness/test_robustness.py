"""Robustness: which images are corrupted, how metrics are computed and averaged, and what is reported."""

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
from lookalike.embedding.vector_cache import EmbeddingCache, user_folder
from lookalike.errors import DatasetError, EvaluationError, UnknownCorruptionError
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, standardise
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.sampling import subset
from lookalike.evaluation.robustness.examples import examples
from lookalike.evaluation.robustness.grid import (
    CLEAN,
    Version,
    grid,
    mixed_gallery_mask,
    select_corruptions,
    versions_of,
)
from lookalike.evaluation.robustness.results import Robustness
from lookalike.evaluation.robustness.robustness import measure_robustness
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.images.decode import open_image
from lookalike.report.document.html import page
from lookalike.report.document.json import as_text
from lookalike.report.robustness.document import robustness_document
from lookalike.report.robustness.json import robustness_csv, robustness_json

NAMES = ("gaussian_noise", "darkness", "flip")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of five similar images."""
    for number in range(15):
        label, path = "abc"[number // 5], tmp_path / "set" / "abc"[number // 5] / f"{number}.png"
        mixed = 0.72 * np.asarray(draw(ord(label), (80, 64))) + 0.28 * np.asarray(draw(number, (80, 64)))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mixed.astype(np.uint8)).save(path)
    return tmp_path / "set"


@pytest.fixture
def run(folder: Path, cache: EmbeddingCache, fake: FakeEncoder) -> Callable[..., Robustness]:
    """Measure a small grid with the fake encoder; vectors are stored, so that a second run is fast."""

    def measure(**options: object) -> Robustness:
        options = {"corruptions": NAMES, "severities": (1, 5), "seed": 2, "cache": cache} | options
        return measure_robustness(load_dataset(folder), fake, **options)  # type: ignore[arg-type]

    return measure


def vectors_of(folder: Path, cache: EmbeddingCache, fake: FakeEncoder, target: str) -> GridVectors:
    """The vectors of the same grid."""
    versions = versions_of(grid(select_corruptions(NAMES), (1, 5)), target)  # type: ignore[arg-type]
    (vectors,) = encode_grid(load_dataset(folder), [fake], versions, seed=2, cache=cache)
    return vectors


def first_hits(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.intp]:
    """The first hit of each query, without itself."""
    scores = queries.astype(np.float64) @ gallery.T.astype(np.float64)
    np.fill_diagonal(scores, -2)
    return scores.argmax(axis=1)


def value(measured: Robustness, corruption: str, severity: int, key: str = "precision@1") -> float:
    """The value of a metric in one cell."""
    (found,) = (one for one in measured.results.corruptions if one.name == corruption)
    (cell,) = (cell for cell in found.cells if cell.severity == severity)
    return cell.metrics[key].value


@pytest.mark.parametrize("target", ["query", "gallery", "both"])
def test_the_target_is_corrupted(
    target: str, run: Callable[..., Robustness], folder: Path, cache: EmbeddingCache, fake: FakeEncoder
):
    """Metrics equal a direct computation with corrupted vectors for the target and clean ones otherwise."""
    measured, vectors = run(target=target), vectors_of(folder, cache, fake, target)
    labels = np.array([row.label for row in vectors.rows])
    for name in NAMES:
        for severity in CORRUPTIONS[name].severities[::4]:
            corrupted, second = Version(name, severity), Version(name, severity, 2)
            queries = vectors.for_version(CLEAN if target == "gallery" else corrupted)
            gallery = vectors.for_version({"query": CLEAN, "gallery": corrupted, "both": second}[target])
            right = labels[first_hits(queries, gallery)] == labels
            assert value(measured, name, severity) == pytest.approx(right.mean())


def test_a_mixed_gallery_shows_the_effect_of_condition(
    run: Callable[..., Robustness], folder: Path, cache: EmbeddingCache, fake: FakeEncoder
):
    """Every query is searched clean and corrupted; the shares of corrupted first hits equal a direct computation."""
    measured, vectors = run(target="mixed"), vectors_of(folder, cache, fake, "mixed")
    labels = np.array([row.label for row in vectors.rows])
    for name in ("gaussian_noise", "darkness"):
        corrupted = mixed_gallery_mask(vectors.digests, name, seed=2)
        assert 0 < corrupted.mean() < 1
        gallery = np.where(corrupted[:, np.newaxis], vectors.for_version(Version(name, 5)), vectors.for_version(CLEAN))
        clean_first, corrupted_first = (first_hits(vectors.for_version(v), gallery) for v in (CLEAN, Version(name, 5)))
        right = [labels[first] == labels for first in (clean_first, corrupted_first)]
        assert value(measured, name, 5) == pytest.approx(np.mean(right))
        (found,) = (one for one in measured.results.corruptions if one.name == name)
        hits = found.cells[-1].first_hits
        assert hits is not None
        assert hits.gallery_share == pytest.approx(corrupted.mean())
        assert hits.clean_query_share == pytest.approx(corrupted[clean_first].mean())
        assert hits.corrupted_query_share == pytest.approx(corrupted[corrupted_first].mean())
        assert hits.pull == pytest.approx(hits.corrupted_query_share - hits.clean_query_share)
        same_condition = [*~corrupted[clean_first][~right[0]], *corrupted[corrupted_first][~right[1]]]
        assert (
            hits.wrong_same_condition == pytest.approx(np.mean(same_condition))
            if same_condition
            else math.isnan(hits.wrong_same_condition)
        )
    dark = next(one for one in measured.results.corruptions if one.name == "darkness").cells[-1].first_hits
    assert dark is not None
    assert dark.pull > 0.5  # an encoder of mean colours ranks by light


def test_copies_of_the_query_are_junk_for_every_target(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """A copy under another name has no effect on metrics, clean or corrupted."""
    (folder / "a" / "copy.png").write_bytes((folder / "a" / "1.png").read_bytes())
    for target in ("query", "gallery", "both"):
        options = {"corruptions": ["flip"], "target": target, "seed": 2, "cache": cache}
        measured = measure_robustness(load_dataset(folder), fake, **options)  # type: ignore[arg-type]
        (vectors,) = encode_grid(
            load_dataset(folder),
            [fake],
            versions_of(grid(select_corruptions(["flip"])), target),
            seed=2,
            cache=cache,
        )
        (cell,) = measured.results.corruptions[0].cells
        paths = [row.path for row in vectors.rows]
        one, other = paths.index("a/1.png"), paths.index("a/copy.png")
        queries = vectors.for_version(CLEAN if target == "gallery" else Version("flip", 1))
        gallery = vectors.for_version(
            {"query": CLEAN, "gallery": Version("flip", 1), "both": Version("flip", 1, 2)}[target]
        )
        scores = queries.astype(np.float64) @ gallery.T.astype(np.float64)
        np.fill_diagonal(scores, -2)
        scores[one, other] = scores[other, one] = -2
        labels = np.array([row.label for row in vectors.rows])
        assert cell.metrics["precision@1"].value == pytest.approx((labels[scores.argmax(axis=1)] == labels).mean())


@pytest.mark.slow
def test_averages_are_over_severities_then_corruptions_then_families(run: Callable[..., Robustness]):
    """Retentions are means of means of the retentions of cells, without controls."""
    measured = run(corruptions=("gaussian_noise", "shot_noise", "darkness", "flip", "yaw"))
    assert any(one.control_of for one in measured.results.corruptions)
    for key in measured.metric_names:
        means: dict[str, list[float]] = {}
        for one in measured.results.corruptions:
            if one.control_of is None:
                mean = fmean(cell.metrics[key].retention for cell in one.cells)
                assert one.metrics[key].retention == pytest.approx(mean)
                means.setdefault(one.family, []).append(mean)
        for family in measured.results.families:
            assert family.metrics is not None
            assert family.metrics[key].retention == pytest.approx(fmean(means[family.name]))
        assert measured.results.overall is not None
        assert measured.results.overall[key].retention == pytest.approx(fmean(map(fmean, means.values())))


def test_retention_is_a_ratio_of_differences_from_chance(run: Callable[..., Robustness]):
    """Retention and raw ratio follow from value, clean value and chance; clean images retain everything."""
    results = run().results
    for one in results.corruptions:
        for key, metric in one.metrics.items():
            clean, chance = results.clean[key].value, results.chance[key]
            assert metric.retention == pytest.approx((metric.value - chance) / (clean - chance))
            assert metric.raw_ratio == pytest.approx(metric.value / clean)
    assert all(metric.retention == pytest.approx(1) for metric in results.clean.values())


def test_retention_is_none_when_clean_is_at_chance(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """Retention is None when the clean metric is at chance, and the page shows n/a."""
    dataset = load_dataset(folder)
    rows = tuple(replace(row, label="xy"[number % 2]) for number, row in enumerate(dataset.rows))
    measured = measure_robustness(replace(dataset, rows=rows), fake, corruptions=["flip"], junk="none", cache=cache)
    low = [
        key for key in measured.metric_names if measured.results.clean[key].value - measured.results.chance[key] < 0.05
    ]
    assert low
    assert measured.results.overall is not None
    for key in low:
        assert measured.results.overall[key].retention is None
    assert "n/a" in page(robustness_document(measured))


def test_the_same_input_gives_the_same_report(run: Callable[..., Robustness]):
    """Page, JSON and CSV of a second run with stored vectors equal those of the first, byte for byte."""
    reports = [
        (as_text(robustness_json(measured)), robustness_csv(measured), page(robustness_document(measured)))
        for measured in (run(), run())
    ]
    assert reports[0] == reports[1]


def test_precision_at_10_needs_ten_images_in_the_gallery(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """With fewer than ten images to search, a note replaces precision@10."""
    dataset = subset(load_dataset(folder), 3, seed=0)
    measured = measure_robustness(dataset, fake, corruptions=["flip"], cache=cache)
    assert measured.metric_names == ("precision@1", "map")
    assert any("precision@10 is left out" in note for note in measured.notes)
    assert any("9 of 15 images" in note for note in measured.notes)


def test_both_junk_rules_are_reported_if_both_columns_exist(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """The requested rule comes first, the other one second."""
    dataset = load_dataset(folder)
    rows = tuple(
        replace(row, group=f"g{number % 5 // 2}{row.label}", visit=f"v{number % 2}")
        for number, row in enumerate(dataset.rows)
    )
    options = {"corruptions": ["flip"], "cache": cache}
    measured = measure_robustness(replace(dataset, rows=rows), fake, junk="visit", **options)  # type: ignore[arg-type]
    assert measured.results.junk == "visit"
    assert [other.junk for other in measured.others] == ["group"]
    assert "Under the junk rule group" in page(robustness_document(measured))


def test_a_split_is_respected(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """Queries and gallery are those of the split."""
    dataset = load_dataset(folder)
    rows = tuple(
        replace(row, split="query" if number % 5 == 0 else "gallery") for number, row in enumerate(dataset.rows)
    )
    measured = measure_robustness(replace(dataset, rows=rows), fake, corruptions=["flip"], cache=cache)
    assert (measured.results.scored, measured.gallery) == (3, 12)


@pytest.mark.slow
def test_examples_are_what_the_encoder_received(
    run: Callable[..., Robustness], cache: EmbeddingCache, fake: FakeEncoder
):
    """Embedding the example images gives the stored vectors, also for corruptions with donors."""
    with_donors = [name for name, corruption in CORRUPTIONS.items() if corruption.donor]
    measured = run(corruptions=[*NAMES, *with_donors])
    (vectors,) = encode_grid(
        measured.dataset,
        [fake],
        versions_of(grid(select_corruptions([*NAMES, *with_donors]), (1, 5)), "query"),
        seed=2,
        cache=cache,
    )
    for example in examples(measured, 4):
        for severity, image in example.images:
            version = Version(example.corruption, severity) if severity else CLEAN
            assert np.array_equal(fake.embed([image])[0], vectors.for_version(version)[4]), (
                example.corruption,
                severity,
            )


def test_donors_are_from_another_class_or_group(folder: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """A background never comes from the image's own group or, except in the control, from its class."""
    with_donors = [name for name, one in CORRUPTIONS.items() if one.donor]
    dataset = load_dataset(folder)
    dataset = replace(
        dataset, rows=tuple(replace(row, group=f"{row.label}{n % 2}") for n, row in enumerate(dataset.rows))
    )
    measured = measure_robustness(dataset, fake, corruptions=with_donors, severities=[5], cache=cache)
    assert measured.donors is not None
    for number, row in enumerate(measured.donors.rows):
        other = measured.donors.rows[measured.donors.candidates(number, "other_class", 1)[0]]
        same = measured.donors.rows[measured.donors.candidates(number, "same_class", 1)[0]]
        assert other.label != row.label
        assert other.group != row.group
        assert same.label == row.label
        assert same.group != row.group


@pytest.mark.parametrize("target", ["query", "gallery", "both"])
def test_an_image_and_its_donor_are_junk_to_each_other(
    target: str, folder: Path, cache: EmbeddingCache, fake: FakeEncoder
):
    """Metrics, and the clean metrics they are compared with, equal a direct computation without the other image."""
    name = "background_same_class"
    options = {"seed": 2, "cache": cache}
    measured = measure_robustness(
        load_dataset(folder), fake, corruptions=[name], severities=[5], target=target, **options
    )  # type: ignore[arg-type]
    versions = versions_of(grid(select_corruptions([name]), [5]), target)  # type: ignore[arg-type]
    (vectors,) = encode_grid(load_dataset(folder), [fake], versions, **options)  # type: ignore[arg-type]
    labels = np.array([row.label for row in vectors.rows])
    corrupted, second = Version(name, 5), Version(name, 5, 2)
    queries = CLEAN if target == "gallery" else corrupted
    gallery = {"query": CLEAN, "gallery": corrupted, "both": second}[target]
    assert vectors.donors is not None
    junk = np.eye(len(labels), dtype=bool)
    for row in range(len(labels)):
        if queries != CLEAN:
            junk[row, vectors.donors.candidates(row, "same_class", queries.draw)[0]] = True
        if gallery != CLEAN:
            junk[vectors.donors.candidates(row, "same_class", gallery.draw)[0], row] = True

    def direct(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> float:
        scores = np.where(junk, -2, queries.astype(np.float64) @ gallery.T.astype(np.float64))
        return float((labels[scores.argmax(axis=1)] == labels).mean())

    found = measured.results.corruptions[0].cells[0].metrics["precision@1"]
    assert found.value == pytest.approx(direct(vectors.for_version(queries), vectors.for_version(gallery)))
    assert found.clean == pytest.approx(direct(vectors.for_version(CLEAN), vectors.for_version(CLEAN)))
    # By chance, a first hit is right as often as a relevant image is among those that are left.
    left = ~junk
    relevant = left & (labels == labels[:, np.newaxis])
    assert found.chance == pytest.approx((relevant.sum(axis=1) / left.sum(axis=1)).mean())
    assert found.retention == pytest.approx((found.value - found.chance) / (found.clean - found.chance))


def test_a_donor_that_is_the_only_relevant_image_stays(tmp_path: Path, cache: EmbeddingCache, fake: FakeEncoder):
    """In a class of two, the other image is the donor, and stays because the query has nothing else to find."""
    for number in range(4):
        drawn(tmp_path / "set" / "ab"[number // 2] / f"{number}.png", number, (80, 64))
    measured = measure_robustness(
        tmp_path / "set", fake, corruptions=["background_same_class"], severities=[5], cache=cache
    )
    assert measured.results.scored == 4
    assert not math.isnan(value(measured, "background_same_class", 5))


def test_invalid_arguments_are_errors(run: Callable[..., Robustness], tmp_path: Path, cache: EmbeddingCache):
    """Unknown corruptions, families, severities, targets and junk rules raise errors of their own."""
    with pytest.raises(UnknownCorruptionError, match="gaussian_noise"):
        run(corruptions=["gausian_noise"])
    with pytest.raises(UnknownCorruptionError, match=FAMILIES[0]):
        run(corruptions=[], families=["noises"])
    with pytest.raises(EvaluationError, match="severity 6"):
        run(severities=[6])
    with pytest.raises(EvaluationError, match="flip"):
        run(corruptions=["flip"], severities=[3])
    with pytest.raises(EvaluationError, match="query, gallery, both, mixed"):
        run(target="neither")
    with pytest.raises(EvaluationError, match="column visit"):
        run(junk="visit")
    one = tmp_path / "one" / "a"
    drawn(one / "1.png", 1)
    drawn(one / "2.png", 2)
    with pytest.raises(DatasetError, match="one class"):
        measure_robustness(one.parent, cache=cache)


@pytest.mark.slow
def test_real_photos_lose_more_at_higher_severity(
    photographs: Path, encoder: Encoder, tmp_path: Path, cli: Callable[..., Result]
):
    """Crops of real photos find each other when clean, and less so as noise and defocus rise; files are written."""
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg"):
        image = standardise(open_image(photographs / name).pixels, 400)
        for number in range(4):
            left, top = number % 2 * (image.width - 220), number // 2 * (image.height - 220)
            path = tmp_path / "set" / Path(name).stem / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.crop((left, top, left + 220, top + 220)).save(path)
    done = cli(
        "robustness",
        tmp_path / "set",
        *("--corruption", "gaussian_noise", "--corruption", "defocus", "--severity", "1,5"),
        *("--encoder", "efficientnet-lite2", "--out", tmp_path / "out"),
        LOOKALIKE_CACHE_GB="1",
    )
    assert done.code == 0, done.err
    answer = json.loads((tmp_path / "out" / "robustness.json").read_text())
    clean = answer["clean"]["map"]["value"]
    assert clean > 0.7
    for family in answer["families"]:
        (corruption,) = family["corruptions"]
        mild, harsh = (cell["metrics"]["map"] for cell in corruption["severities"])
        assert mild["value"] == pytest.approx(clean, abs=0.05)
        assert harsh["value"] < mild["value"]
        assert harsh["retention"] < 1
    assert "<svg" in (tmp_path / "out" / "robustness.html").read_text()
    with EmbeddingCache(user_folder()) as cache:
        again = measure_robustness(
            tmp_path / "set", encoder, corruptions=["gaussian_noise", "defocus"], severities=[1, 5], cache=cache
        )
    assert again.encoded_count == 0
    assert again.results.clean["map"].value == answer["clean"]["map"]["value"]
