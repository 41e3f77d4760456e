"""How much memory indexing takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks.photographs import Place
from benchmarks.processes import peak_memory
from benchmarks.report import Line, Target, skipped

_MEGABYTES = 900
_DIFFERENT = 24


def run(place: Place) -> Iterator[Line]:
    """The peak of ``lookalike index`` on 12-megapixel pictures, 1,000 of them unless in a hurry."""
    count = 100 if place.quick else 1000
    what = f"peak memory of indexing {count:,} mosaics of 12 MP"
    folder = place.copies("many-large", place.mosaics(_DIFFERENT), count)
    peak = peak_memory("index", str(folder))
    shutil.rmtree(folder)
    if peak is None:
        yield skipped(what, "only Linux tells")
    else:
        yield Line(what, f"{peak:.0f} MB", f"limit {_MEGABYTES} MB", peak / _MEGABYTES, Target(1, most=True))
