"""The effect of decoding JPEGs at a fraction of their size on embeddings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.images import Workspace
from benchmarks.report import Line, Target
from lookalike.encoders.encoder import load_encoder
from lookalike.images.decode import open_image
from lookalike.search.similarity import cosines

_COSINE = 0.9995


def run(workspace: Workspace) -> Iterator[Line]:
    """The lowest cosine between embeddings after draft decoding and after full decoding."""
    encoder = load_encoder()
    paths = workspace.mosaics(16 if workspace.quick else 48)
    fast = encoder.embed(paths)
    full = encoder.embed(open_image(path).pixels for path in paths)
    lowest = min(float(cosines(a, b[np.newaxis])[0]) for a, b in zip(fast, full, strict=True))
    what = f"draft decoding of {len(paths)} mosaics of 12 megapixels"
    yield Line(what, f"{lowest:.6f}", "full decode; lowest cosine", lowest, Target(_COSINE))
