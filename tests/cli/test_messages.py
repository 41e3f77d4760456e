"""What the command line prints: help, results, and the message and exit code for wrong usage and bad input.

The texts are in ``__snapshots__/test_messages.ambr``, and in no other test. To update them after a change:
``pytest tests/cli/test_messages.py --snapshot-update``, then read the difference.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from drawing import drawn
from fakes import FakeEncoder
from galleries import Result, index

Cli = Callable[..., Result]

HELP = (
    *(
        "",
        "index",
        "search",
        "duplicates",
        "annotate",
        "status",
        "export",
        "galleries",
        "remove",
        "formats",
        "check",
        "repair",
        "backup",
        "dataset",
        "dataset show",
        "evaluate",
        "compare",
        "robustness",
        "angles",
    ),
    *("matrix", "reproduce", "encoders", "encoders list", "encoders pull", "encoders verify"),
    "encoders bench",
    "completion",
)

RESULTS = (
    "index photos",
    "index photos --verify",
    "index photos --json",
    "remove 1.png --json --gallery photos",
    "check --gallery photos",
    "check --json --gallery photos",
    "repair --gallery photos",
    "repair --json --gallery photos",
    "backup copy --gallery photos",
    "backup copy --json --gallery photos",
    "encoders list --json",
    "index photos --strict --levels 12 --exclude 1.png",
    "index pets --gallery elsewhere",
    "search photos/0.png -k 3 --gallery photos",
    "search photos/0.png photos/1.png -k 2 --gallery photos",
    "search photos/0.png -k 1 --include-self --gallery photos",
    "search photos/0.png --plus photos/1.png --weight 0.5 --minus photos/2.png -k 2 --gallery photos",
    "search photos/0.png -k 1 --json --gallery photos",
    "search photos/0.png --html page.html -k 1 --gallery photos",
    "search photos/0.png -k 2 --csv --gallery photos",
    "search photos/0.png -k 1 --jsonl --gallery photos",
    "search photos/0.png -k all --paths --gallery photos",
    "search photos/0.png --match copy --gallery photos",
    "search photos --gallery photos -k 1",
    "search photos/0.png --copy-to taken -k 2 --gallery photos",
    "search photos/0.png --fold --csv -k 2 --gallery photos",
    "annotate joints.csv --gallery photos",
    "annotate joints.csv --json --gallery photos",
    "annotate wrong.csv --gallery photos",
    "search photos/0.png --where 'width>=40 and not path~3' -k 2 --gallery photos",
    "duplicates --gallery photos",
    "duplicates --json --gallery photos",
    "duplicates --csv --threshold 0.2 --gallery photos",
    "search photos/0.png pets/cat/0.png --exists --gallery photos",
    "status --gallery photos",
    "status --json --gallery photos",
    "remove 0.png nothing.png --gallery photos",
    "dataset show pets --encoder colours",
    "evaluate pets --k 1,5",
    "evaluate pets --k 1 --out report",
    "compare pets --encoder efficientnet-lite2 --k 1",
    "robustness pets --corruption darkness --severity 3",
    "robustness --list",
    "matrix photos/0.png pets --out matrix --encoder colours",
)

WRONG = (
    "nonsense",
    "serach photos/0.png",
    "--colour always",
    "index photos --gal elsewhere",
    "index photos --colour always",
    "index photos pets",
    "index photos --gallery",
    "index photos --time-limit never",
    "index photos --memory lots",
    "search photos/0.png --top 3 --gallery photos",
    "search photos/0.png --format xml --gallery photos",
    "search photos/0.png --json -k 0 --gallery photos",
    "search nowhere.jpg --json --gallery photos",
    "status --json --gallery nowhere",
    "status photos",
    "remove",
    "backup",
    "backup photos --gallery photos",
    "check --gallery nowhere",
    "repair --gallery nowhere",
    "completion powershell",
    "index",
    "index nowhere",
    "index photos/0.png",
    "index empty",
    "index photos --encoder nonsense",
    "index photos --encoder nowhere/model.safetensors",
    "index photos --encoder efficientnet-lite2",
    "index photos --precision fp16",
    "search photos/0.png --under elsewhere --gallery photos",
    "search photos/0.png --min-score 2 --gallery photos",
    "search photos/0.png --where 'km>>3' --gallery photos",
    "search photos/0.png --where 'km>3 and' --gallery photos",
    "search photos/0.png --where 'width>3 and km>3' --gallery photos",
    "annotate",
    "annotate nowhere.csv --gallery photos",
    "annotate notes.txt --gallery photos",
    "annotate --delete km --gallery photos",
    "search photos/0.png --match good --gallery photos",
    "search photos/0.png --csv --paths --gallery photos",
    "index photos --view sideways",
    "index photos --threads 0",
    "index photos --device tpu",
    "index photos --encoder colours --reencode colours",
    "index photos --max-megapixels -1",
    "index photos --levels 7",
    "remove nothing.png --gallery photos",
    "search",
    "search photos/0.png --gallery photos --gallery pets",
    "search --files-from nowhere.txt --gallery photos",
    "search - --files-from - --gallery photos",
    "search empty --gallery photos",
    "search photos/0.png --copy-to notes.txt --gallery photos",
    "status --gallery photos --gallery photos",
    "duplicates --threshold 2 --gallery photos",
    "export",
    "export out --format excel --gallery photos",
    "export photos --format parquet --gallery photos",
    "duplicates --json --csv --gallery photos",
    "duplicates --html page.png --gallery photos",
    "search photos/0.png --gallery empty",
    "search nowhere.jpg --gallery photos",
    "search notes.txt --gallery photos",
    "search text.jpg --gallery photos",
    "search empty.jpg --gallery photos",
    "search photos/0.png -k 0 --gallery photos",
    "search photos/0.png -k many --gallery photos",
    "search photos/0.png --weight 2 --gallery photos",
    "search photos/0.png --plus photos/1.png --weight nan --gallery photos",
    "search photos/0.png --minus photos/0.png --gallery photos",
    "search --text night --gallery photos",
    "search photos/0.png --html nowhere/page.html --gallery photos",
    "status --gallery nowhere",
    "status --gallery empty",
    "dataset",
    "dataset show nowhere",
    "evaluate empty",
    "evaluate photos",
    "evaluate pets --k 0",
    "evaluate",
    "evaluate --embeddings nowhere.npy",
    "evaluate --embeddings nowhere.npy --labels joints.csv",
    "evaluate --embeddings nowhere.npy --labels joints.csv --encoder colours",
    "evaluate --embeddings nowhere.npy --labels joints.csv --query-split a --gallery-split b",
    "evaluate pets --query-split cat",
    "evaluate pets --query-split cat --gallery-split rat",
    "evaluate pets --junk visit",
    "evaluate pets --labels nowhere.csv",
    "evaluate wrong.csv",
    "compare pets --encoder nonsense",
    "compare pets --encoder vgg16 --encoder vgg16",
    "robustness pets --corruption sunshine",
    "robustness pets --severity 9",
    "robustness",
    "angles pets",
    "matrix photos pets",
    "reproduce --out report",
    "encoders nonsense",
    "encoders pull nonsense",
    "encoders verify clip-vit-b-32",
    "encoders bench efficientnet-lite2 --seconds 0",
)


@pytest.fixture
def folder(tmp_path: Path, fake: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a gallery, labelled images, and files that are no images; commands run in it."""
    for number in range(4):
        drawn(tmp_path / "photos" / f"{number}.png", number)
        drawn(tmp_path / "pets" / "cat" / f"{number}.png", 10 + number)
        drawn(tmp_path / "pets" / "dog" / f"{number}.png", 20 + number)
    (tmp_path / "photos" / "notes.jpg").write_text("some text")
    (tmp_path / "notes.txt").write_text("some text")
    (tmp_path / "text.jpg").write_text("some text")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "joints.csv").write_text("path,km,label\n0.png,32.5,joint\n1.png,,=sum\n9.png,7,x\n")
    (tmp_path / "wrong.csv").write_text("file,class\n0.png,cat\n")
    index(tmp_path / "photos", fake).close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def session(call: Cli, command: str, folder: Path) -> str:
    """The command, its exit code and what it prints, without what differs between runs and machines."""
    result = call(*shlex.split(command))
    streams = [
        _normalised(stream, folder).replace("\n", "\n  ").rstrip() for stream in (result.out, result.err) if stream
    ]
    return "\n".join([f"$ lookalike {command}", f"exit code {result.code}", *(f"  {text}" for text in streams)])


def _normalised(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "FOLDER").replace(os.path.realpath(folder), "FOLDER")
    for pattern, replacement in (
        (r'"disk_bytes": \d+', '"disk_bytes": N'),
        (r'"seconds": [\d.]+', '"seconds": N'),
        (r'"file": "[^"]*\.pth"', '"file": "WEIGHTS"'),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d\+00:00)?", "TIME"),
        (r"\d+\.\d MB", "N MB"),
        (r"\d+(\.\d+)? images/s", "N images/s"),
        (r"\b\d+\.\d (s|per second)\b", r"N \1"),
        (r"(?m) +\d+\.\d(?= +\d+$)", "  N"),  # the column of images/s
        (r"they are in \S+", "they are in CACHE"),
        (r"\b[0-9a-f]{16,64}\b", "DIGEST"),
        (r"(stamp|weights) [0-9a-f]{12}\b", r"\1 DIGEST"),
        (r"(?m)^(\s*(?:Versions|Machine|versions|machine)\b).*", r"\1 ..."),
    ):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize("command", HELP)
def test_help(command: str, folder: Path, call: Cli, snapshot: SnapshotAssertion):
    """The help of every command."""
    assert session(call, f"{command} --help".strip(), folder) == snapshot


@pytest.mark.parametrize("command", RESULTS)
def test_results(command: str, folder: Path, call: Cli, snapshot: SnapshotAssertion):
    """What everyday commands print."""
    assert session(call, command, folder) == snapshot


@pytest.mark.parametrize("command", WRONG)
def test_wrong_usage(command: str, folder: Path, call: Cli, snapshot: SnapshotAssertion):
    """Wrong usage has exit code 2, other errors 1; the message names what is wrong and what to do."""
    text = session(call, command, folder)
    code = text.splitlines()[1]
    assert code in {"exit code 1", "exit code 2"}
    assert "Traceback" not in text
    assert text == snapshot
