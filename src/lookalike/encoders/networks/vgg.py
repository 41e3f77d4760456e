"""VGG (16, 19) as an ONNX graph.

Source of the layout: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2014); names as in timm, whose dense layers are stored as convolutions. Depth is read from the tensors' names. The
feature is the second dense layer after its ReLU, 4096-d.
"""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Final

import onnx

from lookalike.encoders.networks.graph import GraphBuilder
from lookalike.encoders.spec import Preprocessing
from lookalike.encoders.weights.safetensors import read_safetensors
from lookalike.encoders.weights.tensors import WeightsFile
from lookalike.errors import WeightsError

_DENSE: Final = ("pre_logits.fc1", "pre_logits.fc2")
_GROUPS: Final = 5
_CLASSIFIER: Final = ("head.fc.weight", "head.fc.bias")


def read_vgg(path: Path) -> WeightsFile:
    """Read the VGG in the safetensors file ``path``; its dense layers, stored as convolutions, become matrices."""
    weights = read_safetensors(path)
    tensors = dict(weights.tensors)
    for layer in _DENSE:
        ref = weights.floats(f"{layer}.weight", 4)
        tensors[f"{layer}.weight"] = ref.reshaped(ref.shape[0], prod(ref.shape[1:]))
    return WeightsFile(path, tensors)


def build(weights: WeightsFile, preprocessing: Preprocessing) -> onnx.ModelProto:
    """Build the VGG of ``weights`` (from :func:`read_vgg`): uint8 (n, S, S, 3) RGB in, float32 (n, 4096) out.

    Raises :class:`~lookalike.errors.WeightsError` if a tensor is missing or has another shape, or if there are
    additional tensors, such as those of batch normalisation.
    """
    graph = GraphBuilder("vgg", weights)
    value, channels, used = graph.normalised_pixels(preprocessing), 3, set(_CLASSIFIER)
    convolutions, groups = _convolutions(weights), 0
    for place, name in enumerate(convolutions):
        value, channels = _convolution(graph, value, name, channels)
        used |= {f"{name}.weight", f"{name}.bias"}
        # Layers are numbered: two convolutions are 2 apart with a ReLU between them, and 3 apart with a pooling too.
        if place + 1 == len(convolutions) or _number(convolutions[place + 1]) - _number(name) > 2:  # noqa: PLR2004
            value, groups = graph.node("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2]), groups + 1
    if groups != _GROUPS:
        raise WeightsError(f"{weights.path}: not a VGG, it has {groups} groups of convolutions instead of {_GROUPS}")
    value = graph.node("Flatten", value, axis=1)
    inputs = channels * (preprocessing.crop >> _GROUPS) ** 2
    for name in _DENSE:
        outputs = weights[f"{name}.weight"].shape[0]
        weight, bias = graph.weight(f"{name}.weight", (outputs, inputs)), graph.weight(f"{name}.bias", (outputs,))
        value, inputs = graph.node("Relu", graph.node("Gemm", value, weight, bias, transB=1)), outputs
        used |= {f"{name}.weight", f"{name}.bias"}
    extra = [name for name in weights.tensors if name not in used]
    if extra:
        raise WeightsError(f"{weights.path}: not a plain VGG, it has additional tensors: {', '.join(extra[:3])}")
    return graph.finish(value, inputs)


def _convolutions(weights: WeightsFile) -> list[str]:
    names = [name.removesuffix(".weight") for name in weights.tensors if re.fullmatch(r"features\.\d+\.weight", name)]
    return sorted(names, key=_number)


def _number(name: str) -> int:
    return int(name.rpartition(".")[2])


def _convolution(graph: GraphBuilder, value: str, name: str, channels: int) -> tuple[str, int]:
    """A 3x3 convolution that keeps the size, and ReLU; returns the output and its channels."""
    outputs = graph.weights.floats(f"{name}.weight", 4).shape[0]
    weight = graph.weight(f"{name}.weight", (outputs, channels, 3, 3))
    bias = graph.weight(f"{name}.bias", (outputs,))
    convolved = graph.node("Conv", value, weight, bias, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    return graph.node("Relu", convolved), outputs
