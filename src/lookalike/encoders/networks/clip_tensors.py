"""The tensors of a CLIP ViT under one set of names, for each of the three libraries that write them.

open_clip, transformers and timm (image tower only) name and arrange the same tensors differently: queries, keys and
values are one tensor or three, and the projection is (width, dimension) or its transpose. This module gives each tensor
a common name, ``image.*`` or ``text.*``; it creates references only, without reading or copying tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import isqrt, prod
from pathlib import Path
from typing import Final

from lookalike.encoders.networks.clip_names import OPEN_CLIP, TIMM, TRANSFORMERS, Convention, TowerNames
from lookalike.encoders.weights.safetensors import read_safetensors
from lookalike.encoders.weights.tensors import TensorRef, WeightsFile
from lookalike.errors import WeightsError

IMAGE: Final = "image"
TEXT: Final = "text"

_RGB: Final = 3
_PARTS: Final = ("weight", "bias")
_HEADS_INPUTS: Final = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Sizes of an image tower: ``patch`` and image ``side`` in pixels; ``tokens`` includes the class token."""

    width: int
    layers: int
    patch: int
    side: int
    tokens: int
    dimension: int


@dataclass(frozen=True, slots=True)
class TextSizes:
    """Sizes of a text tower; ``tokens`` is its context length."""

    width: int
    layers: int
    tokens: int
    vocabulary: int
    dimension: int


@dataclass(frozen=True, slots=True)
class ClipTowers:
    """A CLIP as shown by its tensors: its weights file, the library that wrote it, and the sizes of its towers.

    ``library`` is ``"open_clip"``, ``"transformers"`` or ``"timm"``; ``text`` is None if there is no text tower.
    """

    file: Path
    library: str
    image: ImageSizes
    text: TextSizes | None


def clip_towers(weights: WeightsFile) -> ClipTowers | None:
    """The towers of the CLIP ViT in ``weights``; None if these are the tensors of another network.

    Raises :class:`WeightsError` if the tensors are incomplete, or those of a variant of CLIP.
    """
    convention = _convention_of(weights)
    if convention is None:
        return None
    tensors = rename_tensors(weights)
    image = image_sizes(tensors)
    text = text_sizes(tensors) if f"{TEXT}.tokens" in tensors.tensors else None
    if text is not None and text.dimension != image.dimension:
        raise WeightsError(
            f"{weights.path}: the image tower has {image.dimension} dimensions and the text tower {text.dimension}, "
            "so they can't be compared; download the checkpoint again"
        )
    return ClipTowers(weights.path, convention.name, image, text)


def _convention_of(weights: WeightsFile) -> Convention | None:
    """The convention of the library that named these tensors; None if they aren't a CLIP ViT."""
    conventions = (OPEN_CLIP, TRANSFORMERS, TIMM)
    return next((convention for convention in conventions if convention.marker in weights.tensors), None)


def read_clip(path: Path) -> WeightsFile:
    """Read the CLIP ViT in the safetensors file ``path``, with each tensor under its common name.

    Raises :class:`WeightsError` if it isn't a valid safetensors file, contains another kind of network, or has
    additional tensors in a tower, because its computation would differ.
    """
    return rename_tensors(read_safetensors(path))


def rename_tensors(weights: WeightsFile) -> WeightsFile:
    """Give the tensors of ``weights`` their common names; see :func:`read_clip`."""
    convention = _convention_of(weights)
    if convention is None:
        raise WeightsError(f"{weights.path}: not a CLIP ViT")
    tensors = _Renaming(weights, convention).tower(IMAGE, convention.image)
    if convention is TIMM:
        _reject_classifier(weights)
    # With another kind of text tower (a multilingual BERT, for example), the checkpoint is an image-only encoder.
    if convention.text is not None and convention.text.embeddings["tokens"] in weights.tensors:
        tensors |= _Renaming(weights, convention).tower(TEXT, convention.text)
    return WeightsFile(weights.path, tensors)


def image_sizes(weights: WeightsFile) -> ImageSizes:
    """The sizes of the image tower, from the shapes of renamed ``weights``."""
    width, values = weights[f"{IMAGE}.patches"].shape
    tokens, _ = weights[f"{IMAGE}.positions"].shape
    dimension, _ = weights[f"{IMAGE}.projection"].shape
    patch, grid = isqrt(values // _RGB), isqrt(tokens - 1)
    if _RGB * patch * patch != values or grid * grid != tokens - 1 or grid == 0:
        raise WeightsError(f"{weights.path}: patches and positions don't fit square RGB images")
    return ImageSizes(width, _layers(weights, IMAGE), patch, grid * patch, tokens, dimension)


def text_sizes(weights: WeightsFile) -> TextSizes:
    """The sizes of the text tower, from the shapes of renamed ``weights``."""
    vocabulary, width = weights[f"{TEXT}.tokens"].shape
    tokens, _ = weights[f"{TEXT}.positions"].shape
    dimension, _ = weights[f"{TEXT}.projection"].shape
    return TextSizes(width, _layers(weights, TEXT), tokens, vocabulary, dimension)


def _layers(weights: WeightsFile, tower: str) -> int:
    return next(index for index in count() if f"{tower}.blocks.{index}.norm1.weight" not in weights.tensors)


class _Renaming:
    """Collects one tower's references and the names of the stored tensors they use."""

    def __init__(self, weights: WeightsFile, convention: Convention) -> None:
        self.weights = weights
        self.convention = convention
        self.used: set[str] = set()

    def tower(self, prefix: str, tower: TowerNames) -> dict[str, TensorRef]:
        tensors = {f"{prefix}.{ours}": self._embedding(theirs) for ours, theirs in tower.embeddings.items()}
        for ours, theirs in tower.norms.items():
            self._pair(tensors, f"{prefix}.{ours}", theirs)
        for index in count():
            block = tower.blocks.format(index)
            if index > 0 and not any(name.startswith(block) for name in self.weights.tensors):
                break
            self._block(tensors, f"{prefix}.blocks.{index}", block)
        projection = self._use(tower.projection, 2)
        transposed = self.convention.projection_is_transposed
        tensors[f"{prefix}.projection"] = projection.transposed() if transposed else projection
        self._reject_additional_tensors(tower)
        return tensors

    def _use(self, name: str, rank: int) -> TensorRef:
        self.used.add(name)
        return self.weights.floats(name, rank)

    def _embedding(self, name: str) -> TensorRef:
        """An embedding as a matrix with the tower's width as its last axis; patches as (width, 3 x patch x patch)."""
        self.used.add(name)
        if name == self.convention.marker:
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
                third, remainder = divmod(fused.shape[0], 3)
                if remainder:
                    raise WeightsError(
                        f"{self.weights.path}: tensor {theirs + block.attention + part!r} has {fused.shape[0]} rows, "
                        "which can't be split into queries, keys and values"
                    )
                refs = [fused.rows(index * third, (index + 1) * third) for index in range(3)]
            else:
                refs = [self._use(theirs + name + part, rank) for name in block.attention]
            for name, ref in zip(_HEADS_INPUTS, refs, strict=True):
                tensors[f"{ours}.{name}.{part}"] = ref

    def _reject_additional_tensors(self, tower: TowerNames) -> None:
        used = self.used | {"head.bias"}
        extra = [name for name in self.weights.tensors if tower.contains(name) and name not in used]
        extra = [name for name in extra if not name.endswith(("position_ids", "attn_mask"))]
        if extra:
            names = ", ".join(extra[:3]) + (", ..." if extra[3:] else "")
            raise WeightsError(f"{self.weights.path}: not a plain CLIP ViT, it has additional tensors: {names}")


def _reject_classifier(weights: WeightsFile) -> None:
    """Reject a classifier: in timm, CLIP's projection has a bias of zeros, while a trained classifier's bias isn't."""
    if "head.bias" not in weights.tensors:
        return
    weights.floats("head.bias", 1)
    if weights.array("head.bias").any():
        raise WeightsError(
            f"{weights.path}: this is a classifier (its last layer has a bias); use the checkpoint with CLIP's "
            "projection, from before the classifier was trained"
        )
