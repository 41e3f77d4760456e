"""A few seeded trials of each kind of torture; ``make torture`` makes thousands."""

import os
import subprocess
import sys

import pytest

from processes import python_path
from torture.system_calls import is_supported

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_supported(), reason="needs Linux and a C compiler")]


@pytest.mark.parametrize(
    ("kind", "trials", "words"),
    [
        ("kills", 49, "49 kills"),
        ("disk-errors", 60, "60 input/output errors"),
        ("full-disks", 24, "24 full disks"),
        ("failing-photos", 48, "48 disks"),
        ("power-cuts", 63, "63 power cuts"),
        ("left-out-syncs", 6, "the syncs of 13 files"),
        ("bit-flips", 200, "200 bit flips"),
        ("mutated-images", 170, "170 mutated images"),
        ("together", 20, "20 rounds"),
        ("cycles", 100, "100 cycles"),
    ],
)
def test_nothing_is_lost(kind: str, trials: int, words: str):
    """What each kind tries loses nothing, and ends as it should."""
    done = subprocess.run(
        [sys.executable, "-m", "torture", kind, "--trials", str(trials)],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.startswith(f"{kind}: {words}")) == (0, True), done.stdout + done.stderr
