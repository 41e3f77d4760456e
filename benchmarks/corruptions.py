"""The time of each corruption on an image of the size used in experiments: shorter side 512."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from PIL import Image

from benchmarks.alternation import Measure, alternate, measure
from benchmarks.images import Workspace
from benchmarks.report import Alternatives, Line, Target
from lookalike.evaluation.corruptions import CORRUPTIONS, Context, Corruption
from lookalike.images.decode import open_image

_SIZE = (683, 512)
_LIMIT_SECONDS = 0.06


def run(workspace: Workspace) -> Iterator[Line | Alternatives]:
    """The slowest and the median corruption compared with a limit, and a table of all."""
    first, second = (open_image(path).pixels.resize(_SIZE, Image.Resampling.BICUBIC) for path in workspace.small(2))
    names = list(CORRUPTIONS)
    # Each at its highest severity, which is the slowest if severity makes a difference.
    timings = alternate(
        *(_measure(CORRUPTIONS[name], first, second) for name in names), rounds=3 if workspace.quick else 9
    )
    seconds = {name: timing.cpu for name, timing in zip(names, timings, strict=True)}
    slowest = max(names, key=seconds.__getitem__)
    what = f"slowest corruption of {_SIZE[1]} x {_SIZE[0]} pixels: {slowest}"
    limit, share = f"limit {_LIMIT_SECONDS * 1e3:.0f} ms", seconds[slowest] / _LIMIT_SECONDS
    yield Line(what, f"{seconds[slowest] * 1e3:.1f} ms", limit, share, Target(1, most=True))
    yield Line(
        "the median corruption",
        f"{median(seconds.values()) * 1e3:.1f} ms",
        limit,
        median(seconds.values()) / _LIMIT_SECONDS,
    )
    ordered = sorted(names, key=seconds.__getitem__, reverse=True)
    rows = [(name, CORRUPTIONS[name].family, f"{seconds[name] * 1e3:.1f}") for name in ordered]
    yield Alternatives("CPU time of each corruption at its highest severity", ("name", "family", "ms"), rows)


def _measure(corruption: Corruption, image: Image.Image, donor: Image.Image) -> Measure:
    severity, context = corruption.severities[-1], Context(donor=donor)
    return measure(lambda: corruption.apply(image, severity, corruption.generator("one", seed=0), context))
