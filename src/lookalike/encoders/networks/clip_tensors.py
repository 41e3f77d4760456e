"""The tensors of a CLIP ViT under one set of names, whichever of three libraries wrote them.

open_clip, transformers and timm (image tower only) name and arrange the same tensors differently: queries, keys and
values lie in one tensor or in three, the projection is stored as (width, dimension) or the other way round. Here each
becomes a reference under a name of our own, ``image.*`` and ``text.*``; nothing is read or copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from math import isqrt, prod
from pathlib import Path
from typing import Final

from lookalike.encoders.weights.safetensors import read_safetensors
from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError

IMAGE: Final = "image"
TEXT: Final = "text"

_RGB: Final = 3
_PARTS: Final = ("weight", "bias")
_HEADS_INPUTS: Final = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class _Block:
    """Names inside one block. ``attention`` is one tensor of all three inputs, or a name for each."""

    norm1: str
    norm2: str
    attention: str | tuple[str, str, str]
    out: str
    expand: str
    contract: str


@dataclass(frozen=True, slots=True)
class _Tower:
    """Names of one tower's tensors; ``own`` tells which names belong to it, so that none is overlooked."""

    own: Callable[[str], bool]
    embeddings: Mapping[str, str]
    norms: Mapping[str, str]
    blocks: str
    projection: str


@dataclass(frozen=True, slots=True)
class Convention:
    """How one library names and arranges the tensors; ``mark`` is a name that only it uses."""

    name: str
    mark: str
    block: _Block
    projection_by_columns: bool
    image: _Tower
    text: _Tower | None


OPEN_CLIP: Final = Convention(
    name="open_clip",
    mark="visual.conv1.weight",
    block=_Block("ln_1", "ln_2", "attn.in_proj_", "attn.out_proj", "mlp.c_fc", "mlp.c_proj"),
    projection_by_columns=True,
    image=_Tower(
        own=lambda name: name.startswith("visual."),
        embeddings={
            "patches": "visual.conv1.weight",
            "class_token": "visual.class_embedding",
            "positions": "visual.positional_embedding",
        },
        norms={"norm_before": "visual.ln_pre", "norm_after": "visual.ln_post"},
        blocks="visual.transformer.resblocks.{}.",
        projection="visual.proj",
    ),
    text=_Tower(
        own=lambda name: not name.startswith(("visual.", "logit_")),
        embeddings={"tokens": "token_embedding.weight", "positions": "positional_embedding"},
        norms={"norm_after": "ln_final"},
        blocks="transformer.resblocks.{}.",
        projection="text_projection",
    ),
)
TRANSFORMERS: Final = Convention(
    name="transformers",
    mark="vision_model.embeddings.patch_embedding.weight",
    block=_Block(
        "layer_norm1",
        "layer_norm2",
        ("self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."),
        "self_attn.out_proj",
        "mlp.fc1",
        "mlp.fc2",
    ),
    projection_by_columns=False,
    image=_Tower(
        own=lambda name: name.startswith(("vision_model.", "visual_projection.")),
        embeddings={
            "patches": "vision_model.embeddings.patch_embedding.weight",
            "class_token": "vision_model.embeddings.class_embedding",
            "positions": "vision_model.embeddings.position_embedding.weight",
        },
        norms={"norm_before": "vision_model.pre_layrnorm", "norm_after": "vision_model.post_layernorm"},
        blocks="vision_model.encoder.layers.{}.",
        projection="visual_projection.weight",
    ),
    text=_Tower(
        own=lambda name: name.startswith(("text_model.", "text_projection.")),
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
    mark="patch_embed.proj.weight",
    block=_Block("norm1", "norm2", "attn.qkv.", "attn.proj", "mlp.fc1", "mlp.fc2"),
    projection_by_columns=False,
    image=_Tower(
        own=lambda _: True,
        embeddings={"patches": "patch_embed.proj.weight", "class_token": "cls_token", "positions": "pos_embed"},
        norms={"norm_before": "norm_pre", "norm_after": "norm"},
        blocks="blocks.{}.",
        projection="head.weight",
    ),
    text=None,
)


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Sizes of an image tower: ``patch`` and ``side`` (of the picture) in pixels, ``tokens`` with the class token."""

    width: int
    layers: int
    patch: int
    side: int
    tokens: int
    dimension: int


@dataclass(frozen=True, slots=True)
class TextSizes:
    """Sizes of a text tower; ``tokens`` is the length of its context, padded."""

    width: int
    layers: int
    tokens: int
    vocabulary: int
    dimension: int


def convention_of(weights: WeightsFile) -> Convention | None:
    """Which library's names these are; None if those of no CLIP ViT."""
    return next((known for known in (OPEN_CLIP, TRANSFORMERS, TIMM) if known.mark in weights.tensors), None)


def read_clip(path: Path) -> WeightsFile:
    """The CLIP ViT in the safetensors file at ``path``, each tensor under our own name.

    Raises :class:`WeightsError` if it is no safetensors file, holds another kind of network, or has tensors in a tower
    that this network doesn't have: its computation would differ.
    """
    return renamed(read_safetensors(path))


def renamed(weights: WeightsFile) -> WeightsFile:
    """The tensors of ``weights`` under our own names; see :func:`read_clip`."""
    convention = convention_of(weights)
    if convention is None:
        raise WeightsError(f"{weights.path}: these are not the tensors of a CLIP ViT")
    tensors = _Renaming(weights, convention).tower(IMAGE, convention.image)
    if convention is TIMM:
        _refuse_classifier(weights)
    # A text tower of another kind (CLIP with a multilingual BERT, say) leaves an image-only encoder.
    if convention.text is not None and convention.text.embeddings["tokens"] in weights.tensors:
        tensors |= _Renaming(weights, convention).tower(TEXT, convention.text)
    return WeightsFile(weights.path, tensors)


def has_text(weights: WeightsFile) -> bool:
    """Whether renamed ``weights`` include a text tower."""
    return f"{TEXT}.tokens" in weights.tensors


def image_sizes(weights: WeightsFile) -> ImageSizes:
    """The sizes of the image tower, told by the shapes of renamed ``weights``."""
    width, numbers = weights[f"{IMAGE}.patches"].shape
    tokens, _ = weights[f"{IMAGE}.positions"].shape
    dimension, _ = weights[f"{IMAGE}.projection"].shape
    patch, grid = isqrt(numbers // _RGB), isqrt(tokens - 1)
    if _RGB * patch * patch != numbers or grid * grid != tokens - 1 or grid == 0:
        raise WeightsError(f"{weights.path}: patches and positions are not those of square RGB pictures")
    return ImageSizes(width, _layers(weights, IMAGE), patch, grid * patch, tokens, dimension)


def text_sizes(weights: WeightsFile) -> TextSizes:
    """The sizes of the text tower, told by the shapes of renamed ``weights``."""
    vocabulary, width = weights[f"{TEXT}.tokens"].shape
    tokens, _ = weights[f"{TEXT}.positions"].shape
    dimension, _ = weights[f"{TEXT}.projection"].shape
    return TextSizes(width, _layers(weights, TEXT), tokens, vocabulary, dimension)


def _layers(weights: WeightsFile, tower: str) -> int:
    return next(index for index in count() if f"{tower}.blocks.{index}.norm1.weight" not in weights.tensors)


class _Renaming:
    """Collects one tower's references, and remembers which of the file's tensors they use."""

    def __init__(self, weights: WeightsFile, convention: Convention) -> None:
        self.weights = weights
        self.convention = convention
        self.used: set[str] = set()

    def tower(self, prefix: str, tower: _Tower) -> dict[str, TensorRef]:
        tensors = {f"{prefix}.{ours}": self._embedding(theirs) for ours, theirs in tower.embeddings.items()}
        for ours, theirs in tower.norms.items():
            self._pair(tensors, f"{prefix}.{ours}", theirs)
        for index in count():
            block = tower.blocks.format(index)
            if index > 0 and not any(name.startswith(block) for name in self.weights.tensors):
                break
            self._block(tensors, f"{prefix}.blocks.{index}", block)
        projection = self._use(tower.projection, 2)
        by_columns = self.convention.projection_by_columns
        tensors[f"{prefix}.projection"] = projection.transposed() if by_columns else projection
        self._refuse_leftovers(tower)
        return tensors

    def _use(self, name: str, rank: int) -> TensorRef:
        self.used.add(name)
        return self.weights.floats(name, rank)

    def _embedding(self, name: str) -> TensorRef:
        """A tensor seen as a matrix of rows as long as the tower is wide (patches: a row for each of its numbers)."""
        self.used.add(name)
        if name == self.convention.mark:
            patches = self.weights.floats(name, 4)
            return patches.reshaped(patches.shape[0], prod(patches.shape[1:]))
        ref = self.weights.floats(name, 1, 2, 3)
        return ref.reshaped(prod(ref.shape[:-1]), ref.shape[-1])

    def _pair(self, tensors: dict[str, TensorRef], ours: str, theirs: str) -> None:
        tensors[f"{ours}.weight"] = self._use(f"{theirs}.weight", 2 if ".blocks." in ours and "norm" not in ours else 1)
        tensors[f"{ours}.bias"] = self._use(f"{theirs}.bias", 1)

    def _block(self, tensors: dict[str, TensorRef], ours: str, theirs: str) -> None:
        block = self.convention.block
        for name in ("norm1", "norm2", "out", "expand", "contract"):
            self._pair(tensors, f"{ours}.{name}", theirs + getattr(block, name))
        for part, rank in zip(_PARTS, (2, 1), strict=True):
            if isinstance(block.attention, str):
                fused = self._use(theirs + block.attention + part, rank)
                third, rest = divmod(fused.shape[0], 3)
                if rest:
                    raise WeightsError(
                        f"{self.weights.path}: tensor {theirs + block.attention + part!r} has {fused.shape[0]} rows, "
                        "which queries, keys and values can't share"
                    )
                refs = [fused.rows(index * third, (index + 1) * third) for index in range(3)]
            else:
                refs = [self._use(theirs + name + part, rank) for name in block.attention]
            for name, ref in zip(_HEADS_INPUTS, refs, strict=True):
                tensors[f"{ours}.{name}.{part}"] = ref

    def _refuse_leftovers(self, tower: _Tower) -> None:
        known = self.used | {"head.bias"}
        left = [name for name in self.weights.tensors if tower.own(name) and name not in known]
        left = [name for name in left if not name.endswith(("position_ids", "attn_mask"))]
        if left:
            shown = ", ".join(left[:3]) + (", ..." if left[3:] else "")
            raise WeightsError(f"{self.weights.path}: not a plain CLIP ViT, it has further tensors: {shown}")


def _refuse_classifier(weights: WeightsFile) -> None:
    """Refuse a classifier: timm gives CLIP's projection a bias of zeros; a classifier's has others."""
    if "head.bias" not in weights.tensors:
        return
    weights.floats("head.bias", 1)
    if weights.array("head.bias").any():
        raise WeightsError(
            f"{weights.path}: its last layer has a bias, so it is a classifier in place of CLIP's projection; "
            "an encoder needs the network as it was before it was given classes"
        )
