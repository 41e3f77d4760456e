"""Groups and visits: which junk rules are reported, and what reports say where a column is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.evaluation.experiments.compare import compare
from lookalike.evaluation.experiments.evaluate import evaluate
from lookalike.evaluation.robustness.robustness import measure_robustness
from lookalike.report.comparison.document import comparison_document
from lookalike.report.comparison.tables import class_table, overall_table
from lookalike.report.document.blocks import Document
from lookalike.report.document.elements import Row, as_cell
from lookalike.report.document.html import page
from lookalike.report.document.markdown import markdown
from lookalike.report.document.terminal import terminal_text
from lookalike.report.evaluation.document import evaluation_document
from lookalike.report.evaluation.json import evaluation_json
from lookalike.report.robustness.document import robustness_document
from lookalike.report.robustness.json import robustness_json


def labelled(folder: Path, *columns: str) -> Path:
    """Twelve drawings of two classes with the requested ``columns``; one class has only one group."""
    rows = [",".join(["path", "label", *columns])]
    for number in range(12):
        drawn(folder / f"{number:02}.png", number)
        label = "ab"[number // 8]
        values = {"group": f"g{min(number // 2, 4)}", "visit": f"v{number % 3}"}
        rows.append(",".join([f"{number:02}.png", label, *(values[column] for column in columns)]))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def renderings(document: Document) -> tuple[str, str, str]:
    """A report as text for a terminal, as Markdown without escapes, and as a page."""
    return terminal_text(document), re.sub(r"\\(.)", r"\1", markdown(document)), page(document)


def texts(row: Row) -> list[str]:
    """The text of each cell of a row."""
    return [as_cell(cell).text for cell in row.cells]


def test_a_comparison_reports_both_rules(tmp_path: Path):
    """With both columns, text, Markdown and page have the metrics under the other rule as well."""
    found = compare(labelled(tmp_path, "group", "visit"), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    for text in (
        terminal_text(comparison_document(found)),
        markdown(comparison_document(found)),
        page(comparison_document(found)),
    ):
        assert "Overall under the junk rule visit" in text
    other = found.evaluations[0].others[0]
    assert f"{other.micro['map']:.3f}" in terminal_text(comparison_document(found))


@pytest.mark.parametrize("columns", [(), ("group",)])
def test_a_rule_without_its_column_is_not_reported(columns: tuple[str, ...], tmp_path: Path):
    """Without visits there is only one rule."""
    found = compare(labelled(tmp_path, *columns), [FakeEncoder("one")], ks=(1, 5))
    assert "under the junk rule" not in terminal_text(comparison_document(found))


def test_visits_without_groups(tmp_path: Path):
    """With visits only, the default rule removes copies only and says so; the visit rule is reported as well."""
    found = evaluate(labelled(tmp_path, "visit"), FakeEncoder(), ks=(1, 5))
    assert [metrics.junk for metrics in (found.metrics, *found.others)] == ["group", "visit"]
    text = terminal_text(evaluation_document(found))
    assert "Only exact copies of the query are junk, because no groups are given." in text
    assert "other visits like these (3 here; an image without a visit is one of its own)" in text
    assert "no groups are given" in evaluation_json(found)["definitions"]["Junk"]


def test_comparisons_report_ceilings_and_ties(tmp_path: Path):
    """Ceilings have a row below the encoders, and the share of ties is stated."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one")], ks=(1, 8))
    metrics = found.evaluations[0].metrics
    overall, first, eighth, *_ = (
        overall_table(found),
        *(class_table(found, key) for key in found.metrics),
    )
    assert texts(overall.rows[-1]) == ["ceiling", "", f"{metrics.ceilings['precision@8']:.3f}", "", "", "", ""]
    assert [texts(row)[0] for row in first.rows] == ["one"]
    assert texts(eighth.rows[-1])[-1] == f"{metrics.class_ceilings['a']['precision@8']:.3f}"
    for text in (
        terminal_text(comparison_document(found)),
        markdown(comparison_document(found)),
        page(comparison_document(found)),
    ):
        assert "ceiling of precision@k is min(k, R) / k" in text
        assert "of neighbours were ties, ordered by a hash with seed 0" in text


def test_means_come_before_the_classes(tmp_path: Path):
    """Overall and macro come right after the encoder's name, however many classes there are."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one")], ks=(1, 5))
    assert [column.title for column in class_table(found, "map").columns] == ["Encoder", "Overall", "Macro", "a"]


def test_macro_and_chance_are_shown_on_narrow_screens(tmp_path: Path):
    """The page repeats them below each metric's name for screens where columns are hidden."""
    found = evaluate(labelled(tmp_path, "group"), FakeEncoder(), ks=(1, 5))
    metrics = found.metrics
    words = f"macro {metrics.macro['map']:.3f}, chance {metrics.chance['map']:.3f}"
    assert f'<small class="compact">{words}</small>' in page(evaluation_document(found))


def test_reports_do_not_claim_missing_groups(tmp_path: Path, cache: EmbeddingCache):
    """Without groups, no report says that groups were junk or were resampled."""
    folder = labelled(tmp_path / "set", "visit")
    found = compare(folder, [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    damaged = measure_robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), cache=cache)
    texts = [
        terminal_text(comparison_document(found)),
        markdown(comparison_document(found)),
        page(comparison_document(found)),
    ]
    texts += [
        page(evaluation_document(found.evaluations[0])),
        terminal_text(robustness_document(damaged)),
        page(robustness_document(damaged)),
    ]
    for text in texts:
        assert "junk: exact copies only (no groups given)" in text
        assert "junk: group" not in text
        assert "other visits like these" in text
    assert "note: No groups are given" in terminal_text(robustness_document(damaged))


def test_without_groups_and_visits_images_are_independent(tmp_path: Path):
    """Without groups and visits each image counts as independent, and the notes say so."""
    found = compare(labelled(tmp_path), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    text = terminal_text(comparison_document(found))
    assert "other images like these (12 here; neither groups nor visits are given)" in text


def test_few_groups_are_not_tested(tmp_path: Path):
    """With fewer than ten groups there are differences, but no tests of them."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    assert found.evaluations[0].metrics.groups == 4
    assert found.rows[1].differences["map"].p is None
    text = terminal_text(comparison_document(found))
    assert "With fewer than 10 groups there is no interval and no test." in text


def test_robustness_reports_clean_and_chance_for_each_rule(tmp_path: Path, cache: EmbeddingCache):
    """Each junk rule has its own clean metrics and chance levels."""
    folder = labelled(tmp_path / "set", "group", "visit")
    found = measure_robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), cache=cache)
    other = found.others[0]
    assert other.junk == "visit"
    block = terminal_text(robustness_document(found)).split("Under the junk rule visit")[1].splitlines()
    clean = next(line for line in block if line.startswith("clean"))
    chance = next(line for line in block if line.startswith("chance"))
    assert f"{other.clean['precision@1'].value:.3f}" in clean
    assert f"{other.chance['precision@1']:.3f}" in chance
    html = page(robustness_document(found)).split("Under the junk rule")[1]
    assert f"<tr><th><span>chance</span></th><td><span>{other.chance['precision@1']:.3f}</span></td>" in html


def test_robustness_reports_excluded_queries(tmp_path: Path, cache: EmbeddingCache):
    """Queries with R = 0 are reported by class and reason, in text, page and JSON."""
    folder = labelled(tmp_path / "set", "group")
    found = measure_robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), cache=cache)
    (exclusion,) = found.results.exclusions
    text = terminal_text(robustness_document(found))
    assert (exclusion.label, exclusion.count) == ("b", 4)
    assert re.search(r"^b +4  all other images of the class are of the same group", text, re.MULTILINE)
    assert exclusion.reason in page(robustness_document(found))
    assert robustness_json(found)["exclusions"] == [{"label": "b", "count": 4, "reason": exclusion.reason}]
    assert "of neighbours were ties" in text
