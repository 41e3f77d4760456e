"""From the start of a process to the first query vector of CLIP ViT-B/32, its compiled copy at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

from benchmarks.alternation import in_turns, measure
from benchmarks.photographs import Place
from benchmarks.report import Line, Target, skipped
from benchmarks.torch_process import WHERE_FROM, started, torch_python

_SECONDS = 1.0
_FIRST_VECTOR = "import sys, lookalike; lookalike.load_encoder(sys.argv[1]).embed([sys.argv[2]])"


def run(place: Place) -> Iterator[Line]:
    """A process that does nothing else, its end included, beside one that imports numpy alone."""
    python = torch_python()
    what = "start to first vector, ViT-B/32"
    if python is None:
        yield skipped(what, WHERE_FROM)
        return
    folder = place.folder / "start"
    folder.mkdir()
    with started(python, "ViT-B/32", folder):
        pass
    ours = [sys.executable, "-c", _FIRST_VECTOR, str(folder), str(place.small(1)[0])]
    bare = [sys.executable, "-c", "import numpy"]
    with patch.dict(os.environ, LOOKALIKE_CACHE=str(place.folder / "start-compiled")):
        whole, numpy = in_turns(
            *(measure(partial(subprocess.run, command, check=True)) for command in (ours, bare)),
            rounds=5 if place.quick else 11,
        )
    against = f"limit {_SECONDS} s (Python with numpy: {numpy.wall:.2f} s)"
    yield Line(what, f"{whole.wall:.2f} s", against, whole.wall / _SECONDS, Target(1, most=True))
