"""How results show themselves in notebooks, and become data frames."""

import re
import shutil
import sys
import types
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import index
from lookalike import Query
from lookalike.errors import OutputError
from lookalike.evaluation import compare, evaluate, measure_robustness
from lookalike.notebook import Tabular, html_table


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of six images."""
    for number in range(12):
        drawn(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number:02}.png", number)
    return tmp_path / "pets"


def cells(table: str) -> int:
    """The number of cells, after checking that the table is whole."""
    for tag in ("table", "thead", "tbody", "tr", "th", "td"):
        assert table.count(f"<{tag}>") == table.count(f"</{tag}>"), tag
    return table.count("<td>")


def test_a_ranking_shows_thumbnails(tmp_path: Path, fake: FakeEncoder):
    """The first hits with their images; names are escaped, and files that are gone have no image."""
    for number in range(4):
        drawn(tmp_path / "photos" / f"<b>{number}.png", number)
    shutil.copy(tmp_path / "photos" / "<b>0.png", tmp_path / "photos" / "copy.png")
    with index(tmp_path / "photos", fake) as gallery:
        ranking = gallery.search(Query.image(drawn(tmp_path / "query.png", 9)).folded())
    (tmp_path / "photos" / "<b>3.png").unlink()
    shown = ranking._repr_html_()
    assert cells(shown) == 5 * len(ranking.hits) == 20
    assert shown.count("data:image/jpeg;base64,") == 3
    assert "<b>" not in shown
    assert "&lt;b&gt;1.png" in shown
    records = ranking.to_records()
    assert [(row["rank"], row["score"]) for row in records] == [(hit.rank, hit.score) for hit in ranking.hits]
    assert sum(row["copies"] for row in records) == 1


def test_experiments_are_tables(pets: Path, fake: FakeEncoder):
    """Every metric has a record with the values of the result."""
    evaluation = evaluate(pets, fake, ks=[1, 3])
    by_metric = {row["metric"]: row for row in evaluation.to_records()}
    assert {key: row["value"] for key, row in by_metric.items()} == dict(evaluation.metrics.micro)
    interval = evaluation.metrics.intervals["map"]
    assert interval is not None
    assert (by_metric["map"]["low"], by_metric["map"]["high"]) == (interval.low, interval.high)
    comparison = compare(pets, [fake, FakeEncoder("other")], ks=[1])
    rows = [row for row in comparison.to_records() if row["metric"] == "precision@1"]
    assert [(row["encoder"], row["difference"]) for row in rows] == [("colours", None), ("other", 0.0)]
    result = measure_robustness(pets, fake, corruptions=["darkness"], severities=[1, 5])
    levels = [(row["level"], row["severity"]) for row in result.to_records() if row["metric"] == "map"]
    assert levels[:3] == [("clean", 0), ("cell", 1), ("cell", 5)]
    for one in (evaluation, comparison, result):
        assert cells(one._repr_html_()) == len(one.to_records()) * len(one.to_records()[0])


def test_data_frames_need_pandas(monkeypatch: pytest.MonkeyPatch):
    """Without it, the error says what to install; with it, it gets the records."""

    class Table(Tabular):
        def to_records(self):
            return [{"a": 1}]

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(OutputError, match="pip install pandas"):
        Table().to_pandas()
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=lambda records: ("frame", records)))
    assert Table().to_pandas() == ("frame", [{"a": 1}])


def test_long_tables_are_cut():
    """The rest is counted; numbers are rounded; what is missing is empty."""
    table = html_table([{"number": number / 3, "nothing": None} for number in range(60)])
    assert cells(table) == 100
    assert "<td>0.3333</td><td></td>" in table
    assert re.search("and 10 more", table)
    assert html_table([]) == "<p>nothing</p>"
