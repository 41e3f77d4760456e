"""Plug-ins: the package in the documentation adds an encoder and a corruption, and broken ones say what is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from drawing import drawn
from galleries import Result
from processes import python_path

Cli = Callable[..., Result]

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads(re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
(MODULE,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.slow


def install(folder: Path, module: str, entry_points: dict[str, dict[str, str]]) -> None:
    """Install a package ``lookalike-colours`` in ``folder``, as pip would."""
    folder.mkdir(exist_ok=True)
    (folder / "lookalike_colours.py").write_text(module, encoding="utf-8")
    metadata = folder / "lookalike_colours-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lookalike-colours\nVersion: 1.0\n")
    lines = [line for group, names in entry_points.items() for line in (f"[{group}]", *map(" = ".join, names.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Cli:
    """Run the command line where packages in ``tmp_path / "site"`` are installed."""
    path = os.pathsep.join([str(tmp_path / "site"), python_path()])
    return lambda *arguments: cli(*arguments, cwd=tmp_path, PYTHONPATH=path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eight images of two classes."""
    for number in range(8):
        drawn(tmp_path / "photos" / ("cat", "dog")[number % 2] / f"{number}.png", number)
    return tmp_path / "photos"


def test_the_example_of_the_documentation(run: Cli, photos: Path, tmp_path: Path):
    """Its encoder makes a gallery, which stays usable by its stamp; its corruption is measured; reports name both."""
    assert len(MODULE.splitlines()) <= 40
    install(tmp_path / "site", MODULE, PROJECT["project"]["entry-points"])
    assert run("index", "photos", "--encoder", "mean-colours", "-q").code == 0
    status = json.loads(run("status", "--gallery", "photos", "--json").out)
    assert (status["encoder"]["name"], status["encoder"]["dimension"], status["images"]) == ("mean-colours", 49, 8)
    shutil.copy(photos / "cat" / "2.png", tmp_path / "query.png")
    answer = json.loads(run("search", "query.png", "--gallery", "photos", "--json", "-k", "1").out)
    assert answer["results"][0]["hits"][0]["path"] == "cat/2.png"
    assert "mean-colours" in run("encoders").out
    listed = json.loads(run("encoders", "--json").out)["encoders"]
    assert [row["package"] for row in listed if row["name"] == "mean-colours"] == ["lookalike-colours 1.0"]
    measured = run(
        *("robustness", "photos", "--corruption", "posterised", "--severity", "1,5", "--encoder", "mean-colours"),
        *("--view", "whole", "--json"),
    )
    assert measured.code == 0, measured.err
    report = json.loads(measured.out)
    assert report["versions"]["lookalike-colours"] == "1.0"
    assert "posterised" in measured.out
    assert "posterised" in run("robustness", "--list").out


def test_a_plugin_that_is_gone(run: Cli, photos: Path, tmp_path: Path):
    """A gallery that was made with it says which encoder it needs."""
    install(tmp_path / "site", MODULE, PROJECT["project"]["entry-points"])
    assert run("index", "photos", "--encoder", "mean-colours", "-q").code == 0
    shutil.rmtree(tmp_path / "site")
    result = run("search", "photos/cat/2.png", "--gallery", "photos")
    assert (result.code, "mean-colours" in result.err, "Traceback" in result.err) == (1, True, False)


BROKEN = {
    "import nothing_like_this": "can't be loaded (ModuleNotFoundError: No module named 'nothing_like_this')",
    "load_encoder = POSTERISED = None": "",
    "def load_encoder():\n    raise OSError('no weights')\nPOSTERISED = 1": "can't be loaded (OSError: no weights)",
    MODULE.replace('"mean-colours", 49', '"other", 49').replace(
        '"posterised"', '"other"'
    ): "is called other, not like the entry point",
}


@pytest.mark.parametrize("module", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_plugin_says_so(module: str, run: Cli, photos: Path, tmp_path: Path):
    """The message names the plug-in, the package and the reason; what doesn't use it works."""
    install(tmp_path / "site", module, PROJECT["project"]["entry-points"])
    encoder = run("index", "photos", "--encoder", "mean-colours")
    corruption = run("robustness", "photos", "--corruption", "posterised")
    for result in (encoder, corruption):
        assert (result.code, "Traceback" in result.err) == (1, False)
        assert "a plug-in of the package lookalike-colours 1.0: " in result.err
        assert "pip uninstall lookalike-colours" in result.err
    assert BROKEN[module] in encoder.err
    assert run("index", "photos", "-q").code == 0


def test_a_plugin_replaces_nothing(run: Cli, photos: Path, tmp_path: Path):
    """Names of our own encoders and corruptions stay ours."""
    taken = {
        "lookalike.encoders": {"efficientnet-lite2": "nothing:x", "auto": "nothing:x"},
        "lookalike.corruptions": {"rain": "nothing:x"},
    }
    install(tmp_path / "site", "", taken)
    assert run("index", "photos", "-q").code == 0
    assert "rain" in run("robustness", "--list").out
