"""The input of a runtime: how to build a graph, and what identifies it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.weights.tensors import WeightsFile


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """How to build a graph, and what identifies it.

    ``build`` reads the weights file and returns the graph with the weights it refers to; it is called only if there is
    no compiled copy. ``graph_version`` is increased whenever ``build`` changes. ``settings`` is a string of everything
    else that the graph depends on (tower, preprocessing, activation).
    """

    name: str
    weights_sha256: str
    graph_version: int
    build: Callable[[], tuple[onnx.ModelProto, WeightsFile]]
    settings: str = ""
