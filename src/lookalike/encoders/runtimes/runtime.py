"""The interface of runtimes, and what they run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Precision

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Backend:
    """What computes embeddings: a ``runtime`` (its name) on a ``device``: ``"cpu"``, or ``"gpu"`` with its provider."""

    runtime: str
    device: str

    def __str__(self) -> str:
        """For people: "openvino on cpu"."""
        return f"{self.runtime} on {self.device}"


class Network(Protocol):
    """A loaded network. It is thread-safe; calls run one after another."""

    @property
    def backend(self) -> Backend:
        """What this network runs on."""
        ...

    def run(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Compute the features, float32 (n, d), of a batch.

        ``batch`` contains pixels, uint8 (n, S, S, 3), or token ids, int64 (n, tokens).
        """
        ...


class Runtime(Network, Protocol):
    """A network that can be loaded from its source."""

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision, device: Device = "cpu") -> Self:
        """Load ``source``.

        Raises :class:`~lookalike.errors.EncoderError` if ``precision`` is unsupported, the runtime isn't installed, or
        it has no such ``device``.
        """
        ...
