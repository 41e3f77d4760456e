"""What libraries print to the standard error of the process stays off the terminal, and is put with its file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drawing import drawn
from lookalike import ImageError
from lookalike.images.decode import open_image
from lookalike.images.messages import set_source

INDEX = """
import os, sys
from fakes import FakeEncoder, FakeSource
from lookalike.cli.main import main

encoder = FakeEncoder(before=lambda _: os.write(2, b"a library: something is odd"))
code = main(["index", sys.argv[1]], FakeSource(encoder))
print("python prints", file=sys.stderr)
os.write(2, b" and later")
sys.exit(code)
"""


@pytest.mark.slow
def test_libraries_print_nothing(tmp_path: Path):
    """While a command runs, only Python writes to standard error; afterwards everything is as before."""
    drawn(tmp_path / "photos/sound.png", 1)
    command = [sys.executable, "-c", INDEX, str(tmp_path / "photos")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, env=environment, check=True, text=True, capture_output=True)
    *notes, last, later = result.stderr.splitlines()
    assert all(line.startswith("lookalike: ") for line in notes)
    assert (last, later) == ("python prints", " and later")
    assert "1 added" in result.stdout


def test_messages_are_in_the_reason(tmp_path: Path):
    """The last line that a library printed is added to the reason for which a file can't be used."""
    path = drawn(tmp_path / "a.png", 1)
    path.write_bytes(path.read_bytes()[:200])
    set_source(lambda: "first\nlibrary: bad\x1b code\n")
    try:
        with pytest.raises(ImageError) as caught:
            open_image(path)
    finally:
        set_source(lambda: "")
    assert caught.value.reason.endswith(": library: bad\\x1b code)")
