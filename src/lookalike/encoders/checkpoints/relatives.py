"""Networks near enough to the known ones to be taken for them, and what is said of each: told by tensors' names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from lookalike.encoders.weights.tensors import WeightsFile
from lookalike.errors import WeightsError


@dataclass(frozen=True, slots=True)
class _Relative:
    """A kind of network, the name of a tensor (or the beginning of one) that only it has, and one that it lacks."""

    what: str
    has: str
    lacks: str | None = None

    def fits(self, names: Collection[str]) -> bool:
        """Whether ``names`` are those of its tensors."""
        has = any(name.startswith(self.has) for name in names)
        return has and (self.lacks is None or not any(name.startswith(self.lacks) for name in names))


_NO_PROJECTION: Final = (
    "a CLIP image tower without the projection that CLIP compares pictures by (transformers' CLIPVisionModel); save "
    "the whole CLIPModel, or CLIPVisionModelWithProjection"
)
_ONLY: Final = "; of such networks only CLIP ViTs are known here, as open_clip, transformers and timm save them"

_RELATIVES: Final = (
    _Relative("a SigLIP" + _ONLY, "vision_model.embeddings.patch_embedding.bias"),
    _Relative("a SigLIP" + _ONLY, "visual.trunk.attn_pool."),
    _Relative("a CLIP whose image tower is a (modified) ResNet" + _ONLY, "visual.layer1."),
    _Relative("a CLIP of open_clip with an image tower of timm" + _ONLY, "visual.trunk."),
    _Relative("a plain ViT (or the like) of timm, not a CLIP's" + _ONLY, "patch_embed.proj.weight", "norm_pre."),
    _Relative("a ViT of transformers, not a CLIP's" + _ONLY, "vit.embeddings.patch_embeddings."),
    _Relative("a ViT of transformers, not a CLIP's" + _ONLY, "embeddings.patch_embeddings."),
    _Relative(_NO_PROJECTION, "vision_model.pre_layrnorm.", "visual_projection."),
    _Relative(_NO_PROJECTION, "pre_layrnorm."),
    _Relative(
        "a ResNet with basic blocks (ResNet18 or 34); those with bottleneck blocks are known here (ResNet50 to 152)",
        "layer4.0.conv2.weight",
        "layer4.0.conv3.weight",
    ),
)


def refuse_relatives(weights: WeightsFile) -> None:
    """Raise :class:`~lookalike.errors.WeightsError`, saying what ``weights`` are, where they are a relative's."""
    for relative in _RELATIVES:
        if relative.fits(weights.tensors.keys()):
            raise WeightsError(f"{weights.path}: this is {relative.what}")
