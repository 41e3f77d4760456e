"""Network families: how to read the weights file and build the graph of each.

The modules are imported only when a graph has to be built, because they import ``onnx``, which a compiled network
doesn't need.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lookalike.encoders.spec import ClipSettings, Preprocessing

if TYPE_CHECKING:
    import onnx

    from lookalike.encoders.weights.tensors import WeightsFile


@dataclass(frozen=True, slots=True)
class Family:
    """The functions that read a weights file and build a graph, as ``module:function``.

    ``version`` is increased whenever a builder changes, so that compiled copies of older graphs are not used. Families
    with text input have a ``text_builder``. Only the builders of CLIP take settings.
    """

    reader: str
    builder: str
    version: int
    text_builder: str | None = None

    def build(
        self, path: Path, preprocessing: Preprocessing, clip: ClipSettings | None = None
    ) -> tuple[onnx.ModelProto, WeightsFile]:
        """Build the graph for the weights file ``path``; returns it with the weights that it refers to."""
        weights = _import_function(self.reader)(path)
        settings = () if clip is None else (clip,)
        return _import_function(self.builder)(weights, preprocessing, *settings), weights

    def build_text(self, path: Path, clip: ClipSettings) -> tuple[onnx.ModelProto, WeightsFile]:
        """Build the graph of the text tower for the weights file ``path``; returns it with the weights."""
        if self.text_builder is None:
            raise TypeError("this family has no text tower")
        weights = _import_function(self.reader)(path)
        return _import_function(self.text_builder)(weights, clip), weights


FAMILIES: Final = {
    "efficientnet-lite": Family(
        reader="lookalike.encoders.weights.torch_pickle:read_torch_pickle",
        builder="lookalike.encoders.networks.efficientnet_lite:build",
        version=2,
    ),
    "clip-vit": Family(
        reader="lookalike.encoders.networks.clip_tensors:read_clip",
        builder="lookalike.encoders.networks.clip_vit:build_image",
        text_builder="lookalike.encoders.networks.clip_vit:build_text",
        version=1,
    ),
    "resnet": Family(
        reader="lookalike.encoders.weights.safetensors:read_safetensors",
        builder="lookalike.encoders.networks.resnet:build",
        version=1,
    ),
    "vgg": Family(
        reader="lookalike.encoders.networks.vgg:read_vgg",
        builder="lookalike.encoders.networks.vgg:build",
        version=1,
    ),
}


def _import_function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)
