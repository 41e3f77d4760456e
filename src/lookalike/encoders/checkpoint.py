"""A checkpoint: a weights file with all it takes to make its networks, from the catalogue or found beside the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.cache import file_sha256
from lookalike.encoders.catalog import BATCH, FEW_TOKENS, LARGE_BATCH, CatalogRow
from lookalike.encoders.families import FAMILIES
from lookalike.encoders.runtime import NetworkSource
from lookalike.encoders.spec import Activation, ClipSettings, EncoderSpec, Precision, Preprocessing, View
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    from lookalike.encoders.tensors import WeightsFile

# A family other than CLIP is told by a tensor whose first axis is as long as the feature.
_PLAIN_FAMILIES: Final = {"resnet": "layer4.0.conv3.weight", "vgg": "pre_logits.fc2.weight"}

# In the order of preference: what open_clip, transformers and timm call the file.
_FILES: Final = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file, and what is known of the network in it.

    ``clip`` is there for CLIP alone; ``has_text`` tells whether texts can be embedded too, ``catalogued`` whether it is
    one of the catalogue. ``precision`` is the one that ``auto`` stands for, ``batch`` how many pictures are encoded
    together.
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
        """The network that embeds texts: token ids int64 (n, 77) in, features float32 (n, dimension) out.

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
    from lookalike.encoders.networks.clip_tensors import convention_of
    from lookalike.encoders.safetensors_file import read_safetensors

    file = _weights_file(path)
    weights = read_safetensors(file)
    convention = convention_of(weights)
    # A file that is called as every such file is called is better known by its folder.
    name = file.stem if file.name not in _FILES else file.absolute().parent.name
    if convention is not None:
        return _clip(name, weights, convention.name, activation)
    for family, mark in _PLAIN_FAMILIES.items():
        if mark in weights.tensors:
            return _plain(name, family, weights[mark].shape[0], weights)
    raise WeightsError(
        f"{file}: its tensors are those of no network known here (a CLIP ViT as open_clip, transformers or timm save "
        "it, a ResNet with bottleneck blocks, or a VGG)"
    )


def _weights_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _FILES:
        if (path / name).is_file():
            return path / name
    found = sorted(path.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} .safetensors files, so name the one that is meant" if found else "no .safetensors file"
    raise WeightsError(f"{path}: this folder holds {what} (other kinds of weights files could run code)")


def _clip(name: str, weights: WeightsFile, convention: str, activation: Activation | None) -> Checkpoint:
    from lookalike.encoders.checkpoint_config import clip_preprocessing, clip_settings
    from lookalike.encoders.networks.clip_tensors import has_text, image_sizes, renamed, text_sizes

    tensors = renamed(weights)
    sizes = image_sizes(tensors)
    texts = has_text(tensors)
    widths = (sizes.width, text_sizes(tensors).width if texts else None)
    settings = clip_settings(weights.path, convention, widths, activation)
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
        has_text=texts,
        batch=LARGE_BATCH if sizes.tokens < FEW_TOKENS else BATCH,
    )


def _plain(name: str, family: str, dimension: int, weights: WeightsFile) -> Checkpoint:
    from lookalike.encoders.checkpoint_config import imagenet_preprocessing

    preprocessing = imagenet_preprocessing(weights.path.parent)
    sha256 = file_sha256(weights.path)
    return Checkpoint(name, weights.path, sha256, family, dimension, preprocessing, None, has_text=False)
