"""How open_clip, transformers and timm name and arrange the tensors of a CLIP ViT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BlockNames:
    """Names inside one block. ``attention`` names one tensor for all three inputs, or one tensor for each."""

    norm1: str
    norm2: str
    attention: str | tuple[str, str, str]
    out: str
    expand: str
    contract: str


@dataclass(frozen=True, slots=True)
class TowerNames:
    """Names of one tower's tensors; ``contains`` says whether a name belongs to the tower, to find unused tensors."""

    contains: Callable[[str], bool]
    embeddings: Mapping[str, str]
    norms: Mapping[str, str]
    blocks: str
    projection: str


@dataclass(frozen=True, slots=True)
class Convention:
    """How one library names and arranges the tensors; ``marker`` is a name that only this library uses."""

    name: str
    marker: str
    block: BlockNames
    projection_is_transposed: bool
    image: TowerNames
    text: TowerNames | None


OPEN_CLIP: Final = Convention(
    name="open_clip",
    marker="visual.conv1.weight",
    block=BlockNames("ln_1", "ln_2", "attn.in_proj_", "attn.out_proj", "mlp.c_fc", "mlp.c_proj"),
    projection_is_transposed=True,
    image=TowerNames(
        contains=lambda name: name.startswith("visual."),
        embeddings={
            "patches": "visual.conv1.weight",
            "class_token": "visual.class_embedding",
            "positions": "visual.positional_embedding",
        },
        norms={"norm_before": "visual.ln_pre", "norm_after": "visual.ln_post"},
        blocks="visual.transformer.resblocks.{}.",
        projection="visual.proj",
    ),
    text=TowerNames(
        contains=lambda name: not name.startswith(("visual.", "logit_")),
        embeddings={"tokens": "token_embedding.weight", "positions": "positional_embedding"},
        norms={"norm_after": "ln_final"},
        blocks="transformer.resblocks.{}.",
        projection="text_projection",
    ),
)
TRANSFORMERS: Final = Convention(
    name="transformers",
    marker="vision_model.embeddings.patch_embedding.weight",
    block=BlockNames(
        "layer_norm1",
        "layer_norm2",
        ("self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."),
        "self_attn.out_proj",
        "mlp.fc1",
        "mlp.fc2",
    ),
    projection_is_transposed=False,
    image=TowerNames(
        contains=lambda name: name.startswith(("vision_model.", "visual_projection.")),
        embeddings={
            "patches": "vision_model.embeddings.patch_embedding.weight",
            "class_token": "vision_model.embeddings.class_embedding",
            "positions": "vision_model.embeddings.position_embedding.weight",
        },
        norms={"norm_before": "vision_model.pre_layrnorm", "norm_after": "vision_model.post_layernorm"},
        blocks="vision_model.encoder.layers.{}.",
        projection="visual_projection.weight",
    ),
    text=TowerNames(
        contains=lambda name: name.startswith(("text_model.", "text_projection.")),
        embeddings={
            "tokens": "text_model.embeddings.token_embedding.weight",
            "positions": "text_model.embeddings.position_embedding.weight",
        },
        norms={"norm_after": "text_model.final_layer_norm"},
        blocks="text_model.encoder.layers.{}.",
        projection="text_projection.weight",
    ),
)
TIMM: Final = Convention(
    name="timm",
    marker="patch_embed.proj.weight",
    block=BlockNames("norm1", "norm2", "attn.qkv.", "attn.proj", "mlp.fc1", "mlp.fc2"),
    projection_is_transposed=False,
    image=TowerNames(
        contains=lambda _: True,
        embeddings={"patches": "patch_embed.proj.weight", "class_token": "cls_token", "positions": "pos_embed"},
        norms={"norm_before": "norm_pre", "norm_after": "norm"},
        blocks="blocks.{}.",
        projection="head.weight",
    ),
    text=None,
)
