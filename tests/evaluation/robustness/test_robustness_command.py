"""The robustness command: what it prints, what it writes, and its errors."""

import csv
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from drawing import drawn
from galleries import Result
from lookalike.cli.measuring.robustness import severities
from lookalike.evaluation.corruptions import CORRUPTIONS

pytestmark = pytest.mark.slow

Cli = Callable[..., Result]
ASKED = ("--corruption", "fog", "--corruption", "yaw", "--severity", "1,5", "--encoder", "colours")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six images."""
    for number in range(12):
        drawn(tmp_path / "photos" / "ab"[number // 6] / f"{number}.png", number, (80, 64))
    return tmp_path / "photos"


def test_it_prints_a_table_and_writes_three_files(folder: Path, tmp_path: Path, call: Cli):
    """Every corruption has its line, controls in brackets; the files have the same metrics."""
    result = call("robustness", folder, *ASKED, "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[1].startswith(
        "3 corruptions at severity 1, 5: the queries are corrupted, the gallery is clean. 12 queries"
    )
    for start in ("clean ", "chance ", "weather ", "  fog ", "pose ", "  yaw ", "  [planar_yaw] ", "all families "):
        assert any(line.startswith(start) for line in lines), start
    answer = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert (answer["encoder"], answer["target"], answer["queries"]) == ("colours", "query", 12)
    assert answer["notes"] == []
    with (tmp_path / "out" / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [row for row in rows if row["level"] == "cell"]
    assert len(cells) == 3 * 2 * 3
    fog = next(row for row in cells if (row["corruption"], row["severity"], row["metric"]) == ("fog", "5", "map"))
    (weather, _) = answer["families"]
    assert float(fog["value"]) == weather["corruptions"][0]["severities"][1]["metrics"]["map"]["value"]
    assert {row["control_of"] for row in cells if row["corruption"] == "planar_yaw"} == {"yaw"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("robustness.csv", "robustness.html", "robustness.json"),
    }


def test_the_page_needs_nothing_else(folder: Path, tmp_path: Path, call: Cli):
    """It loads nothing from elsewhere, is well nested, and has the metrics, the stamp, the seed and the command."""
    call("robustness", folder, *ASKED, "--seed", "7", "--out", tmp_path / "out")
    page = (tmp_path / "out" / "robustness.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page.replace("url(#ramp)", "")
    assert page.count("<svg xmlns") == 3 + 3 * 2
    for words in ("stamp", "<b>Seed</b> 7", "--severity 1,5", "Retention", "data:image/jpeg;base64"):
        assert words in page
    _Nesting().check(page)


def test_json_is_printed_alone(folder: Path, call: Cli):
    """Nothing else is on standard output."""
    result = call("robustness", folder, *ASKED, "--json")
    assert json.loads(result.out)["severities"] == [1, 5]


def test_a_second_run_computes_nothing(folder: Path, tmp_path: Path, call: Cli, keep_embeddings: Path):
    """Nothing is computed, whatever --out is, and the files are the same byte for byte."""
    first = call("robustness", folder, *ASKED, "--out", tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("robustness.*")}
    second = call("robustness", folder, *ASKED, "--out", tmp_path / "out")
    assert "84 of 84 vectors computed in this run" in first.out
    assert "All 84 vectors had been computed before" in second.out
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "out").glob("robustness.*")}


def test_all_corruptions_are_listed(call: Cli):
    """Each has its description, under its family; no dataset is needed."""
    result = call("robustness", "--list")
    assert result.code == 0
    for corruption in CORRUPTIONS.values():
        assert re.search(rf"^  {corruption.name} +{re.escape(corruption.summary)}", result.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "meant"), [("3", (3,)), ("1,3,5", (1, 3, 5)), ("1-5", (1, 2, 3, 4, 5)), ("4-5,1,5", (1, 4, 5))]
)
def test_severities_are_numbers_and_ranges(text: str, meant: tuple[int, ...]):
    """Sorted, each once."""
    assert severities(text) == meant


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--severity", "6"], "go from 1 to 5"),
        (["--severity", "5-1"], "go from 1 to 5"),
        (["--severity", "some"], "write 3, 1,3,5 or 1-5"),
        (["--target", "left"], "is not one of 'query'"),
        (["--limit", "0"], "positive integer"),
    ],
)
def test_wrong_usage_is_an_error(folder: Path, call: Cli, arguments: list[str], words: str):
    """It ends with exit code 2 and a hint."""
    result = call("robustness", folder, *arguments)
    assert result.code == 2
    assert words in result.err


def test_no_dataset_is_wrong_usage(call: Cli):
    """The message names --list, which needs none."""
    result = call("robustness")
    assert result.code == 2
    assert "--list" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--corruption", "fogg"], "did you mean fog"),
        (["--family", "wether"], "weather"),
        (["--junk", "visit"], "column visit"),
        (["--limit", "1"], "at least 2"),
    ],
)
def test_what_cant_be_done_is_one_line(folder: Path, call: Cli, arguments: list[str], words: str):
    """It ends with exit code 1 and one line with the error and the alternatives."""
    result = call("robustness", folder, "--encoder", "colours", *arguments)
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*\n", result.err)
    assert words in result.err


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
