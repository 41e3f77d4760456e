"""Indexing again what hasn't changed."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.alternation import in_turns
from benchmarks.photographs import Place
from benchmarks.processes import lookalike
from benchmarks.report import Line, Target

_PICTURES = 1000
_SECONDS = 0.5


def run(place: Place) -> Iterator[Line]:
    """A thousand pictures beside one: what is left is the work, without the start of the process."""
    originals = place.small(64)
    many, one = place.copies("thousand", originals, _PICTURES), place.copies("one", originals, 1)
    measures = [lookalike("index", str(folder)) for folder in (many, one)]  # the first round makes the galleries
    second, start = in_turns(*measures, rounds=5 if place.quick else 11)
    work = second.wall - start.wall
    what = f"second index of {_PICTURES:,} unchanged pictures"
    against = f"limit {_SECONDS} s beyond the start of {start.wall:.2f} s"
    yield Line(what, f"{work:.3f} s", against, work / _SECONDS, Target(1, most=True))
