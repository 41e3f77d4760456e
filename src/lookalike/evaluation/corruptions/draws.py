"""Where the random numbers come from: every picture and corruption has its own."""

from __future__ import annotations

import hashlib

import numpy as np


def generator_for(identity: bytes | str, corruption: str, *, seed: int) -> np.random.Generator:
    """The generator of one picture's draws for one corruption.

    ``identity`` is what the picture is known by in the experiment (its content's hash, or its row). The severity has no
    part in it: all severities of a picture share their draws (common random numbers), so that the damage alone rises
    and not also the luck. The generator is seeded by SHA-256 of the seed, the corruption's name and the identity, and
    is therefore the same in every process and on every machine.
    """
    known = identity.encode("utf-8", "surrogateescape") if isinstance(identity, str) else identity
    digest = hashlib.sha256(f"{seed}\0{corruption}\0".encode() + known).digest()
    # PCG64 by name: what default_rng makes may change with numpy's versions.
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
