"""Networks that are easily mistaken for a supported one, recognised by the names of their tensors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lookalike.encoders.weights.tensors import WeightsFile
from lookalike.errors import WeightsError


@dataclass(frozen=True, slots=True)
class _UnsupportedNetwork:
    """A kind of network, with the start of a tensor name that only it has, and of one that it lacks."""

    description: str
    has: str
    lacks: str | None = None

    def matches(self, names: Collection[str]) -> bool:
        """Whether ``names`` are the names of its tensors."""
        has = any(name.startswith(self.has) for name in names)
        return has and (self.lacks is None or not any(name.startswith(self.lacks) for name in names))


_NO_PROJECTION: Final = (
    "a CLIP image tower without CLIP's projection (transformers' CLIPVisionModel). Save the whole CLIPModel, or "
    "CLIPVisionModelWithProjection"
)
_ONLY: Final = ", which is not supported; use a CLIP ViT saved by open_clip, transformers or timm"

_UNSUPPORTED: Final = (
    _UnsupportedNetwork("a SigLIP" + _ONLY, "vision_model.embeddings.patch_embedding.bias"),
    _UnsupportedNetwork("a SigLIP" + _ONLY, "visual.trunk.attn_pool."),
    _UnsupportedNetwork("a CLIP whose image tower is a (modified) ResNet" + _ONLY, "visual.layer1."),
    _UnsupportedNetwork("a CLIP of open_clip with an image tower of timm" + _ONLY, "visual.trunk."),
    _UnsupportedNetwork(
        "a plain ViT (or the like) of timm, not a CLIP's" + _ONLY, "patch_embed.proj.weight", "norm_pre."
    ),
    _UnsupportedNetwork("a ViT of transformers, not a CLIP's" + _ONLY, "vit.embeddings.patch_embeddings."),
    _UnsupportedNetwork("a ViT of transformers, not a CLIP's" + _ONLY, "embeddings.patch_embeddings."),
    _UnsupportedNetwork(_NO_PROJECTION, "vision_model.pre_layrnorm.", "visual_projection."),
    _UnsupportedNetwork(_NO_PROJECTION, "pre_layrnorm."),
    _UnsupportedNetwork(
        "a ResNet with basic blocks (ResNet18 or 34); use one with bottleneck blocks (ResNet50 to 152)",
        "layer4.0.conv2.weight",
        "layer4.0.conv3.weight",
    ),
)


def reject_unsupported(weights: WeightsFile) -> None:
    """Raise :class:`~lookalike.errors.WeightsError` with a description if ``weights`` are an unsupported network."""
    for network in _UNSUPPORTED:
        if network.matches(weights.tensors.keys()):
            raise WeightsError(f"{weights.path}: this is {network.description}")
