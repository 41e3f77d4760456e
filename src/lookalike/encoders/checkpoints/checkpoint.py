"""A checkpoint: a weights file with all it takes to make its networks, from the catalogue or found beside the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.catalog import BATCH, FEW_TOKENS, LARGE_BATCH, CatalogRow
from lookalike.encoders.networks.families import FAMILIES
from lookalike.encoders.networks.source import NetworkSource
from lookalike.encoders.spec import Activation, ClipSettings, EncoderSpec, Precision, Preprocessing, View
from lookalike.encoders.tokenizer import CONTEXT, VOCABULARY
from lookalike.encoders.weights.cache import file_sha256
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    from lookalike.encoders.weights.tensors import WeightsFile

# A family other than CLIP is told by a convolution whose first axis is as long as the feature.
_PLAIN_FAMILIES: Final = {"resnet": "layer4.0.conv3.weight", "vgg": "pre_logits.fc2.weight"}

# In the order of preference: what open_clip, transformers and timm call the file.
_FILES: Final = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.safetensors")

# One of several files; the first of one is whole.
_SHARD: Final = re.compile(r".+-\d+-of-(?!0*1\.)\d+\.safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file, and what is known of the network in it.

    ``clip`` is there for CLIP alone; ``has_text`` tells whether texts can be embedded too, ``catalogued`` whether it is
    one of the catalogue. ``precision`` is the one that ``auto`` stands for, ``batch`` how many pictures are encoded
    together. Texts are cut to ``context`` tokens, of which the text tower knows ``vocabulary``.
    """

    name: str
    path: Path
    sha256: str
    family: str
    dimension: int
    preprocessing: Preprocessing
    clip: ClipSettings | None
    has_text: bool
    catalogued: bool = False
    precision: Precision = "fp32"
    batch: int = BATCH
    context: int = CONTEXT
    vocabulary: int = VOCABULARY

    def spec(self, precision: Precision, view: View = "centre") -> EncoderSpec:
        """The identity of the encoder that this checkpoint makes in ``precision`` and ``view``."""
        return EncoderSpec(self.name, self.dimension, self.preprocessing, self.sha256, precision, self.clip, view)

    def image_network(self) -> NetworkSource:
        """The network that embeds pictures: uint8 (n, S, S, 3) RGB in, features float32 (n, dimension) out."""
        family = FAMILIES[self.family]
        build = partial(family.build, self.path, self.preprocessing, self.clip)
        settings = repr((self.preprocessing, self.clip))
        return NetworkSource(self.name, self.sha256, family.version, build, settings)

    def text_network(self) -> NetworkSource:
        """The network that embeds texts: token ids int64 (n, context) in, features float32 (n, dimension) out.

        Raises :class:`~lookalike.errors.WeightsError` where the checkpoint has no text tower.
        """
        if self.clip is None or not self.has_text:
            raise WeightsError(f"{self.path}: {self.name} embeds pictures only; it has no text tower")
        family = FAMILIES[self.family]
        build = partial(family.build_text, self.path, self.clip)
        return NetworkSource(f"{self.name}-text", self.sha256, family.version, build, repr(self.clip))


def catalogued(row: CatalogRow, path: Path) -> Checkpoint:
    """The checkpoint of a catalogue row, whose weights file, already checked, is at ``path``."""
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
        catalogued=True,
        precision="bf16" if row.bf16_shown_by else "fp32",
        batch=row.batch,
    )


def read_checkpoint(path: Path, *, activation: Activation | None = None) -> Checkpoint:
    """The checkpoint at ``path``: a .safetensors file, or a folder that holds one with its config beside it.

    Family, naming convention and all sizes are read from the tensors; activation and preprocessing from the config of
    the library that wrote them, where there is one. ``activation`` answers for CLIP where nothing else does, and is
    believed before the config. Raises :class:`~lookalike.errors.WeightsError` where the file can't be used, and
    :class:`~lookalike.errors.UnknownActivationError` where nothing tells the activation.
    """
    from lookalike.encoders.checkpoints.relatives import refuse_relatives
    from lookalike.encoders.networks.clip_tensors import convention_of
    from lookalike.encoders.weights.safetensors import read_safetensors

    file = _weights_file(path)
    weights = read_safetensors(file)
    refuse_relatives(weights)
    convention = convention_of(weights)
    # A file that is called as every such file is called is better known by its folder.
    name = file.stem if file.name not in _FILES else file.absolute().parent.name
    if convention is not None:
        return _clip(name, weights, convention.name, activation)
    for family, mark in _PLAIN_FAMILIES.items():
        if mark in weights.tensors:
            return _plain(name, family, weights.floats(mark, 4).shape[0], weights)
    raise WeightsError(
        f"{file}: its tensors are those of no network known here (a CLIP ViT as open_clip, transformers or timm save "
        "it, a ResNet with bottleneck blocks, or a VGG)"
    )


def _weights_file(path: Path) -> Path:
    if not path.is_dir():
        if _SHARD.fullmatch(path.name):
            raise _sharded(path)
        return path
    for name in _FILES:
        if (path / name).is_file():
            return path / name
    found = sorted(path.glob("*.safetensors"))
    if any(_SHARD.fullmatch(file.name) for file in found):
        raise _sharded(path)
    if len(found) == 1:
        return found[0]
    if any(path.glob("*.safetensors.index.json")):
        raise _sharded(path)
    what = f"{len(found)} .safetensors files, so name the one that is meant" if found else "no .safetensors file"
    raise WeightsError(f"{path}: this folder holds {what} (other kinds of weights files could run code)")


def _sharded(path: Path) -> WeightsError:
    return WeightsError(
        f"{path}: this checkpoint is sharded, its weights spread over several files; save it again in one, with "
        "save_pretrained(folder, max_shard_size='100GB')"
    )


def _clip(name: str, weights: WeightsFile, convention: str, activation: Activation | None) -> Checkpoint:
    from lookalike.encoders.checkpoints.computation import clip_settings
    from lookalike.encoders.checkpoints.preprocessing import clip_preprocessing
    from lookalike.encoders.networks.clip_tensors import has_text, image_sizes, renamed, text_sizes

    tensors = renamed(weights)
    sizes = image_sizes(tensors)
    texts = text_sizes(tensors) if has_text(tensors) else None
    if texts is not None and texts.dimension != sizes.dimension:
        raise WeightsError(
            f"{weights.path}: pictures get {sizes.dimension} numbers and texts {texts.dimension}, so they can't be "
            "compared; get it anew from its source"
        )
    settings = clip_settings(weights.path, convention, (sizes, texts), activation)
    preprocessing = clip_preprocessing(weights.path.parent, convention, sizes.side)
    sha256 = file_sha256(weights.path)
    return Checkpoint(
        name,
        weights.path,
        sha256,
        "clip-vit",
        sizes.dimension,
        preprocessing,
        settings,
        has_text=texts is not None,
        batch=LARGE_BATCH if sizes.tokens < FEW_TOKENS else BATCH,
        context=CONTEXT if texts is None else texts.tokens,
        vocabulary=VOCABULARY if texts is None else texts.vocabulary,
    )


def _plain(name: str, family: str, dimension: int, weights: WeightsFile) -> Checkpoint:
    from lookalike.encoders.checkpoints.computation import refuse_unknown_resnet
    from lookalike.encoders.checkpoints.preprocessing import imagenet_preprocessing

    if family == "resnet":
        refuse_unknown_resnet(weights.path.parent)
    preprocessing = imagenet_preprocessing(weights.path.parent)
    sha256 = file_sha256(weights.path)
    return Checkpoint(name, weights.path, sha256, family, dimension, preprocessing, None, has_text=False)
