"""Random numbers: a generator of its own for every image and corruption."""

from __future__ import annotations

import hashlib

import numpy as np


def generator_for(image_key: bytes | str, corruption: str, *, seed: int) -> np.random.Generator:
    """The generator of one image's random numbers for one corruption.

    ``image_key`` identifies the image in the experiment (the hash of its content, or its row). The severity is not part
    of the seed: all severities of an image share their draws (common random numbers), so only the damage changes from
    one severity to the next. The seed is the SHA-256 of ``seed``, the corruption's name and ``image_key``, so the
    numbers are the same in every process and on every machine.
    """
    key = image_key.encode("utf-8", "surrogateescape") if isinstance(image_key, str) else image_key
    digest = hashlib.sha256(f"{seed}\0{corruption}\0".encode() + key).digest()
    # PCG64 explicitly, because the algorithm behind default_rng may change between versions of numpy.
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
