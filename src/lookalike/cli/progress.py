"""Progress on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookalike.embedding import Progress


@contextmanager
def progress_bar(name: str | None = None, unit: str = "pictures") -> Iterator[Progress | None]:
    """A bar called ``name`` with rate and time left on standard error; None where that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit=f" {unit}", dynamic_ncols=True, smoothing=0.1, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on standard error that starts anew with every stage; None where that is no terminal.

    It is told what is being done, in words, and how many of how many are done.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(dynamic_ncols=True, smoothing=0.1, leave=False) as bar:

        def show(stage: str, done: int, total: int) -> None:
            if bar.desc != f"{stage}: ":
                bar.reset(total)
                bar.set_description(stage, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        yield show
