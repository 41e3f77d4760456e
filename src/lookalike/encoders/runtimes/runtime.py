"""What every runtime is: a network made ready to run."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Precision


class Runtime(Protocol):
    """A network made ready to run. May be called from any thread; calls take turns."""

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision) -> Self:
        """Make ``source`` ready; raises :class:`~lookalike.errors.EncoderError` where it can't be in ``precision``."""
        ...

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """One output row for each row of ``batch``: features float32 (n, d) out.

        ``batch`` holds pixels, uint8 (n, S, S, 3), or the ids of a text's tokens, int64 (n, tokens).
        """
        ...
