"""Galleries of small images, and a server of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drawing import drawn
from fakes import FakeEncoder
from galleries import index
from servers import Program, Running, running, start_program


def make_folder(root: Path, count: int = 12) -> Path:
    """Small images in two folders, with labels; the last one is a copy of the first."""
    lines = ["path,label,km"]
    for number in range(count):
        path = f"{'even' if number % 2 == 0 else 'odd'}/{number:02}.png"
        drawn(root / path, number, (60, 45))
        lines.append(f"{path},{'joint' if number < 5 else 'switch'},{number / 2}")
    (root / "odd" / "copy.png").write_bytes((root / "even" / "00.png").read_bytes())
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def folder(tmp_path: Path, fake: FakeEncoder) -> Path:
    """A folder of 13 images, with a gallery."""
    root = make_folder(tmp_path / "Track Photos")
    index(root, fake).close()
    return root


@pytest.fixture
def web(folder: Path, fake: FakeEncoder) -> Iterator[Running]:
    """A server of that folder."""
    with running(folder, encoder=fake) as server:
        yield server


@pytest.fixture
def start_server() -> Iterator[Callable[..., Program]]:
    """Start ``lookalike serve`` with arguments; what is started ends with the test."""
    started: list[Program] = []

    def start(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Program:
        started.append(start_program(*arguments, cwd=cwd, **environment))
        return started[-1]

    yield start
    for program in started:
        program.process.kill()
        program.process.communicate()
