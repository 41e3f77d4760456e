"""The interface of runtimes."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Precision


class Runtime(Protocol):
    """A loaded network. It is thread-safe; calls run one after another."""

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision) -> Self:
        """Load ``source``; raises :class:`~lookalike.errors.EncoderError` if ``precision`` is unsupported."""
        ...

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Compute the features, float32 (n, d), of a batch.

        ``batch`` contains pixels, uint8 (n, S, S, 3), or token ids, int64 (n, tokens).
        """
        ...
