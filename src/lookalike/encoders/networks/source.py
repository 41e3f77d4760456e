"""What a runtime runs: how to make a graph, and what tells it from every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.weights.tensors import WeightsFile


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """What to run: how to make the graph, and what tells it from every other.

    ``build`` reads the weights file and returns the graph that refers to it; it is called only where no compiled copy
    is at hand. ``graph_version`` is raised whenever ``build`` changes; ``settings`` is whatever else the graph depends
    on (which tower, preprocessing, activation), in any words that differ where they do.
    """

    name: str
    weights_sha256: str
    graph_version: int
    build: Callable[[], tuple[onnx.ModelProto, WeightsFile]]
    settings: str = ""
