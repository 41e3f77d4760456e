"""A checkpoint: a weights file with everything needed to build its networks, from the catalogue or from a path."""

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

# The tensor that identifies each family other than CLIP; its first axis is the dimension of the feature.
_IMAGE_FAMILIES: Final = {"resnet": "layer4.0.conv3.weight", "vgg": "pre_logits.fc2.weight"}

# The file names that open_clip, transformers and timm use, in order of preference.
_FILE_NAMES: Final = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.safetensors")

# One of several files; a file named -00001-of-00001 is complete.
_SHARD: Final = re.compile(r".+-\d+-of-(?!0*1\.)\d+\.safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file and the settings of its network.

    ``clip`` is set for CLIP only. ``has_text`` says whether there is a text tower, ``in_catalog`` whether the
    checkpoint belongs to the catalogue. ``precision`` is the meaning of precision ``auto``, ``batch`` the number of
    images per batch. ``context`` and ``vocabulary`` are the context length and the vocabulary size of the text tower.
    """

    name: str
    path: Path
    sha256: str
    family: str
    dimension: int
    preprocessing: Preprocessing
    clip: ClipSettings | None
    has_text: bool
    in_catalog: bool = False
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
        in_catalog=True,
        precision="bf16" if row.bf16_verified_by else "fp32",
        batch=row.batch,
    )


def read_checkpoint(path: Path, *, activation: Activation | None = None) -> Checkpoint:
    """Read the checkpoint at ``path``: a .safetensors file, or a folder with one and its config.

    Family, naming convention and all sizes are read from the tensors; activation and preprocessing from the config of
    the library that wrote the checkpoint, if there is one. ``activation`` overrides the config of a CLIP. Raises
    :class:`~lookalike.errors.WeightsError` if the checkpoint can't be used, and
    :class:`~lookalike.errors.UnknownActivationError` if the activation is unknown.
    """
    from lookalike.encoders.checkpoints.unsupported import reject_unsupported
    from lookalike.encoders.networks.clip_tensors import convention_of
    from lookalike.encoders.weights.safetensors import read_safetensors

    file = _weights_file(path)
    weights = read_safetensors(file)
    reject_unsupported(weights)
    convention = convention_of(weights)
    # A file with a standard name is named after its folder.
    name = file.stem if file.name not in _FILE_NAMES else file.absolute().parent.name
    if convention is not None:
        return _clip(name, weights, convention.name, activation)
    for family, marker in _IMAGE_FAMILIES.items():
        if marker in weights.tensors:
            return _image_only(name, family, weights.floats(marker, 4).shape[0], weights)
    raise WeightsError(
        f"{file}: unsupported network; supported are CLIP ViTs saved by open_clip, transformers or timm, ResNets with "
        "bottleneck blocks, and VGGs"
    )


def _weights_file(path: Path) -> Path:
    if not path.is_dir():
        if _SHARD.fullmatch(path.name):
            raise _sharded_error(path)
        return path
    for name in _FILE_NAMES:
        if (path / name).is_file():
            return path / name
    files = sorted(path.glob("*.safetensors"))
    if any(_SHARD.fullmatch(file.name) for file in files):
        raise _sharded_error(path)
    if len(files) == 1:
        return files[0]
    if any(path.glob("*.safetensors.index.json")):
        raise _sharded_error(path)
    if files:
        raise WeightsError(f"{path}: this folder contains {len(files)} .safetensors files; use the path of one of them")
    raise WeightsError(
        f"{path}: this folder contains no .safetensors file (other weights files could run code and are not read)"
    )


def _sharded_error(path: Path) -> WeightsError:
    return WeightsError(
        f"{path}: this checkpoint is sharded over several files; save it again as one, with "
        "save_pretrained(folder, max_shard_size='100GB')"
    )


def _clip(name: str, weights: WeightsFile, convention: str, activation: Activation | None) -> Checkpoint:
    from lookalike.encoders.checkpoints.computation import clip_settings
    from lookalike.encoders.checkpoints.preprocessing import clip_preprocessing
    from lookalike.encoders.networks.clip_tensors import has_text, image_sizes, rename_tensors, text_sizes

    tensors = rename_tensors(weights)
    sizes = image_sizes(tensors)
    texts = text_sizes(tensors) if has_text(tensors) else None
    if texts is not None and texts.dimension != sizes.dimension:
        raise WeightsError(
            f"{weights.path}: the image tower has {sizes.dimension} dimensions and the text tower {texts.dimension}, "
            "so they can't be compared; download the checkpoint again"
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


def _image_only(name: str, family: str, dimension: int, weights: WeightsFile) -> Checkpoint:
    from lookalike.encoders.checkpoints.computation import reject_unsupported_resnet
    from lookalike.encoders.checkpoints.preprocessing import imagenet_preprocessing

    if family == "resnet":
        reject_unsupported_resnet(weights.path.parent)
    preprocessing = imagenet_preprocessing(weights.path.parent)
    sha256 = file_sha256(weights.path)
    return Checkpoint(name, weights.path, sha256, family, dimension, preprocessing, None, has_text=False)
