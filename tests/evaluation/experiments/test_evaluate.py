"""Evaluating an encoder: metrics agree with a direct computation, and exclusions are reported."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from lookalike.errors import EvaluationError
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.evaluate import evaluate
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.report.evaluation.json import evaluation_json


def labelled(folder: Path, rows: Iterable[dict[str, str]]) -> Path:
    """A folder of drawn images with a labels.csv; images of equal ``seed`` are equal."""
    listed = [dict(row) for row in rows]
    for number, row in enumerate(listed):
        seed = int(row.pop("seed", str(number)))
        drawn(folder / row["path"], seed)
    columns = list(dict.fromkeys(column for row in listed for column in row))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(listed)
    return folder


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Sixty images of three classes in groups of one to four, some copies, one group of two classes."""
    rng = np.random.default_rng(4)
    rows = [
        {
            "path": f"{number:02d}.png",
            "label": "abc"[number % 3],
            "group": "" if number % 5 == 0 else f"scene {rng.integers(0, 18)}",
            "seed": str(number % 55),
        }
        for number in range(60)
    ]
    return labelled(tmp_path / "scenes", rows)


def expected_metrics(embedded: EmbeddedDataset, junk: str) -> list[dict[str, float]]:
    """Each query's metrics, computed directly from its ranking; empty where R = 0."""
    found = []
    vectors = embedded.vectors.astype(np.float64)
    for query, row in enumerate(embedded.rows):
        unit = {"group": row.group, "visit": row.visit, "none": None}[junk]
        ranking = []
        cosines = np.round((vectors * vectors[query]).sum(axis=1), 6)
        drawn_order = [sha256(b"0 %d %d" % (query, other)).digest() for other in range(len(vectors))]
        for other in sorted(range(len(vectors)), key=lambda place: (-cosines[place], drawn_order[place])):
            its = embedded.rows[other]
            its_unit = {"group": its.group, "visit": its.visit, "none": None}[junk]
            is_junk = embedded.digests[other] == embedded.digests[query] or (
                unit is not None and unit == its_unit and its.label == row.label
            )
            if other != query and not is_junk:
                ranking.append(its.label)
        right = np.array([label == row.label for label in ranking])
        ranks = np.flatnonzero(right) + 1
        if not len(ranks):
            found.append({})
            continue
        votes = ranking[:10]
        winner = max(dict.fromkeys(votes), key=votes.count)
        found.append(
            {
                "precision@1": float(right[0]),
                "precision@10": right[:10].sum() / 10,
                "recall@10": right[:10].sum() / len(ranks),
                "hit_rate@10": float(right[:10].any()),
                "map": float(np.mean(np.arange(1, len(ranks) + 1) / ranks)),
                "accuracy": float(winner == row.label),
            }
        )
    return found


@pytest.mark.parametrize("junk", ["group", "none"])
def test_metrics_agree_with_a_direct_computation(scenes: Path, fake: FakeEncoder, junk: str):
    """Each query's metrics, their micro and macro means, and the number of excluded queries."""
    embedded = embed_dataset(load_dataset(scenes), fake)
    evaluation = evaluate(embedded, junk=junk)  # type: ignore[arg-type]  a parameter is a str
    expected = expected_metrics(embedded, junk)
    for query, own in zip(evaluation.queries(), expected, strict=True):
        assert {key: query.metrics.get(key) for key in own} == pytest.approx(own)
        assert bool(query.metrics) == bool(own)
    scored = [own for own in expected if own]
    metrics = evaluation.metrics
    assert (metrics.scored, metrics.excluded_count) == (len(scored), 60 - len(scored))
    for key in scored[0]:
        assert metrics.micro[key] == pytest.approx(np.mean([one[key] for one in scored]))
        classes = {
            label: np.mean(
                [one[key] for one, row in zip(expected, embedded.rows, strict=True) if one and row.label == label]
            )
            for label in "abc"
        }
        assert {label: means[key] for label, means in metrics.classes.items()} == pytest.approx(classes)
        assert metrics.macro[key] == pytest.approx(np.mean(list(classes.values())))


def test_images_of_the_same_scene_and_another_class_are_wrong(tmp_path: Path, fake: FakeEncoder):
    """Only images of the query's group with its label are junk; those with another label are wrong hits."""
    rows = [
        {"path": "a1.png", "label": "a", "group": "scene", "seed": "1"},
        {"path": "a2.png", "label": "a", "group": "scene", "seed": "2"},
        {"path": "a3.png", "label": "a", "group": "", "seed": "3"},
        {"path": "b1.png", "label": "b", "group": "scene", "seed": "4"},
        {"path": "b2.png", "label": "b", "group": "", "seed": "5"},
    ]
    evaluation = evaluate(labelled(tmp_path / "d", rows), fake, ks=(1, 2))
    first = evaluation.query(0)
    assert (first.relevant, first.size) == (1, 3)
    assert {hit.path for hit in evaluation.hits(0)} == {"a3.png", "b1.png", "b2.png"}
    assert {hit.path: hit.right for hit in evaluation.hits(0)}["b1.png"] is False


def test_exact_copies_are_junk_under_every_rule(tmp_path: Path, fake: FakeEncoder):
    """A copy of the query is junk whatever its label, and the row itself is never a hit."""
    rows = [{"path": f"{n}.png", "label": "ab"[n % 2], "seed": str(n if n < 6 else 0)} for n in range(8)]
    for junk in ("group", "none"):
        evaluation = evaluate(labelled(tmp_path / junk, rows), fake, ks=(1,), junk=junk)  # type: ignore[arg-type]
        assert {hit.path for hit in evaluation.hits(0)} == {f"{n}.png" for n in range(1, 6)}
        assert {hit.path for hit in evaluation.hits(1)} == {f"{n}.png" for n in range(8) if n != 1}


def test_queries_without_relevant_images_are_excluded_with_a_reason(tmp_path: Path, fake: FakeEncoder):
    """A class of one image and a class of one scene are excluded from every mean, each with its reason."""
    rows = [{"path": f"{n}.png", "label": "ab"[n % 2]} for n in range(8)]
    rows += [{"path": "only.png", "label": "single", "seed": "20"}]
    rows += [{"path": f"s{n}.png", "label": "burst", "group": "one", "seed": str(30 + n)} for n in range(3)]
    metrics = evaluate(labelled(tmp_path / "d", rows), fake, ks=(1, 5)).metrics
    assert [(one.label, one.count) for one in metrics.excluded] == [("burst", 3), ("single", 1)]
    assert metrics.excluded[0].reason == "all other images of the class are of the same group, or exact copies"
    assert metrics.excluded[1].reason == "no other image of the class is in the gallery"
    assert set(metrics.classes) == {"a", "b"}
    assert (metrics.scored, metrics.excluded_count) == (8, 4)


def test_a_split_defines_queries_and_gallery(tmp_path: Path, fake: FakeEncoder):
    """Only rows marked query are queries, only rows marked gallery are hits."""
    rows = [{"path": f"{n}.png", "label": "ab"[n % 2], "split": "query" if n < 4 else "gallery"} for n in range(16)]
    evaluation = evaluate(labelled(tmp_path / "d", rows), fake, ks=(1, 12))
    assert evaluation.split
    assert [query.path for query in evaluation.queries()] == [f"{n}.png" for n in range(4)]
    assert evaluation.metrics.gallery == 12
    for number in range(4):
        assert sorted(hit.path for hit in evaluation.hits(number)) == sorted(f"{n}.png" for n in range(4, 16))
    with pytest.raises(EvaluationError, match=r"k = 13 is larger than the gallery.* 12 images"):
        evaluate(tmp_path / "d", fake, ks=(13,))


def test_with_groups_and_visits_both_rules_are_reported(tmp_path: Path, fake: FakeEncoder):
    """The requested rule comes first, followed by the other rules that the columns allow."""
    rows = [
        {"path": f"{n:02d}.png", "label": "ab"[n % 2], "group": f"g{n // 4}", "visit": f"v{n // 8}"} for n in range(24)
    ]
    folder = labelled(tmp_path / "d", rows)
    for junk, others in (("group", ["visit"]), ("visit", ["group"]), ("none", ["group", "visit"])):
        evaluation = evaluate(folder, fake, ks=(1,), junk=junk)  # type: ignore[arg-type]
        assert evaluation.metrics.junk == junk
        assert [other.junk for other in evaluation.others] == others
        sizes = {one.junk: int(one.per_query.sizes[0]) for one in (evaluation.metrics, *evaluation.others)}
        assert sizes == {rule: {"group": 22, "visit": 20, "none": 23}[rule] for rule in (junk, *others)}


def test_invalid_ks_and_rules_raise_errors(tmp_path: Path, fake: FakeEncoder):
    """A k larger than the gallery or below 1, and a rule without its column, raise errors."""
    folder = labelled(tmp_path / "d", [{"path": f"{n}.png", "label": "ab"[n % 2]} for n in range(8)])
    with pytest.raises(EvaluationError, match=r"k = 10 is larger than the gallery.* 7 .*--k"):
        evaluate(folder, fake)
    with pytest.raises(EvaluationError, match="k must be at least 1"):
        evaluate(folder, fake, ks=(0, 1))
    with pytest.raises(EvaluationError, match="k must be at least 1"):
        evaluate(folder, fake, ks=())
    with pytest.raises(EvaluationError, match="needs a column visit"):
        evaluate(folder, fake, ks=(1,), junk="visit")


def test_unusable_files_are_listed_and_change_no_metric(scenes: Path, fake: FakeEncoder):
    """A damaged file is skipped with a reason; the metrics are those of the dataset without it."""
    before = evaluate(scenes, fake)
    lines = (scenes / "labels.csv").read_text().splitlines()
    (scenes / "labels.csv").write_text("\n".join([*lines, "bad.png,a,"]))
    (scenes / "bad.png").write_bytes(b"")
    after = evaluate(scenes, fake)
    assert [(one.path, "empty" in one.reason) for one in after.skipped] == [("bad.png", True)]
    assert after.metrics.micro == before.metrics.micro
    assert len(after.rows) == 60


def test_a_single_usable_class_is_rejected(tmp_path: Path, fake: FakeEncoder):
    """If only one class is usable, every hit would be relevant: that is an error."""
    for number in range(6):
        drawn(tmp_path / "d" / "a" / f"{number}.png", number)
    (tmp_path / "d" / "b").mkdir()
    (tmp_path / "d" / "b" / "x.png").write_bytes(b"")
    with pytest.raises(EvaluationError, match="of one class"):
        evaluate(tmp_path / "d", fake, ks=(1,))


def test_no_scored_query_is_an_error(tmp_path: Path, fake: FakeEncoder):
    """Two classes of one scene each have R = 0 for every query under the group rule."""
    rows = [{"path": f"{n}.png", "label": "ab"[n % 2], "group": "ab"[n % 2]} for n in range(8)]
    folder = labelled(tmp_path / "d", rows)
    with pytest.raises(EvaluationError, match=r"none of 8 queries has a relevant image"):
        evaluate(folder, fake, ks=(1,))
    assert evaluate(folder, fake, ks=(1,), junk="none").metrics.scored == 8


def test_the_same_input_and_seed_give_the_same_answer(scenes: Path):
    """Two evaluations with separate encoders are identical."""
    first, again = (evaluation_json(evaluate(scenes, FakeEncoder(), seed=0)) for _ in range(2))
    assert first == again


def test_intervals_depend_on_the_number_of_groups(tmp_path: Path, fake: FakeEncoder):
    """There is no interval below ten groups and an approximate one below thirty: micro, macro and by class."""
    for groups, there, approximate in ((9, False, False), (12, True, True), (36, True, False)):
        rows = [{"path": f"{n:03d}.png", "label": "ab"[n % 2], "group": f"g{n % groups}"} for n in range(2 * groups)]
        metrics = evaluate(labelled(tmp_path / str(groups), rows), fake, ks=(1, 2)).metrics
        assert metrics.groups == groups
        for interval in (*metrics.intervals.values(), *metrics.macro_intervals.values()):
            assert (interval is not None) == there
            assert interval is None or interval.approximate == approximate
            assert interval is None or 0 <= interval.low <= interval.high <= 1
        assert metrics.class_intervals.keys() == metrics.classes.keys()


def test_confusion_counts_first_hits(scenes: Path, fake: FakeEncoder):
    """The sum is the number of scored queries, and the share on the diagonal is precision@1."""
    metrics = evaluate(scenes, fake).metrics
    assert metrics.confusion.labels == ("a", "b", "c")
    assert metrics.confusion.counts.sum() == metrics.scored
    assert metrics.confusion.counts.trace() / metrics.scored == pytest.approx(metrics.micro["precision@1"])
    by_class = dict(zip("abc", metrics.confusion.counts.sum(axis=1).tolist(), strict=True))
    assert by_class == metrics.scored_by_class


def test_best_and_worst_queries_are_in_order(scenes: Path, fake: FakeEncoder):
    """Queries are ordered by AP, ties by path; failures by the similarity of the wrong first hit."""
    evaluation = evaluate(scenes, fake)
    scored = [query for query in evaluation.queries() if query.metrics]
    assert evaluation.worst(5) == tuple(sorted(scored, key=lambda one: (one.metrics["map"], one.path))[:5])
    assert evaluation.best(5) == tuple(sorted(scored, key=lambda one: (-one.metrics["map"], one.path))[:5])
    failures = evaluation.failures()
    assert {one.path for one in failures} == {one.path for one in scored if not one.metrics["precision@1"]}
    scores = [evaluation.hits(one.number)[0].score for one in failures]
    assert scores == sorted(scores, reverse=True)


def test_the_encoder_and_embeddings_of_the_gallery_are_used(tmp_path: Path, fake: FakeEncoder):
    """The default encoder is that of the gallery, and its images are not encoded again."""
    folder = labelled(tmp_path / "d", [{"path": f"{n}.png", "label": "ab"[n % 2]} for n in range(12)])
    index(folder, fake).close()
    already = fake.encoded
    evaluation = evaluate(folder, ks=(1,), load=lambda *_, **__: fake)
    assert evaluation.encoder == fake.spec
    assert fake.encoded == already
    assert evaluation.images_per_second is None


def test_embeddings_of_another_encoder_are_rejected(scenes: Path, fake: FakeEncoder):
    """An embedded dataset is evaluated as it is; naming a different encoder is an error."""
    embedded = embed_dataset(load_dataset(scenes), fake)
    already = fake.encoded
    assert isinstance(evaluate(embedded, fake), Evaluation)
    assert fake.encoded == already
    for another in (FakeEncoder("another"), "another"):
        with pytest.raises(EvaluationError, match="not with another"):
            evaluate(embedded, another)


def test_progress_reports_every_stage(scenes: Path, fake: FakeEncoder):
    """Encoding, then ranking, each up to its end."""
    calls: list[tuple[str, int, int]] = []
    evaluate(scenes, fake, progress=lambda what, done, total: calls.append((what, done, total)))
    assert list(dict.fromkeys(what for what, _, _ in calls)) == ["encoding", "ranking"]
    assert ("encoding", 60, 60) in calls
    assert calls[-1] == ("ranking", 60, 60)


def test_chance_levels_and_ceilings(scenes: Path, fake: FakeEncoder):
    """The ceiling is the mean of min(k, R) / k, the chance level of precision@1 the mean of R / size."""
    metrics = evaluate(scenes, fake).metrics
    scored = metrics.per_query.relevant > 0
    total, size = metrics.per_query.relevant[scored], metrics.per_query.sizes[scored]
    for k in (1, 5, 10):
        assert metrics.ceilings[f"precision@{k}"] == pytest.approx(np.mean(np.minimum(k, total) / k))
        assert metrics.ceilings[f"recall@{k}"] == pytest.approx(np.mean(np.minimum(k, total) / total))
    assert metrics.chance["precision@1"] == pytest.approx(np.mean(total / size))
    assert set(metrics.chance) == set(metrics.micro)


def test_ties_do_not_follow_the_order_of_paths(tmp_path: Path, fake: FakeEncoder):
    """Images with equal embeddings are in an order that is neither that of paths nor of rows."""
    image = draw(1)
    for number in range(40):
        place = tmp_path / "d" / ("a" if number < 20 else "b") / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place, compress_level=1 if number % 2 else 9, pnginfo=_note(number))
    metrics = evaluate(tmp_path / "d", fake).metrics
    assert metrics.tied_share == pytest.approx(1)
    assert 0.2 < metrics.micro["precision@10"] < 0.8
    assert 0.3 < metrics.classes["a"]["precision@10"] / metrics.classes["b"]["precision@10"] < 3


def _note(number: int) -> object:
    """A comment inside a PNG, so that files of one image are not copies of one another."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("number", str(number))
    return info
