"""lookalike evaluate: what it prints, what it writes, and its errors."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result

Cli = Callable[..., Result]

KEYS = ["precision@1", "precision@10", "recall@10", "hit_rate@10", "map", "map@r", "ndcg@10", "accuracy"]
ODD_NAMES = [b"two\nlines.png", b'"it\'s" <b>&amp;.png', "\U0001f600 \u00fc.png".encode(), b"\xff\xfe.png"]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of twelve images, a class of one, and a damaged file."""
    for number in range(24):
        drawn(tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number:02d}.png", number)
    drawn(tmp_path / "pets" / "ferret" / "only.png", 99)
    (tmp_path / "pets" / "cat" / "666.jpg").write_bytes(b"")
    return tmp_path / "pets"


class Page(HTMLParser):
    """What a page refers to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words = ""
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, and what it refers to."""
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        """Note the words."""
        self.words += data


def test_the_text_has_everything(pets: Path, call: Cli):
    """Metrics with intervals, each class, and whatever is excluded or skipped, with its reason."""
    result = call("evaluate", pets)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Evaluation: pets\n24 queries of 2 classes against 25 images, leave-one-out, ")
    assert "encoder  colours (49-d, fp32, centre view" in result.out
    assert "1 excluded; 1 file skipped" in result.out
    assert re.search(r"^ferret +1  no other image of the class is in the gallery$", result.out, re.MULTILINE)
    assert re.search(r"^cat/666\.jpg  .*empty", result.out, re.MULTILINE)
    assert re.search(r"^Precision@10 +0\.\d{3} +~0\.\d{3} to 0\.\d{3} .* 0\.\d{3}$", result.out, re.MULTILINE)
    assert re.search(r"^cat +12 +[01]\.\d{3}", result.out, re.MULTILINE)
    assert "for new images from the same source" in result.out


def test_json_has_the_documented_keys(pets: Path, tmp_path: Path, call: Cli):
    """evaluation.json is what --json prints, and has at least what is documented."""
    result = call("evaluate", pets, "--json", "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert result.out == (tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8")
    answer = json.loads(result.out)
    assert (answer["version"], answer["encoder"], answer["dataset"]) == (1, "colours", "pets")
    assert (answer["queries"], answer["excluded"], answer["images"], answer["gallery"]) == (24, 1, 25, 25)
    assert set(KEYS) <= set(answer["micro"])
    assert list(answer["micro"]) == list(answer["macro"]) == list(answer["intervals"])
    assert set(answer["classes"]) == {"cat", "dog"}
    for means in answer["classes"].values():
        assert list(means) == list(answer["micro"])
    for key in KEYS:
        low, high = answer["intervals"][key]
        assert 0 <= low <= high <= 1
        assert 0 <= answer["micro"][key] <= 1
    assert answer["intervals_are_approximate"] is True
    assert answer["stamp"]["fingerprint"]
    assert answer["versions"]["python"]
    assert answer["seed"] == 0
    assert answer["skipped"] == [{"path": "cat/666.jpg", "kind": "empty", "reason": answer["skipped"][0]["reason"]}]
    assert answer["exclusions"][0]["label"] == "ferret"
    assert "Precision@k" in answer["definitions"]
    assert answer["command"].startswith(f"lookalike evaluate {pets} --encoder colours --precision fp32 --view centre")


def test_the_csv_has_a_row_for_every_query(pets: Path, tmp_path: Path, call: Cli):
    """Metrics of each query, none for one with nothing to find; their means are those of the JSON."""
    call("evaluate", pets, "--out", tmp_path / "out")
    with (tmp_path / "out" / "queries.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 25
    assert [row["path"] for row in rows if not int(row["R"])] == ["ferret/only.png"]
    scored = [row for row in rows if int(row["R"])]
    assert all(row["ap"] == "" for row in rows if row not in scored)
    micro = json.loads((tmp_path / "out" / "evaluation.json").read_text())["micro"]
    for column, key in (("ap", "map"), ("precision@1", "precision@1"), ("ndcg@10", "ndcg@10")):
        assert sum(float(row[column]) for row in scored) / 24 == pytest.approx(micro[key])
    assert {row["first_hit_right"] for row in scored} == {"True", "False"}
    assert all((pets / row["first_hit_path"]).is_file() for row in rows)


def test_the_page_needs_nothing_else(pets: Path, tmp_path: Path, call: Cli):
    """Images are inside it; definitions, notes, exclusions and skipped files are beside the metrics."""
    result = call("evaluate", pets, "--out", tmp_path / "a" / "b")
    assert result.out.endswith(f"written to {tmp_path / 'a' / 'b'}: evaluation.html, evaluation.json, queries.csv\n")
    text = (tmp_path / "a" / "b" / "evaluation.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.sources
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in page.sources)
    assert not {"script", "link", "iframe"} & page.tags
    for words in (
        "for new images from the same source",
        "approximate",
        "Worst queries",
        "Best queries",
        "First hits that are wrong",
        "no other image of the class is in the gallery",
        "666.jpg",
        "divided by k in every case",
        "No groups are given",
        "lookalike evaluate",
    ):
        assert words in page.words
    assert sorted(file.name for file in (tmp_path / "a" / "b").iterdir()) == [
        "evaluation.html",
        "evaluation.json",
        "queries.csv",
    ]


def test_odd_names_go_through_every_report(tmp_path: Path, call: Cli):
    """Names with line breaks, markup, or bytes that are no UTF-8 are printed, escaped, and never break a file."""
    for number, name in enumerate(ODD_NAMES):
        for label in (b"<i>cat", b"dog\xff"):
            place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd/" + label + b"/" + name))
            drawn(place, number + 10 * len(label))
    result = call("evaluate", tmp_path / "odd", "--k", "1,2", "--out", tmp_path / "out")
    assert (result.code, result.err) == (0, "")
    assert "dog\\xff" in result.out
    text = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert "<i>" not in text
    assert "&lt;i&gt;cat" in text
    answer = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert set(answer["classes"]) == {"<i>cat", "dog\\xff"}
    with (tmp_path / "out" / "queries.csv").open(encoding="utf-8", newline="") as file:
        paths = {row["path"] for row in csv.DictReader(file)}
    assert paths >= {"<i>cat/two\nlines.png", "dog\\xff/\\xff\\xfe.png"}


def test_options_reach_the_metrics(tmp_path: Path, call: Cli):
    """--k, --junk, --seed and --labels have their effect."""
    for number in range(16):
        drawn(tmp_path / "d" / f"{number}.png", number)
    rows = [f"{number}.png,{'ab'[number % 2]},g{number // 4}" for number in range(16)]
    (tmp_path / "labels of d.csv").write_text("\n".join(["path,label,group", *rows]))
    answers = {}
    for junk in ("group", "none"):
        labels = ["--labels", tmp_path / "labels of d.csv"]
        result = call("evaluate", tmp_path / "d", *labels, "--k", "3,1", "--junk", junk, "--seed", "7", "--json")
        assert (result.code, result.err) == (0, "")
        answers[junk] = json.loads(result.out)
    assert [key for key in answers["group"]["micro"] if key.startswith("precision")] == ["precision@1", "precision@3"]
    assert answers["group"]["micro"] != answers["none"]["micro"]
    assert (answers["group"]["seed"], answers["group"]["junk"]) == (7, "group")
    assert "--k 1,3 --junk group --seed 7" in answers["group"]["command"]
    assert "'" + str(tmp_path / "labels of d.csv") + "'" in answers["group"]["command"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--k", "1,25"], "k = 25 is larger than the gallery"),
        (["--junk", "visit"], "needs a column visit"),
    ],
)
def test_what_cannot_be_measured_is_one_line(pets: Path, call: Cli, arguments: list[str], words: str):
    """An error is one line on standard error, exit code 1, and no metric."""
    result = call("evaluate", pets, *arguments)
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch("lookalike: .*\n", result.err)
    assert words in result.err


@pytest.mark.parametrize("ks", ["0", "1,-1", "1,,2", "ten", ""])
def test_a_wrong_k_is_wrong_usage(pets: Path, call: Cli, ks: str):
    """Anything but a list of whole numbers from 1 on is rejected by the command line."""
    assert call("evaluate", pets, "--k", ks).code == 2


def test_a_folder_that_cannot_be_written_is_known_before_the_work(pets: Path, call: Cli, fake: FakeEncoder):
    """--out at a file is an error before anything is encoded."""
    (pets.parent / "file").write_text("words")
    result = call("evaluate", pets, "--out", pets.parent / "file")
    assert (result.code, result.out, fake.encoded) == (1, "", 0)
    assert "the report can't be written there" in result.err


def test_an_old_report_is_replaced(pets: Path, tmp_path: Path, call: Cli):
    """The files of a second run replace those of the first, and nothing else is left."""
    call("evaluate", pets, "--out", tmp_path / "out")
    first = (tmp_path / "out" / "evaluation.json").read_text()
    call("evaluate", pets, "--out", tmp_path / "out", "--seed", "5")
    assert (tmp_path / "out" / "evaluation.json").read_text() != first
    assert len(list((tmp_path / "out").iterdir())) == 3
