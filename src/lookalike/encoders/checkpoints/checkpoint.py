"""A checkpoint: a weights file with everything needed to build its networks, from the catalogue or from a path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.catalog import BATCH, FEW_TOKENS, LARGE_BATCH, CatalogRow
from lookalike.encoders.networks.families import FAMILIES
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Activation, ClipSettings, EncoderSpec, Precision, Preprocessing, View
from lookalike.encoders.tokenizer import CONTEXT, VOCABULARY
from lookalike.encoders.weights.cache import file_sha256
from lookalike.encoders.weights.folder import checkpoint_file, checkpoint_name
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    from lookalike.encoders.networks.clip_tensors import ClipTowers
    from lookalike.encoders.weights.tensors import WeightsFile

_NO_DIGEST: Final = ""
"""Until the file is read."""

# The tensor that identifies each family other than CLIP; its first axis is the dimension of the feature.
_IMAGE_FAMILIES: Final = {"resnet": "layer4.0.conv3.weight", "vgg": "pre_logits.fc2.weight"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file and the settings of its network.

    ``clip`` is set for CLIP only. ``has_text`` says whether there is a text tower, ``has_own_name`` whether the
    checkpoint is found by its name: in the catalogue or on the hub. ``precision`` is the meaning of precision ``auto``,
    ``batch`` the number of images per batch. ``context`` and ``vocabulary`` are the context length and the vocabulary
    size of the text tower.
    """

    name: str
    path: Path
    sha256: str
    family: str
    dimension: int
    preprocessing: Preprocessing
    clip: ClipSettings | None
    has_text: bool
    has_own_name: bool = False
    precision: Precision = "fp32"
    batch: int = BATCH
    context: int = CONTEXT
    vocabulary: int = VOCABULARY

    def spec(self, precision: Precision, view: View = "centre") -> EncoderSpec:
        """The identity of this checkpoint's encoder with ``precision`` and ``view``."""
        return EncoderSpec(self.name, self.dimension, self.preprocessing, self.sha256, precision, self.clip, view)

    def image_network(self) -> NetworkSource:
        """The image network: uint8 (n, S, S, 3) RGB in, features float32 (n, dimension) out."""
        family = FAMILIES[self.family]
        build = partial(family.build, self.path, self.preprocessing, self.clip)
        settings = repr((self.preprocessing, self.clip))
        return NetworkSource(self.name, self.sha256, family.version, build, settings)

    def text_network(self) -> NetworkSource:
        """The text network: token ids int64 (n, context) in, features float32 (n, dimension) out.

        Raises :class:`~lookalike.errors.WeightsError` if the checkpoint has no text tower.
        """
        if self.clip is None or not self.has_text:
            raise WeightsError(f"{self.path}: no text tower; {self.name} embeds images only")
        family = FAMILIES[self.family]
        build = partial(family.build_text, self.path, self.clip)
        return NetworkSource(f"{self.name}-text", self.sha256, family.version, build, repr(self.clip))


def from_catalog(row: CatalogRow, path: Path) -> Checkpoint:
    """The checkpoint of a catalogue row with the verified weights file ``path``."""
    has_text = FAMILIES[row.family].text_builder is not None
    return Checkpoint(
        row.name,
        path,
        row.sha256,
        row.family,
        row.dimension,
        row.preprocessing,
        row.clip,
        has_text=has_text,
        has_own_name=True,
        precision="bf16" if row.bf16_verified_by else "fp32",
        batch=row.batch,
    )


def read_checkpoint(path: Path, *, activation: Activation | None = None) -> Checkpoint:
    """Read the checkpoint at ``path``: a .safetensors file, or a folder with one and its config.

    Family, library and all sizes are read from the tensors; activation, heads and preprocessing from the config of the
    library that wrote the checkpoint, if there is one. ``activation`` overrides the config of a CLIP. Raises
    :class:`~lookalike.errors.WeightsError` if the checkpoint can't be used, and
    :class:`~lookalike.errors.UnknownActivationError` if the activation is unknown.
    """
    from lookalike.encoders.checkpoints.unsupported import reject_unsupported
    from lookalike.encoders.networks.clip_tensors import clip_towers
    from lookalike.encoders.weights.safetensors import read_safetensors

    weights = read_safetensors(checkpoint_file(path))
    reject_unsupported(weights)
    towers = clip_towers(weights)
    if towers is not None:
        return _clip(towers, activation)
    for family, marker in _IMAGE_FAMILIES.items():
        if marker in weights.tensors:
            return _image_only(weights, family, weights.floats(marker, 4).shape[0])
    raise WeightsError(
        f"{weights.path}: unsupported network; supported are CLIP ViTs saved by open_clip, transformers or timm, "
        "ResNets with bottleneck blocks, and VGGs"
    )


def _clip(towers: ClipTowers, activation: Activation | None) -> Checkpoint:
    from lookalike.encoders.checkpoints import open_clip, timm, transformers

    libraries = {"open_clip": open_clip, "transformers": transformers, "timm": timm}
    rules = libraries[towers.library].read_clip_rules(towers, activation)
    image, text = towers.image, towers.text
    return _with_digest(
        Checkpoint(
            checkpoint_name(towers.file),
            towers.file,
            _NO_DIGEST,
            "clip-vit",
            image.dimension,
            rules.preprocessing,
            rules.clip,
            has_text=text is not None,
            batch=LARGE_BATCH if image.tokens < FEW_TOKENS else BATCH,
            context=CONTEXT if text is None else text.tokens,
            vocabulary=VOCABULARY if text is None else text.vocabulary,
        )
    )


def _image_only(weights: WeightsFile, family: str, dimension: int) -> Checkpoint:
    from lookalike.encoders.checkpoints import timm

    read_rules = {"resnet": timm.read_resnet_rules, "vgg": timm.read_vgg_rules}[family]
    preprocessing = read_rules(weights.path.parent).preprocessing
    name = checkpoint_name(weights.path)
    return _with_digest(
        Checkpoint(name, weights.path, _NO_DIGEST, family, dimension, preprocessing, None, has_text=False)
    )


def _with_digest(checkpoint: Checkpoint) -> Checkpoint:
    """Add the digest of the file.

    A file is read for it only if its image network can be built: one that claims huge tensors could take minutes.
    """
    digest = file_sha256(checkpoint.path, before_reading=checkpoint.image_network().build)
    return replace(checkpoint, sha256=digest)
