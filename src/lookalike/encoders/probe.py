"""Fixed images whose embeddings show whether two runtimes or devices compute the same."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from importlib.metadata import version
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes.runtime import Backend
from lookalike.encoders.spec import EncoderSpec
from lookalike.encoders.weights.cache import cache_folder, write_to_cache

_COUNT: Final = 16
_SIZES: Final = ((320, 240), (240, 320), (288, 288), (400, 250))


def probe_images() -> list[NDArray[np.uint8]]:
    """16 images, each uint8 (height, width, 3): gradients, stripes, checks and discs, with noise.

    They are computed with integers only, so that they are the same on every machine.
    """
    return [_image(number, *_SIZES[number % len(_SIZES)]) for number in range(_COUNT)]


def _image(number: int, width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width].astype(np.int64)
    period = 12 + 7 * number
    distance = (x - width // 2) ** 2 + (y - height // 2) ** 2
    shapes = (
        (x + 2 * y) // 3,
        (x * (number + 1) // period % 2) * 200,
        ((x // period + y // period) % 2) * 180 + x // 8,
        np.where(distance < (20 + 5 * number) ** 2, 220, y // 2),
    )
    shape = shapes[number // len(_SIZES)]
    noise = ((x * 73_856_093) ^ (y * 19_349_663) ^ (number * 83_492_791)) >> 5 & 31
    channels = [(shape * (3 + (number + channel) % 5) // 5 + noise + 37 * channel) % 256 for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def cached_probe(
    spec: EncoderSpec, backend: Backend, compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The result of ``compute``, float32 (16, dimension), cached for this encoder, backend and runtime version."""
    key = f"{spec.to_json()} {backend} {version(backend.runtime)}"
    file = cache_folder() / "probes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    try:
        with np.load(file, allow_pickle=False) as archive:  # an archive has checksums
            cached = archive["vectors"]
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        cached = None
    if cached is not None and cached.shape == (_COUNT, spec.dimension) and cached.dtype == np.float32:
        return np.asarray(cached)
    vectors = compute()
    buffer = io.BytesIO()
    np.savez(buffer, vectors=vectors)
    write_to_cache(file, lambda opened: opened.write(buffer.getvalue()))
    return vectors
