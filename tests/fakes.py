"""Fast fakes for tests that don't need a real network."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.encoder_source import EncoderSource
from lookalike.encoders.catalog import CatalogRow
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.probe import probe_images
from lookalike.encoders.runtimes.runtime import Backend, Device
from lookalike.encoders.spec import EncoderSpec, Precision, Preprocessing

_SIDE = 32
_CELLS = 4

SPEC = EncoderSpec(
    name="colours",
    dimension=3 * _CELLS * _CELLS + 1,
    preprocessing=Preprocessing(_SIDE, _SIDE, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    weights_sha256="0" * 64,
    precision="fp32",
)


@cache
def _probe(spec: EncoderSpec) -> NDArray[np.float32]:
    return Encoder(spec, ColourRuntime()).embed(probe_images())


class ColourRuntime:
    """Centred mean colours of a 4 x 4 grid, and a constant that prevents zero vectors."""

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        self.batches: list[int] = []
        self._before = before
        self._lock = threading.Lock()

    backend = Backend("numpy", "cpu")

    @classmethod
    def load(cls, source: NetworkSource, precision: Precision, device: Device = "cpu") -> Self:
        """Return a new fake; there is nothing to load."""
        return cls()

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Features float32 (n, 49) of pixels uint8 (n, 32, 32, 3)."""
        with self._lock:
            self._before(len(batch))
            self.batches.append(len(batch))
        step = _SIDE // _CELLS
        cells = batch.reshape(len(batch), _CELLS, step, _CELLS, step, 3).astype(np.float64).mean(axis=(2, 4))
        features = cells.reshape(len(batch), -1) / 127.5 - 1
        return np.concatenate([features, np.full((len(batch), 1), 0.25)], axis=1).astype(np.float32)


class FakeEncoder(Encoder):
    """An encoder of mean colours that counts the images it encodes."""

    def __init__(self, name: str = SPEC.name, before: Callable[[int], None] = lambda _: None) -> None:
        self.runtime = ColourRuntime(before)
        super().__init__(replace(SPEC, name=name), self.runtime)

    def probe(self) -> NDArray[np.float32]:
        """The embeddings of the probe images, which are neither cached nor counted."""
        return _probe(self.spec)

    @property
    def encoded(self) -> int:
        """The number of images encoded so far."""
        return sum(self.runtime.batches)


class FakeSource(EncoderSource):
    """Gives commands one encoder, whatever its name, or what ``load`` returns for a name."""

    def __init__(self, encoder: Encoder | None = None, load: Callable[[str], Encoder] | None = None) -> None:
        self._encoder = encoder or FakeEncoder()
        self._load = load
        self.pulled: list[str] = []

    def load(self, name: str | os.PathLike[str] = "auto", **_: Any) -> Encoder:
        """The encoder."""
        return self._encoder if self._load is None else self._load(os.fspath(name))

    def automatic(self, *, yes: bool) -> str:
        """The name of the encoder."""
        return self._encoder.spec.name

    def pull(self, row: CatalogRow) -> Path:
        """Only record the name."""
        self.pulled.append(row.name)
        return Path(row.name)
