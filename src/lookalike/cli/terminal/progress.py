"""Progress on standard error: a bar on a terminal, otherwise a line for every tenth; nothing with ``-q``."""

from __future__ import annotations

import os.path
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lookalike.cli.terminal.messages import is_quiet, note
from lookalike.text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

    from lookalike.progress import FileProgress, Progress, StageProgress

_QUICK_SECONDS: Final = 5.0
"""Without a terminal, work other than indexing that ends sooner prints no lines."""
_FOLDER_WIDTH: Final = 30
"""How many characters of the current folder are shown beside a bar."""

_Show = Callable[[str, int, int, str], None]
"""Called with a stage, how many are done, their total, and the path of the last file."""


@contextmanager
def file_progress() -> Iterator[FileProgress | None]:
    """Progress through files, with rate, time left and the current folder."""
    with _progress("images", always=True) as show:
        yield None if show is None else lambda done, total, path: show("", done, total, path)


@contextmanager
def progress_bar(name: str = "", unit: str = "images") -> Iterator[Progress | None]:
    """Progress labelled ``name``, with rate and time left."""
    with _progress(unit) as show:
        yield None if show is None else lambda done, total: show(name, done, total, "")


@contextmanager
def stage_progress() -> Iterator[StageProgress | None]:
    """Progress that restarts with every stage."""
    with _progress("") as show:
        yield None if show is None else lambda stage, done, total: show(stage, done, total, "")


@contextmanager
def _progress(unit: str, *, always: bool = False) -> Iterator[_Show | None]:
    if is_quiet():
        yield None
    elif not sys.stderr.isatty():
        yield _Lines(unit, always=always)
    else:
        from tqdm import tqdm

        with tqdm(unit=f" {unit}" if unit else "it", dynamic_ncols=True, smoothing=0.1, leave=False) as bar:
            yield _Bar(bar)


class _Bar:
    """A bar that restarts with every stage."""

    def __init__(self, bar: tqdm[object]) -> None:
        self._bar = bar
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int, path: str) -> None:
        if stage != self._stage:
            self._stage = stage
            self._bar.reset(total)
            self._bar.set_description(stage, refresh=False)
        if folder := os.path.dirname(path):  # noqa: PTH120  of a path in any form
            self._bar.set_postfix_str(printable(folder)[-_FOLDER_WIDTH:], refresh=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)


class _Lines:
    """A line whenever another tenth is done, for log files."""

    def __init__(self, unit: str, *, always: bool) -> None:
        self._unit = unit
        self._always = always
        self._stage: str | None = None
        self._tenths = 0
        self._started = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, path: str) -> None:
        if stage != self._stage:
            if self._stage is not None:  # the time before the first call is part of the first stage
                self._started = time.monotonic()
            self._stage, self._tenths = stage, 0
        tenths, seconds = done * 10 // max(1, total), time.monotonic() - self._started
        if tenths == self._tenths or (seconds < _QUICK_SECONDS and not self._always):
            return
        self._tenths = tenths
        name = f"{stage}: " if stage else ""
        unit = f" {self._unit}" if self._unit else ""
        left = f", {duration(seconds * (total - done) / done)} left" if 0 < done < total else ""
        folder = f", in {printable(directory)}" if (directory := os.path.dirname(path)) else ""  # noqa: PTH120
        note(f"{name}{done:,} of {total:,}{unit} ({done * 100 // max(1, total)} %){left}{folder}")


def duration(seconds: float) -> str:
    """Seconds as text: 45 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if minutes == 0:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004  minutes an hour
