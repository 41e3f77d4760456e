"""Indexing unchanged images again."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.alternation import alternate
from benchmarks.images import Workspace
from benchmarks.processes import lookalike
from benchmarks.report import Line, Target

_IMAGES = 1000
_SECONDS = 0.5


def run(workspace: Workspace) -> Iterator[Line]:
    """The difference between a thousand images and one, which excludes the start of the process."""
    originals = workspace.small(64)
    many, one = workspace.copies("thousand", originals, _IMAGES), workspace.copies("one", originals, 1)
    measures = [lookalike("index", str(folder)) for folder in (many, one)]  # the first round creates the galleries
    second, start = alternate(*measures, rounds=5 if workspace.quick else 11)
    work = second.wall - start.wall
    what = f"second index of {_IMAGES:,} unchanged images"
    against = f"limit {_SECONDS} s; start {start.wall:.2f} s excluded"
    yield Line(what, f"{work:.3f} s", against, work / _SECONDS, Target(1, most=True))
