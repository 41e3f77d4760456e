"""The peak memory of indexing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks.images import Workspace
from benchmarks.processes import peak_memory
from benchmarks.report import Line, Target, skipped

_MEGABYTES = 900
_DIFFERENT = 24


def run(workspace: Workspace) -> Iterator[Line]:
    """The peak of ``lookalike index`` on 1,000 images of 12 megapixels, or 100 if ``quick``."""
    count = 100 if workspace.quick else 1000
    what = f"peak memory of indexing {count:,} mosaics of 12 MP"
    folder = workspace.copies("many-large", workspace.mosaics(_DIFFERENT), count)
    peak = peak_memory("index", str(folder))
    shutil.rmtree(folder)
    if peak is None:
        yield skipped(what, "needs Linux")
    else:
        yield Line(what, f"{peak:.0f} MB", f"limit {_MEGABYTES} MB", peak / _MEGABYTES, Target(1, most=True))
