"""Every corruption on one picture as experiments use it: shorter side 512."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from PIL import Image

from benchmarks.alternation import Measure, in_turns, measure
from benchmarks.photographs import Place
from benchmarks.report import Alternatives, Line, Target
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption
from lookalike.images.decode import open_picture

_SIZE = (683, 512)
_SLOWEST = 0.06


def run(place: Place) -> Iterator[Line | Alternatives]:
    """The slowest against its limit, all together per picture, and a table of each."""
    first, second = (open_picture(path).pixels.resize(_SIZE, Image.Resampling.BICUBIC) for path in place.small(2))
    names = list(CORRUPTIONS)
    # Each at its last severity, which is the slowest where that makes a difference.
    spent = in_turns(*(_one(CORRUPTIONS[name], first, second) for name in names), rounds=3 if place.quick else 9)
    took = {name: one.cpu for name, one in zip(names, spent, strict=True)}
    slowest = max(names, key=took.__getitem__)
    what = f"slowest corruption of {_SIZE[1]} x {_SIZE[0]} pixels: {slowest}"
    limit, share = f"limit {_SLOWEST * 1e3:.0f} ms", took[slowest] / _SLOWEST
    yield Line(what, f"{took[slowest] * 1e3:.1f} ms", limit, share, Target(1, most=True))
    yield Line(
        "the median corruption", f"{median(took.values()) * 1e3:.1f} ms", limit, median(took.values()) / _SLOWEST
    )
    ordered = sorted(names, key=took.__getitem__, reverse=True)
    rows = [(name, CORRUPTIONS[name].family, f"{took[name] * 1e3:.1f}") for name in ordered]
    yield Alternatives("Processor time of every corruption at its greatest severity", ("name", "family", "ms"), rows)


def _one(corruption: Corruption, image: Image.Image, donor: Image.Image) -> Measure:
    severity, context = corruption.severities[-1], Context(donor=donor)
    return measure(lambda: corruption.apply(image, severity, corruption.generator("one", seed=0), context))
