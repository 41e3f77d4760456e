"""Constants of the program that were chosen by measuring: how the alternatives to each do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest.mock import patch

import numpy as np

from benchmarks.alternation import in_turns, measure
from benchmarks.indexing import embedding
from benchmarks.photographs import Place
from benchmarks.report import Alternatives
from lookalike import embedding as embedding_module
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.images.decode import open_picture
from lookalike.search.similarity import cosines

_BATCHES = (1, 2, 4, 8, 16, 32)
_DECODERS = (1, 2, 3, 4)
_MARGINS = (1.0, 1.5, 2.0, 4.0)


def run(place: Place) -> Iterator[Alternatives]:
    """A table for each choice."""
    encoder = load_encoder()
    yield _batch_sizes(encoder, place)
    yield _decoders(encoder, place)
    yield _draft_margins(encoder, place)


def _batch_sizes(encoder: Encoder, place: Place) -> Alternatives:
    pixels = [encoder.prepare(open_picture(path)) for path in place.small(64)]

    def encode(batch: int) -> None:
        with _set(encoder, "batch", batch):
            encoder.embed_prepared(pixels)

    spent = in_turns(*(measure(lambda n=n: encode(n)) for n in _BATCHES), rounds=3 if place.quick else 9)
    rows = [
        (str(n), f"{s.wall / len(pixels) * 1e3:.1f}", f"{s.cpu / len(pixels) * 1e3:.1f}")
        for n, s in zip(_BATCHES, spent, strict=True)
    ]
    return Alternatives("Pictures encoded together", ("batch", "ms/picture", "processor ms/picture"), rows)


def _decoders(encoder: Encoder, place: Place) -> Alternatives:
    rounds, count = (2, 24) if place.quick else (5, 48)
    folders = [
        place.copies("decoders-small", place.small(64), 4 * count),
        place.copies("decoders-large", place.mosaics(16), count),
    ]

    def embed(threads: int, at: int) -> None:
        with _set(embedding_module, "_DECODERS", threads):
            embedding(encoder, folders[at])()

    small, large = (
        in_turns(*(measure(lambda n=n, at=at: embed(n, at)) for n in _DECODERS), rounds=rounds) for at in range(2)
    )
    rows = [
        (str(n), f"{4 * count / s.wall:.1f}", f"{count / m.wall:.1f}")
        for n, s, m in zip(_DECODERS, small, large, strict=True)
    ]
    return Alternatives("Threads that decode", ("threads", "small JPEGs/s", "12 MP mosaics/s"), rows)


def _draft_margins(encoder: Encoder, place: Place) -> Alternatives:
    paths = place.mosaics(8 if place.quick else 24)
    side = encoder.spec.preprocessing.resize
    full = [encoder.prepare(open_picture(path)) for path in paths]
    truth = encoder.embed_prepared(full)

    def prepared(margin: float) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        return [encoder.prepare(open_picture(path, least_side=round(side * margin))) for path in paths]

    spent = in_turns(*(measure(lambda m=m: prepared(m)) for m in _MARGINS), rounds=3)
    rows = []
    for margin, seconds in zip(_MARGINS, spent, strict=True):
        fast = prepared(margin)
        levels = max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(fast, full, strict=True))
        vectors = encoder.embed_prepared(fast)
        least = min(float(cosines(a, b[np.newaxis])[0]) for a, b in zip(vectors, truth, strict=True))
        rows.append((f"{margin:g}", f"{seconds.cpu / len(paths) * 1e3:.1f}", str(levels), f"{least:.6f}"))
    headings = ("margin", "processor ms/mosaic", "largest difference, levels", "least cosine")
    return Alternatives("Shorter side decoded, in multiples of the resized one", headings, rows)


def _set(module: object, name: str, value: object) -> AbstractContextManager[object]:
    return patch.object(module, name, value)
