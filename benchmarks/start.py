"""The start of the program, and the time to the first query vector of CLIP ViT-B/32 (its compiled copy is cached)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

from benchmarks.alternation import alternate, measure
from benchmarks.images import Workspace
from benchmarks.processes import lookalike
from benchmarks.report import Line, Target, skipped
from benchmarks.torch_process import NO_TORCH, start_torch, torch_python

_SECONDS = 1.0
_FIRST_VECTOR = "import sys, lookalike; lookalike.load_encoder(sys.argv[1]).embed([sys.argv[2]])"


def run(workspace: Workspace) -> Iterator[Line]:
    """The program without any work, and with a single image to encode."""
    yield _program(workspace)
    yield from _first_vector(workspace)


def _program(workspace: Workspace) -> Line:
    """The CPU time of ``lookalike --version``, compared with a Python that does nothing."""
    bare = measure(partial(subprocess.run, [sys.executable, "-c", "pass"], check=True))
    rounds = 7 if workspace.quick else 31
    version, nothing = alternate(lookalike("--version"), bare, rounds=rounds)
    against = f"Python alone: {nothing.cpu * 1e3:.0f} ms"
    ratio = version.cpu / nothing.cpu
    return Line("CPU time of lookalike --version", f"{version.cpu * 1e3:.0f} ms", against, ratio, Target(9, most=True))


def _first_vector(workspace: Workspace) -> Iterator[Line]:
    """A process that only encodes one image, compared with one that only imports numpy."""
    python = torch_python()
    what = "start to first vector, ViT-B/32"
    if python is None:
        yield skipped(what, NO_TORCH)
        return
    folder = workspace.folder / "start"
    folder.mkdir()
    with start_torch(python, "ViT-B/32", folder):
        pass
    ours = [sys.executable, "-c", _FIRST_VECTOR, str(folder), str(workspace.small(1)[0])]
    bare = [sys.executable, "-c", "import numpy"]
    with patch.dict(os.environ, LOOKALIKE_CACHE=str(workspace.folder / "start-compiled")):
        whole, numpy = alternate(
            *(measure(partial(subprocess.run, command, check=True)) for command in (ours, bare)),
            rounds=5 if workspace.quick else 11,
        )
    against = f"limit {_SECONDS} s (Python with numpy: {numpy.wall:.2f} s)"
    yield Line(what, f"{whole.wall:.2f} s", against, whole.wall / _SECONDS, Target(1, most=True))
