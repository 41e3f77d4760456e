"""Groups and visits: which junk rules are reported beside one another, and what is said where a column is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from lookalike.evaluation.experiments.compare import compare
from lookalike.evaluation.experiments.evaluate import evaluate
from lookalike.evaluation.robustness.robustness import robustness
from lookalike.report.comparison_page import comparison_page
from lookalike.report.comparison_tables import class_table, overall_table
from lookalike.report.comparison_text import comparison_markdown, comparison_text
from lookalike.report.document.tables import CEILING
from lookalike.report.evaluation_json import evaluation_answer
from lookalike.report.evaluation_page import evaluation_page
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
    """What no encoder can exceed has a row below the encoders, and how much the hash decided is said."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one")], ks=(1, 5))
    figures = found.evaluations[0].figures
    overall, first, fifth, *_ = (
        overall_table(found),
        *(class_table(found, key) for key in found.measures),
    )
    assert overall.rows[-1] == (CEILING, "", f"{figures.ceilings['ceiling@5']:.3f}", "", "", "", "")
    assert [row[0] for row in first.rows] == ["one"]
    assert fifth.rows[-1][-1] == f"{figures.class_ceilings['a']['ceiling@5']:.3f}"
    for text in (comparison_text(found), comparison_markdown(found), comparison_page(found)):
        assert "ceiling of precision@k is min(k, R) / k" in text
        assert "of neighbours were ties, ordered by a hash with seed 0" in text


def test_means_come_before_the_classes(tmp_path: Path):
    """However many classes there are, overall and macro stand right behind the encoder's name."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one")], ks=(1, 5))
    assert class_table(found, "map").header == ("Encoder", "Overall", "Macro", "a")
    head = comparison_page(found).split("By class")[1].split("</thead>")[0]
    assert head.index("Overall") < head.index("Macro") < head.index(">a<")


def test_macro_and_chance_are_there_on_a_narrow_screen(tmp_path: Path):
    """A page of figures has them below each figure's name, for screens where columns are hidden."""
    found = evaluate(labelled(tmp_path, "group"), FakeEncoder(), ks=(1, 5))
    figures = found.figures
    words = f"macro {figures.macro['map']:.3f}, chance {figures.chance['map']:.3f}"
    assert f'<small class="compact">{words}</small>' in evaluation_page(found)


def test_junk_by_groups_that_arent_given_is_called_what_it_is(tmp_path: Path):
    """Without groups no report claims that they were taken out, nor that they were resampled."""
    folder = labelled(tmp_path / "set", "visit")
    found = compare(folder, [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    damaged = robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), folder=tmp_path / "vectors")
    texts = [comparison_text(found), comparison_markdown(found), comparison_page(found)]
    texts += [evaluation_page(found.evaluations[0]), robustness_text(damaged), robustness_page(damaged)]
    for text in texts:
        assert "junk: exact copies only (no groups given)" in text
        assert "junk: group" not in text
        assert "resamples visits" in text
    assert "note: No groups are given" in robustness_text(damaged)
    assert "whole visits' summed differences" in comparison_text(found)


def test_without_groups_and_visits_pictures_are_resampled(tmp_path: Path):
    """Where nothing binds pictures together each stands for itself, and the notes say so."""
    found = compare(labelled(tmp_path), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    text = comparison_text(found)
    assert "resamples pictures (12 here; neither groups nor visits are given)" in text
    assert "flipping the signs of the pictures' differences" in text


def test_few_groups_are_said_to_allow_no_small_p(tmp_path: Path):
    """Two of all patterns of signs are as far from 0 as what was seen at the least."""
    found = compare(labelled(tmp_path, "group"), [FakeEncoder("one"), FakeEncoder("two")], ks=(1, 5))
    assert found.evaluations[0].figures.groups == 4
    assert "With 4 groups no p can be below 0.125, before correction." in comparison_text(found)


def test_robustness_under_the_other_rule_has_what_it_is_set_against(tmp_path: Path):
    """Clean figures and chance stand in the block of every junk rule, for each has its own."""
    folder = labelled(tmp_path / "set", "group", "visit")
    found = robustness(folder, FakeEncoder(), corruptions=["darkness"], severities=(3,), folder=tmp_path / "vectors")
    other = found.others[0]
    assert other.junk == "visit"
    block = robustness_text(found).split("under the junk rule visit")[1].splitlines()
    clean = next(line for line in block if line.startswith("clean"))
    chance = next(line for line in block if line.startswith("chance"))
    assert f"{other.clean['precision@1'].value:.3f}" in clean
    assert f"{other.chance['precision@1']:.3f}" in chance
    page = robustness_page(found).split("The same under the junk rule")[1]
    assert f"<tr><th>chance</th><td>{other.chance['precision@1']:.3f}</td>" in page


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
