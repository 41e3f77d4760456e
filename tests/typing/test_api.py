"""The program on the public interface runs, with the included encoder and real images."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("api.py")


def test_the_typed_program_runs(tmp_path: Path, photographs: Path) -> None:
    """It indexes labelled photos, finds the query's crops first, explains a missing file, and measures precision."""
    folder = tmp_path / "photos"
    for label, name in {"cat": "chelsea.png", "cup": "coffee.png"}.items():
        (folder / label).mkdir(parents=True)
        with Image.open(photographs / name) as photo:
            for number in range(4):
                left = 10 * number
                photo.crop((left, 0, left + 250, 250)).convert("RGB").save(folder / label / f"{number}.jpg")
    query = Path(shutil.copy(photographs / "chelsea.png", tmp_path / "query.png"))
    done = subprocess.run(
        [sys.executable, PROGRAM, folder, query],
        env=os.environ | {"LOOKALIKE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "8 images, 0 skipped" in done.stdout
    assert [line.split()[2][:4] for line in done.stdout.splitlines() if line[:2] in {"1 ", "2 ", "3 ", "4 "}] == [
        "cat/",
        "cat/",
        "cat/",
        "cat/",
    ]
    assert "file not found" in done.stdout
    assert "precision@1 1.00" in done.stdout
