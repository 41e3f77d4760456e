"""Every command and program in the README runs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in FENCED if language == "sh" for line in block.splitlines()]
INLINE = re.findall(r"`((?:make|lookalike|pipx|pip) [^`]+)`", README)
PROGRAMS = [block for language, block in FENCED if language == "python"]

# These install environments or run this test itself; `make demo` has a test of its own.
NOT_RUN = {"make test", "make bench", "make demo", "make verify-encoders", "pipx install .", "pip install ."}
NOT_RUN |= {'pip install "lookalike[raw]"'}
# These need real CLIP weights. encoders/test_chosen_encoder.py runs the same commands on a small CLIP, and
# test_hub.py downloads from a hub on this machine.
NEEDS_CLIP = ("encoders pull", "encoders verify", "--reencode", "--text", "--plus-text")

# Takes minutes even on a few images; evaluation/test_reproduce.py runs it on fewer.
SLOW = "lookalike reproduce"
# Measures every combination for two seconds, several times.
SHORTER = {"lookalike encoders bench": "lookalike encoders bench --seconds 0.05"}


@pytest.fixture
def reader_folder(tmp_path, isolated_cache):
    """A folder in which a reader might try the commands: photos, two queries and two datasets."""
    source = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    (tmp_path / "photos").mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png"):
        shutil.copy(source / name, tmp_path / "photos")
    shutil.copy(source / "rocket.jpg", tmp_path / "photos" / "old.jpg")
    (tmp_path / "photos" / "2023").mkdir()
    shutil.copy(source / "coffee.png", tmp_path / "photos" / "2023")
    shutil.copy(source / "rocket.jpg", tmp_path / "query.jpg")
    shutil.copy(source / "retina.jpg", tmp_path / "another.jpg")
    labels = {"old.jpg": "joint", "astronaut.png": "joint", "coffee.png": "sleeper", "chelsea.png": "sleeper"}
    rows = [f"{path},32.5,2023-06-01,{label}" for path, label in labels.items()]
    (tmp_path / "joints.csv").write_text("\n".join(["path,km,date,label", *rows]))
    (tmp_path / "new-photos").mkdir()
    shutil.copy(source / "motorcycle_right.png", tmp_path / "new-photos")
    np.save(tmp_path / "embeddings.npy", np.random.default_rng(0).normal(size=(20, 8)))
    rows = [f"{number}.jpg,{('cat', 'dog')[number % 2]}" for number in range(20)]
    (tmp_path / "embeddings.csv").write_text("\n".join(["path,label", *rows]))
    _make_dataset(source, tmp_path / "PetImages", {"Cat": "chelsea.png", "Dog": "coffee.png"})
    _make_dataset(source, tmp_path / "rail", {"joint": "brick.png", "sleeper": "gravel.png"})
    return tmp_path


def _make_dataset(source, folder, classes):
    """Write eight crops of one image per class, in groups of two."""
    rows = ["path,label,group"]
    for label, name in classes.items():
        (folder / label).mkdir(parents=True)
        with Image.open(source / name) as image:
            for number in range(8):
                left, top = 20 * (number // 2), 5 * number
                image.crop((left, top, left + 240, top + 200)).convert("RGB").save(folder / label / f"{number}.jpg")
                rows.append(f"{label}/{number}.jpg,{label},{label}{number // 2}")
    if folder.name == "rail":
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def run(command, folder):
    """Run a shell command with the programs of this environment first on the path; returns its output."""
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


def assert_serves(command, folder):
    """The command starts a server that works, and ends when it is interrupted."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        ["/bin/sh", "-c", f"exec {command.removesuffix(' --open')} --port 0"],
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = next(line.split()[1] for line in server.stdout if line.startswith("page "))
        if "--host" in command:
            assert "?token=" in address
        else:
            galleries = httpx.get(f"{address}api/galleries", timeout=100).json()["galleries"]
            assert galleries[0]["images"] > 0
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=100)
    finally:
        server.kill()
        server.communicate()
    assert server.returncode == 0


def test_the_commands_run_in_order(reader_folder):
    """The commands in the README succeed one after another."""
    commands = [command for command in SHELL + INLINE if command not in NOT_RUN and not command.startswith("make ")]
    commands = [command for command in commands if not any(part in command for part in (*NEEDS_CLIP, SLOW))]
    assert len(commands) >= 7
    for command in commands:
        if command.startswith("lookalike serve"):
            assert_serves(command, reader_folder)
            continue
        if command.startswith("curl "):  # it asks a server at a port that may be in use here
            continue
        run(SHORTER.get(command, command), reader_folder)
    assert "data:image/jpeg" in (reader_folder / "results.html").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", ["make demo", "make demo PHOTOS=path/to/your/folder"])
def test_the_demo_writes_its_page(reader_folder, command):
    """Both forms of the demo write a page of results and change nothing in the user's folder."""
    assert command in SHELL + INLINE
    page = ROOT / "demo" / "results.html"
    page.unlink(missing_ok=True)
    before = sorted(path.name for path in (reader_folder / "photos").iterdir())
    output = run(command.replace("path/to/your/folder", str(reader_folder / "photos")), ROOT)
    assert f"Page of results: {page}" in output
    serve = re.search(r"drop in others: (.* serve --gallery .*) --open", output)
    assert serve is not None
    assert_serves(f"{serve[1]}", ROOT)
    assert page.read_text(encoding="utf-8").count("data:image/jpeg") > 6
    assert sorted(path.name for path in (reader_folder / "photos").iterdir()) == before


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_run(reader_folder, program):
    """Each Python program in the README runs unchanged."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=reader_folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "UpdateReport(added=6" in done.stdout or "precision@1" in program


def test_linked_files_exist():
    """The files that the README links to exist."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
