"""What decoding JPEGs at a fraction of their size does to embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.photographs import Place
from benchmarks.report import Line, Target
from lookalike.encoders.encoder import load_encoder
from lookalike.images.decode import open_picture
from lookalike.search.similarity import cosines

_COSINE = 0.9995


def run(place: Place) -> Iterator[Line]:
    """The least cosine between the embeddings of the fast path and of full decoding."""
    encoder = load_encoder()
    paths = place.mosaics(16 if place.quick else 48)
    fast = encoder.embed(paths)
    full = encoder.embed(open_picture(path).pixels for path in paths)
    least = min(float(cosines(a, b[np.newaxis])[0]) for a, b in zip(fast, full, strict=True))
    what = f"draft decoding of {len(paths)} mosaics of 12 megapixels"
    yield Line(what, f"{least:.6f}", "full decode; least cosine", least, Target(_COSINE))
