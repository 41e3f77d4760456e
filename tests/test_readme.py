"""Every command and every program in the README runs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in FENCED if language == "sh" for line in block.splitlines()]
INLINE = re.findall(r"`((?:make|lookalike|pipx|pip) [^`]+)`", README)
PROGRAMS = [block for language, block in FENCED if language == "python"]

# These set up environments, or are the very command that runs this test; `make demo` is run below.
NOT_HERE = {"make test", "make bench", "make demo", "make verify-encoders", "pipx install .", "pip install ."}
# Real CLIP weights are needed for these: the same commands run on a small CLIP in encoders/test_chosen_encoder.py, and
# downloads from a hub on this machine in test_hub.py.
NEEDS_CLIP = ("encoders pull", "encoders verify", "--reencode", "--text", "--plus-text")

# Minutes of work even for a few pictures: evaluation/test_reproduce.py runs it on less.
TAKES_LONG = "lookalike reproduce"


@pytest.fixture
def desk(tmp_path, isolated_cache):
    """A folder with photographs and two queries beside it, where a reader might try the commands."""
    source = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    (tmp_path / "photos").mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png"):
        shutil.copy(source / name, tmp_path / "photos")
    shutil.copy(source / "rocket.jpg", tmp_path / "query.jpg")
    shutil.copy(source / "retina.jpg", tmp_path / "another.jpg")
    _label(source, tmp_path / "PetImages", {"Cat": "chelsea.png", "Dog": "coffee.png"})
    _label(source, tmp_path / "rail", {"joint": "brick.png", "sleeper": "gravel.png"})
    return tmp_path


def _label(source, folder, classes):
    """Eight pieces of one photograph a class, two of each place."""
    rows = ["path,label,group"]
    for label, name in classes.items():
        (folder / label).mkdir(parents=True)
        with Image.open(source / name) as photograph:
            for number in range(8):
                left, top = 20 * (number // 2), 5 * number
                photograph.crop((left, top, left + 240, top + 200)).convert("RGB").save(
                    folder / label / f"{number}.jpg"
                )
                rows.append(f"{label}/{number}.jpg,{label},{label}{number // 2}")
    if folder.name == "rail":
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def run(command, folder):
    """Run one shell command with this environment's programs first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_commands_run_in_their_order(desk):
    """Each command that the README shows succeeds, one after another, on a folder of photographs."""
    commands = [command for command in SHELL + INLINE if command not in NOT_HERE and not command.startswith("make ")]
    commands = [command for command in commands if not any(words in command for words in (*NEEDS_CLIP, TAKES_LONG))]
    assert len(commands) >= 7
    for command in commands:
        run(command, desk)
    assert "data:image/jpeg" in (desk / "results.html").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", ["make demo", "make demo PHOTOS=path/to/your/folder"])
def test_the_demo_writes_its_page(desk, command):
    """Both forms of the demo end with a page of results; a folder of one's own is left as it was."""
    assert command in SHELL + INLINE
    page = ROOT / "demo" / "results.html"
    page.unlink(missing_ok=True)
    before = sorted(path.name for path in (desk / "photos").iterdir())
    output = run(command.replace("path/to/your/folder", str(desk / "photos")), ROOT)
    assert f"The page of results: {page}" in output
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") > 6
    assert sorted(path.name for path in (desk / "photos").iterdir()) == before


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_run(desk, program):
    """Each Python program of the README runs as it stands."""
    done = subprocess.run([sys.executable, "-c", program], cwd=desk, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "UpdateReport(added=4" in done.stdout or "precision@1" in program


def test_every_link_leads_somewhere():
    """Files that the README links to are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
