"""How fast an encoder is on this machine, by runtime, device, precision and batch size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.probe import probe_images
from lookalike.encoders.runtimes.choice import available
from lookalike.encoders.runtimes.runtime import Device
from lookalike.encoders.spec import Precision
from lookalike.errors import EncoderError
from lookalike.images.decode import from_pillow
from lookalike.progress import Progress

BATCHES: Final = (1, 8, 16, 32)
_MOST_ROUNDS: Final = 5
_ROUND_SECONDS: Final = 0.4
"""A shorter round would be spent on its first batch, which is not counted."""


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of one combination.

    ``images_per_second`` is the median of up to five rounds in which all combinations take turns; images are
    decoded and resized beforehand. ``lowest_cosine`` and ``mean_cosine`` compare the embeddings of the 16 probe
    images with those of the first combination: fp32 on the CPU.
    """

    runtime: str
    device: Device
    precision: Precision
    batch: int
    images_per_second: float
    lowest_cosine: float
    mean_cosine: float


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A combination that can't be run, and why."""

    runtime: str
    device: Device
    precision: Precision
    reason: str


def measure_speeds(
    name: str,
    *,
    batches: Sequence[int] = BATCHES,
    seconds: float = 2.0,
    progress: Progress | None = None,
    load: Callable[..., Encoder] = load_encoder,
    backends: Iterable[tuple[str, Device]] | None = None,
) -> tuple[list[Speed], list[Unsupported]]:
    """Measure the encoder ``name`` in every combination that this machine supports, for ``seconds`` each.

    ``load`` loads the encoder, with the arguments of :func:`~lookalike.load_encoder`; all variants are in memory at
    once. ``backends`` are the runtimes and devices to measure, by default those on this machine. ``progress`` is called
    with the number of measurements done and in total. Raises the errors of :func:`~lookalike.load_encoder` if there is
    nothing to measure.
    """
    variants, unsupported = _load_variants(name, load, available() if backends is None else backends)
    images = [variants[0][1].prepare(from_pillow(Image.fromarray(image))) for image in probe_images()]
    contestants = [(variant, encoder, batch) for variant, encoder in variants for batch in batches]
    rounds: list[list[float]] = []
    total = min(_MOST_ROUNDS, max(1, int(seconds / _ROUND_SECONDS)))
    for number in range(total):
        rounds.append([])
        for _, encoder, batch in contestants:
            rounds[-1].append(_images_per_second(encoder, images, batch, seconds / total))
            if progress is not None:
                progress(number * len(contestants) + len(rounds[-1]), total * len(contestants))
    reference = variants[0][1].embed_prepared(images)
    cosines = {variant: (reference * encoder.embed_prepared(images)).sum(axis=1) for variant, encoder in variants}
    return [
        Speed(*variant, batch, median(rates), float(cosines[variant].min()), float(cosines[variant].mean()))
        for (variant, _, batch), rates in zip(contestants, zip(*rounds, strict=True), strict=True)
    ], unsupported


_Variant = tuple[str, Device, Precision]


def _load_variants(
    name: str, load: Callable[..., Encoder], backends: Iterable[tuple[str, Device]]
) -> tuple[list[tuple[_Variant, Encoder]], list[Unsupported]]:
    """The encoder in every supported combination, and those that are not; raises the last error if none is."""
    loaded, unsupported = [], []
    last: EncoderError | None = None
    for runtime, device in backends:
        for precision in get_args(Precision):
            try:
                encoder = load(name, runtime=runtime, device=device, precision=precision)
            except EncoderError as error:
                last = error
                unsupported.append(Unsupported(runtime, device, precision, str(error)))
            else:
                loaded.append(((runtime, device, precision), encoder))
    if not loaded:
        raise last or EncoderError("no runtime is installed. To install one: pip install openvino")
    return loaded, unsupported


def _images_per_second(encoder: Encoder, images: Sequence[NDArray[np.uint8]], batch: int, seconds: float) -> float:
    """Encode batches for ``seconds``, after one that is not counted."""
    encoder.batch = batch
    inputs = [images[number % len(images)] for number in range(batch)]
    encoder.embed_prepared(inputs)
    started, elapsed, count = time.perf_counter(), 0.0, 0
    while elapsed < seconds or not count:
        encoder.embed_prepared(inputs)
        count += batch
        elapsed = time.perf_counter() - started
    return count / elapsed
