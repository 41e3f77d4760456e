"""Groups and visits: which junk rules are reported beside one another, and what is said where a column is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.evaluation.compare import compare
from lookalike.evaluation.evaluate import evaluate
from lookalike.evaluation.robustness import robustness
from lookalike.report.comparison_page import comparison_page
from lookalike.report.comparison_text import comparison_markdown, comparison_text
from lookalike.report.evaluation_json import evaluation_answer
from lookalike.report.evaluation_text import evaluation_text
from lookalike.report.robustness_json import robustness_answer
from lookalike.report.robustness_page import robustness_page
from lookalike.report.robustness_text import robustness_text


def labelled(folder: Path, *columns: str) -> Path:
    """Twelve drawings of two classes with the ``columns`` that are asked for; one class has one group alone."""
    rows = [",".join(["path", "label", *columns])]
    for number in range(12):
        drawn(folder / f"{number:02}.png", number)
        label = "ab"[number // 8]
        values = {"group": f"g{min(number // 2, 4)}", "visit": f"v{number % 3}"}
        rows.append(",".join([f"{number:02}.png", label, *(values[column] for column in columns)]))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_comparison_reports_both_rules(tmp_path: Path):
    """With both columns, screen, Markdown and page have every encoder's figures under the other rule too."""
    found = compare(labelled(tmp_path, "group", "visit"), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    for text in (comparison_text(found), comparison_markdown(found), comparison_page(found)):
        assert "Overall under the junk rule visit" in text
    other = found.evaluations[0].others[0]
    assert f"{other.micro['map']:.3f}" in comparison_text(found)


@pytest.mark.parametrize("columns", [(), ("group",)])
def test_a_rule_that_no_column_allows_is_not_reported(columns: tuple[str, ...], tmp_path: Path):
    """Without visits there is one rule."""
    found = compare(labelled(tmp_path, *columns), [FakeEncoder("one")], ks=(1, 5))
    assert "under the junk rule" not in comparison_text(found)


def test_visits_alone_are_reported_beside_the_usual_rule(tmp_path: Path):
    """Where only visits are known, the usual rule takes out copies alone and says so; the visit rule follows."""
    found = evaluate(labelled(tmp_path, "visit"), FakeEncoder(), ks=(1, 5))
    assert [figures.junk for figures in (found.figures, *found.others)] == ["group", "visit"]
    text = evaluation_text(found)
    assert "junk group: nothing but exact copies of the query, for no groups are given" in text
    assert "resamples visits (3 here; a picture without a visit is one of its own)" in text
    assert "no groups are given" in evaluation_answer(found)["definitions"]["Junk"]


def test_ceilings_and_ties_are_told_with_a_comparison(tmp_path: Path):
    """What no encoder can exceed, and how much the hash decided, stands beside the figures."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one")], ks=(1, 5))
    ceiling = found.evaluations[0].figures.ceilings["ceiling@5"]
    for text in (comparison_text(found), comparison_page(found)):
        assert f"Precision@5 {ceiling:.3f}" in text
        assert "of neighbours were ties, ordered by a hash with seed 0" in text


def test_robustness_tells_who_has_nothing_to_find(tmp_path: Path):
    """Queries with R = 0 are told by class and reason, on screen, on the page and for programs."""
    folder = labelled(tmp_path / "set", "group")
    found = robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), folder=tmp_path / "vectors")
    (exclusion,) = found.findings.exclusions
    assert (exclusion.label, exclusion.count) == ("b", 4)
    assert "excluded: 4 of b: all others of the class are of the same group" in robustness_text(found)
    assert exclusion.reason in robustness_page(found)
    assert robustness_answer(found)["exclusions"] == [{"label": "b", "count": 4, "reason": exclusion.reason}]
    assert "of neighbours were ties" in robustness_text(found)
