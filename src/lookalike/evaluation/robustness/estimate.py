"""How long the work of a grid will take, from a sample of it, and how much disk space its vectors need."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Final

import numpy as np

from lookalike.encoders.encoder import Encoder
from lookalike.evaluation.robustness.jobs import Plan, Prepared
from lookalike.images.files import Skipped
from lookalike.machine import processors

_SAMPLE: Final = 12
"""The number of versions of one image that are made and encoded to measure the speed."""

_TRIES: Final = 20
"""The number of images that are tried until one is usable."""

_ENOUGH_VECTORS: Final = 500
"""Fewer vectors are computed without an estimate, which would take about as long as they do."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is still to be done: ``vectors`` to compute in about ``seconds``, which take ``bytes`` on disk."""

    vectors: int
    seconds: float
    bytes: int


Announce = Callable[[Estimate], object]
"""Is told the estimate before long work begins."""


def estimate(plan: Plan, encoders: Sequence[Encoder], seed: int) -> Estimate | None:
    """The estimate for ``plan``, from a sample of one usable image; None for little work, and if none is usable."""
    counts = np.count_nonzero(plan.missing, axis=(1, 2)).tolist()
    total = sum(counts)
    if total < _ENOUGH_VECTORS:
        return None
    started = time.monotonic()
    prepared, images = _prepare_sample(plan, encoders, seed)
    if not prepared:
        return None
    per_image = (time.monotonic() - started) / images / processors()
    seconds = per_image * float(np.count_nonzero(plan.missing.any(axis=0)))
    for number, encoder in enumerate(encoders):
        pixels = [one.pixels for one in prepared if one.encoder == number][: encoder.batch]
        if pixels:
            encoder.embed_prepared(pixels)  # the first call is slower
            started = time.monotonic()
            encoder.embed_prepared(pixels)
            seconds += counts[number] * (time.monotonic() - started) / len(pixels)
    size = sum(4 * count * encoder.spec.dimension for count, encoder in zip(counts, encoders, strict=True))
    return Estimate(total, seconds, size)


def _prepare_sample(plan: Plan, encoders: Sequence[Encoder], seed: int) -> tuple[list[Prepared], int]:
    """Some versions of a usable image, spread over all corruptions, for each encoder; and how many they are."""
    by_image = (list(jobs) for _, jobs in groupby(plan.jobs(), key=lambda job: job.row))
    usable = (jobs for jobs in islice(by_image, _TRIES) if not isinstance(jobs[0].image.load(), Skipped))
    jobs = next(usable, [])
    chosen = jobs[:: max(1, len(jobs) // _SAMPLE)][:_SAMPLE]
    prepared: list[Prepared] = []
    for job in chosen:
        number = next(iter(job.versions))
        sample = replace(job, versions={number: job.versions[number]}, wanted={number: range(len(encoders))})
        made = sample.run(encoders, seed)
        prepared += [] if isinstance(made, Skipped) else made
    return prepared, len(chosen)
