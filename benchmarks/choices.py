"""Constants that were chosen by measuring, compared with their alternatives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np

from benchmarks.alternation import Measure, Timing, alternate, measure
from benchmarks.images import Workspace
from benchmarks.indexing import embed_action
from benchmarks.machine import cores
from benchmarks.processes import lookalike
from benchmarks.report import Alternatives
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.images.decode import open_image
from lookalike.search.similarity import cosines

_BATCHES = (1, 2, 4, 8, 16, 32)
_DECODERS = (1, 2, 3, 4)
_LIMITS = (1, 2, 4)
_MARGINS = (1.0, 1.5, 2.0, 4.0)


def run(workspace: Workspace) -> Iterator[Alternatives]:
    """One table per constant."""
    encoder = load_encoder()
    yield _batch_sizes(encoder, workspace)
    yield _decoders(encoder, workspace)
    yield _thread_limits(workspace)
    yield _draft_margins(encoder, workspace)


def _batch_sizes(encoder: Encoder, workspace: Workspace) -> Alternatives:
    pixels = [encoder.prepare(open_image(path)) for path in workspace.small(64)]

    def encode(batch: int) -> None:
        with _patched(encoder, "batch", batch):
            encoder.embed_prepared(pixels)

    timings = alternate(*(measure(lambda n=n: encode(n)) for n in _BATCHES), rounds=3 if workspace.quick else 9)
    rows = [
        (str(n), f"{s.wall / len(pixels) * 1e3:.1f}", f"{s.cpu / len(pixels) * 1e3:.1f}")
        for n, s in zip(_BATCHES, timings, strict=True)
    ]
    return Alternatives("Batch size of the encoder", ("batch", "ms/image", "CPU ms/image"), rows)


def _decoders(encoder: Encoder, workspace: Workspace) -> Alternatives:
    rounds, count = (2, 24) if workspace.quick else (5, 48)
    folders = [
        workspace.copies("decoders-small", workspace.small(64), 4 * count),
        workspace.copies("decoders-large", workspace.mosaics(16), count),
    ]

    def embed(threads: int, at: int) -> None:
        embed_action(encoder, folders[at], threads=threads)()

    small, large = (
        alternate(*(measure(lambda n=n, at=at: embed(n, at)) for n in _DECODERS), rounds=rounds) for at in range(2)
    )
    rows = [
        (str(n), f"{4 * count / s.wall:.1f}", f"{count / m.wall:.1f}")
        for n, s, m in zip(_DECODERS, small, large, strict=True)
    ]
    return Alternatives("Decoding threads", ("threads", "small JPEGs/s", "12 MP mosaics/s"), rows)


def _thread_limits(workspace: Workspace) -> Alternatives:
    """The whole command with different limits on its threads, also above the number of processors."""
    count = 64 if workspace.quick else 256
    folder = workspace.copies("threads", workspace.small(64), count)
    gallery = str(workspace.folder / "threads-gallery")

    def index(threads: int) -> Measure:
        command = lookalike("index", str(folder), "--gallery", gallery, "--threads", str(threads))

        def run() -> Timing:
            shutil.rmtree(gallery, ignore_errors=True)
            return command()

        return run

    timings = alternate(*(index(threads) for threads in _LIMITS), rounds=2 if workspace.quick else 5)
    rows = [
        (
            str(n),
            f"{count / t.wall:.1f}",
            f"{t.cpu / count * 1e3:.1f}",
            f"{t.cpu / t.wall:.2f}",
        )
        for n, t in zip(_LIMITS, timings, strict=True)
    ]
    title = f"lookalike index --threads N on {cores()} processors"
    return Alternatives(title, ("N", "small JPEGs/s", "CPU ms/image", "processors busy"), rows)


def _draft_margins(encoder: Encoder, workspace: Workspace) -> Alternatives:
    paths = workspace.mosaics(8 if workspace.quick else 24)
    side = encoder.spec.preprocessing.resize
    full = [encoder.prepare(open_image(path)) for path in paths]
    reference = encoder.embed_prepared(full)

    def prepare(margin: float) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        return [encoder.prepare(open_image(path, min_side=round(side * margin))) for path in paths]

    timings = alternate(*(measure(lambda m=m: prepare(m)) for m in _MARGINS), rounds=3)
    rows = []
    for margin, seconds in zip(_MARGINS, timings, strict=True):
        fast = prepare(margin)
        levels = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(fast, full, strict=True))
        vectors = encoder.embed_prepared(fast)
        lowest = min(float(cosines(a, b[np.newaxis])[0]) for a, b in zip(vectors, reference, strict=True))
        rows.append((f"{margin:g}", f"{seconds.cpu / len(paths) * 1e3:.1f}", str(levels), f"{lowest:.6f}"))
    headings = ("factor", "CPU ms/mosaic", "largest difference, levels", "lowest cosine")
    return Alternatives("Shorter side of the decoded image, as a multiple of the resized one", headings, rows)


def _patched(module: object, name: str, value: object) -> AbstractContextManager[object]:
    return patch.object(module, name, value)
