"""Galleries of small images, a server of one of them, and a browser that shows its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext

from drawing import draw, drawn
from fakes import FakeEncoder
from galleries import index
from servers import Program, Running, running, start_program
from web.browser import Tab, chromium


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window of its own, with nothing stored."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, locale="en")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def tab(window: BrowserContext, web: Running) -> Iterator[Tab]:
    """The page; nothing may go wrong on it, and no other host be asked."""
    tab = Tab.open(window, web.address)
    yield tab
    assert tab.problems == []
    assert tab.hosts <= {web.address.removeprefix("http://"), ""}


@pytest.fixture
def query(folder: Path) -> Path:
    """An image that is not in the gallery, like one that is."""
    file = folder.parent / "query.png"
    image = np.asarray(draw(4, (60, 45)))
    Image.fromarray(image // 2 * 2).save(file)
    return file
