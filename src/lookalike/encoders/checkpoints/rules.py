"""The rules of a checkpoint, which each library states in its own config, and the checks that all libraries share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.encoders.checkpoints.config_object import ConfigObject
from lookalike.encoders.networks.clip_tensors import ClipTowers
from lookalike.encoders.spec import Activation, ClipSettings, Preprocessing
from lookalike.errors import UnknownActivationError, WeightsError

HEAD: Final = 64
"""The width of an attention head in all CLIPs up to ViT-L."""

_MAX_WIDTH_OF_64: Final = 1024
_ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "quick_gelu": "quickgelu",
    "quickgelu": "quickgelu",
    "QuickGELU": "quickgelu",
    "gelu": "gelu",
    "GELU": "gelu",
}
# Options that change the computation but not the tensors, with their supported values.
_SUPPORTED: Final[Mapping[str, tuple[object, ...]]] = {
    "pool_type": ("tok", "argmax", None),
    "global_pool": ("token",),
    "attentional_pool": (False, None),
    "final_ln_after_pool": (False, None),
    "no_causal_mask": (False, None),
    "act_kwargs": ({}, None),
    "norm_kwargs": ({}, None),
    "norm_layer": (None,),
    "scaled_cosine_attn": (False, None),
    "layer_norm_eps": (1e-5, None),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a checkpoint's tensors don't show: how images are prepared, and the settings of a CLIP."""

    preprocessing: Preprocessing
    clip: ClipSettings | None = None


def settings_without_config(towers: ClipTowers, activation: Activation | None) -> ClipSettings:
    """The settings of a CLIP without a config: the caller's ``activation``, and heads of the usual width.

    Raises :class:`~lookalike.errors.UnknownActivationError` without ``activation``, and
    :class:`~lookalike.errors.WeightsError` for a network whose heads may have another width.
    """
    if activation is None:
        raise UnknownActivationError(
            f"{towers.file}: there is no config that says which activation this checkpoint was trained with. Add "
            "--activation quickgelu (OpenAI's weights and models fine-tuned from them) or --activation gelu (LAION, "
            "DataComp and most others); the wrong one spoils the embeddings"
        )
    for sizes in (towers.image, towers.text):
        if sizes is not None and sizes.width > _MAX_WIDTH_OF_64:
            raise WeightsError(
                f"{towers.file}: the heads of a ViT of width {sizes.width} are unknown; put its config beside it"
            )
    return ClipSettings(activation)


def check_tower(config: ConfigObject) -> None:
    """Raise :class:`~lookalike.errors.WeightsError` if a tower has unsupported options."""
    for option, supported in _SUPPORTED.items():
        config.require(option, *supported)


def check_pooling(config: ConfigObject) -> None:
    """Raise :class:`~lookalike.errors.WeightsError` if a config outside of a tower asks for unsupported pooling."""
    config.require("global_pool", *_SUPPORTED["global_pool"])


def check_sizes(config: ConfigObject, towers: ClipTowers) -> None:
    """Raise an error if the image tower's config belongs to other tensors or to a network for non-square images."""
    sizes = towers.image
    for key, actual in (("image_size", sizes.side), ("img_size", sizes.side), ("patch_size", sizes.patch)):
        stated = config.square_side(key)
        if stated not in (None, actual):
            raise WeightsError(
                f"{config.path}: {key} is {stated}, but the tensors of {towers.file.name} have {actual}; use the "
                "checkpoint's own config"
            )


def choose_activation(path: Path, names: Sequence[str], override: Activation | None) -> Activation:
    """The activation of all towers, whose ``names`` are those in the config ``path``, the image tower's first.

    ``override`` takes precedence, but towers with different activations are never accepted.
    """
    stated = [_ACTIVATIONS.get(name) for name in names]
    if stated[0] != stated[-1]:
        raise WeightsError(
            f"{path}: the activation of the image tower is {names[0]} and that of the text tower {names[-1]}; "
            "different activations are not supported, even with --activation. To search by image, save only the image "
            "tower (CLIPVisionModelWithProjection)"
        )
    activation = override or stated[0]
    if activation is None:
        raise WeightsError(f"{path}: unsupported activation {names[0]!r}; supported: quick_gelu, gelu")
    return activation


def head_width(path: Path, width: int, heads: int) -> int:
    """The width of each head; raises :class:`~lookalike.errors.WeightsError` if ``width`` can't be divided."""
    if width % heads:
        raise WeightsError(
            f"{path}: a width of {width} can't be divided into {heads} heads; use the checkpoint's own config"
        )
    return width // heads
