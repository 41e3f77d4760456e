"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.progress import Progress


@contextmanager
def progress_bar(name: str | None = None, unit: str = "images") -> Iterator[Progress | None]:
    """A bar labelled ``name`` with rate and time left; None if standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit=f" {unit}", dynamic_ncols=True, smoothing=0.1, leave=False) as bar:

        def update(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield update


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar that restarts with every stage; None if standard error is not a terminal.

    It is called with the name of the stage, the number of items done and their total.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(dynamic_ncols=True, smoothing=0.1, leave=False) as bar:

        def update(stage: str, done: int, total: int) -> None:
            if bar.desc != f"{stage}: ":
                bar.reset(total)
                bar.set_description(stage, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        yield update
