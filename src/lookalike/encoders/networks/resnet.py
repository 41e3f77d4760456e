"""ResNet with bottleneck blocks (50, 101, 152) as an ONNX graph.

Source of the layout: He et al., "Deep Residual Learning for Image Recognition" (2015), with the stride on the 3x3
convolution as in torchvision's ``resnet.py``, whose names timm shares. Depth and widths are read from the tensors. The
feature is the global average after the last block, 2048-d, before the classifier.
"""

from __future__ import annotations

from typing import Final

import onnx

from lookalike.encoders.networks.graph import GraphBuilder
from lookalike.encoders.spec import Preprocessing
from lookalike.encoders.weights.tensors import WeightsFile
from lookalike.errors import WeightsError

_STAGES: Final = (1, 2, 3, 4)
_EPSILON: Final = 1e-5
_STATISTICS: Final = ("weight", "bias", "running_mean", "running_var")
# Not part of the computation: a count of training batches, and the classifier after the feature.
_UNUSED: Final = ("num_batches_tracked", "fc.weight", "fc.bias")


def build(weights: WeightsFile, preprocessing: Preprocessing) -> onnx.ModelProto:
    """Build the ResNet of ``weights``: uint8 (n, S, S, 3) RGB in, float32 (n, 2048) out.

    Raises :class:`~lookalike.errors.WeightsError` if a tensor is missing or has another shape, or if there are
    additional tensors, as in the many networks derived from ResNet.
    """
    network = _Network(GraphBuilder("resnet", weights), preprocessing)
    features = network.run()
    extra = [name for name in weights.tensors if name not in network.used and not name.endswith(_UNUSED)]
    if extra:
        raise WeightsError(f"{weights.path}: not a plain ResNet, it has additional tensors: {', '.join(extra[:3])}")
    return network.graph.finish(features, network.channels)


def _blocks(weights: WeightsFile, stage: int) -> list[str]:
    """The prefixes of the blocks of one stage; raises WeightsError if there are none."""
    names = [f"layer{stage}.{index}" for index in range(len(weights.tensors))]
    blocks = [name for name in names if f"{name}.conv1.weight" in weights.tensors]
    if not blocks:
        raise WeightsError(f"{weights.path}: stage {stage} of a ResNet is missing")
    return blocks


class _Network:
    """Adds the layers in order; ``value`` and ``channels`` are the name and the channels of the current feature map."""

    def __init__(self, graph: GraphBuilder, preprocessing: Preprocessing) -> None:
        self.graph = graph
        self.value = graph.normalised_pixels(preprocessing)
        self.channels = 3
        self.used: set[str] = set()

    def run(self) -> str:
        """Add all layers up to the global average; returns the feature's name."""
        self._conv("conv1", "bn1", kernel=7, stride=2)
        self._relu()
        self.value = self.graph.node("MaxPool", self.value, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for stage in _STAGES:
            for index, block in enumerate(_blocks(self.graph.weights, stage)):
                self._block(block, stride=2 if stage > 1 and index == 0 else 1)
        pooled = self.graph.node("GlobalAveragePool", self.value)
        return self.graph.node("Flatten", pooled, axis=1)

    def _block(self, prefix: str, stride: int) -> None:
        """Bottleneck: 1x1, 3x3, 1x1, then the block's input is added (through a 1x1 if shapes differ), then ReLU."""
        before, channels_before = self.value, self.channels
        self._conv(f"{prefix}.conv1", f"{prefix}.bn1", kernel=1)
        self._relu()
        self._conv(f"{prefix}.conv2", f"{prefix}.bn2", kernel=3, stride=stride)
        self._relu()
        self._conv(f"{prefix}.conv3", f"{prefix}.bn3", kernel=1)
        after, channels_after = self.value, self.channels
        if f"{prefix}.downsample.0.weight" in self.graph.weights.tensors:
            self.value, self.channels = before, channels_before
            self._conv(f"{prefix}.downsample.0", f"{prefix}.downsample.1", kernel=1, stride=stride)
            before, channels_before = self.value, self.channels
        if channels_before != channels_after:
            raise WeightsError(
                f"{self.graph.weights.path}: block {prefix} has {channels_before} channels at its input and "
                f"{channels_after} at its output, so they can't be added"
            )
        self.value, self.channels = self.graph.node("Add", after, before), channels_after
        self._relu()

    def _relu(self) -> None:
        self.value = self.graph.node("Relu", self.value)

    def _conv(self, conv: str, norm: str, *, kernel: int, stride: int = 1) -> None:
        """Convolution without bias, padded to keep the side (before the stride), and batch normalisation."""
        name = f"{conv}.weight"
        channels = self.graph.weights.floats(name, 4).shape[0]
        statistics = [f"{norm}.{part}" for part in _STATISTICS]
        self.value = self.graph.node(
            "Conv",
            self.value,
            self.graph.weight(name, (channels, self.channels, kernel, kernel)),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )
        self.value = self.graph.node(
            "BatchNormalization",
            self.value,
            *(self.graph.weight(statistic, (channels,)) for statistic in statistics),
            epsilon=_EPSILON,
        )
        self.used |= {name, *statistics}
        self.channels = channels
