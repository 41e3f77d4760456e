"""The computation of a network according to its config: activation, heads, and unsupported options.

Each library has its own config file; the naming convention of the tensors decides which one is read. Where a key is
absent, the library's own default applies, because the checkpoint was trained with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.checkpoints.config_object import ConfigObject, library_config
from lookalike.encoders.spec import Activation, ClipSettings
from lookalike.errors import UnknownActivationError, WeightsError

if TYPE_CHECKING:
    from lookalike.encoders.networks.clip_tensors import ImageSizes, TextSizes

_ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "quick_gelu": "quickgelu",
    "quickgelu": "quickgelu",
    "QuickGELU": "quickgelu",
    "gelu": "gelu",
    "GELU": "gelu",
}
_HEAD: Final = 64
_MAX_WIDTH_OF_64: Final = 1024

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
_SUPPORTED_RESNET: Final[Mapping[str, tuple[object, ...]]] = {
    "global_pool": ("avg",),
    "output_stride": (32,),
    "act_layer": ("relu", None),
    "norm_layer": (None,),
    "aa_layer": ("", None),
}
# Networks with other names compute differently: resnetblur50, for example, has the same tensors and adds blurs.
_RESNET_NAME: Final = re.compile(r"(tv_|wide_)?resnet\d+(_\d)?")

# Configs omit default values. These are the default heads of the image tower and of the text tower.
_TRANSFORMERS_HEADS: Final = (12, 8)
_OPEN_CLIP_TEXT_HEADS: Final = 8
# The default heads in timm, by the size in the network's name.
_TIMM_HEADS: Final = (
    ("vit_xsmall_", 4),
    ("vit_medium_", 8),
    ("vit_betwixt_", 10),
    ("vit_base_patch16_plus_", 14),
    ("vit_base_", 12),
    ("vit_large_", 16),
    ("vit_huge_", 16),
    ("vit_giant_", 16),
    ("vit_gigantic_", 16),
)


def clip_settings(
    file: Path, convention: str, sizes: tuple[ImageSizes, TextSizes | None], activation: Activation | None
) -> ClipSettings:
    """The settings of the CLIP checkpoint ``file``, from the config beside it and from the caller.

    ``sizes`` are the sizes of the image tower and of the text tower, if any. Raises
    :class:`~lookalike.errors.UnknownActivationError` if neither gives the activation, and
    :class:`~lookalike.errors.WeightsError` if the config has unsupported or invalid values or belongs to other tensors.
    """
    image, text = sizes
    config = library_config(file.parent, convention)
    image_config, text_config = _towers(config, convention)
    for tower in (image_config, text_config)[: 2 if text else 1]:
        for option, supported in _SUPPORTED.items():
            tower.require(option, *supported)
    if convention == "timm":
        config.require("global_pool", *_SUPPORTED["global_pool"])
    _check_sizes(file, image_config, image)
    found = _activation(config, image_config, text_config if text else None, convention, activation)
    if found is None:
        raise UnknownActivationError(
            f"{file}: there is no config that says which activation this checkpoint was trained with. Add "
            "--activation quickgelu (OpenAI's weights and models fine-tuned from them) or --activation gelu (LAION, "
            "DataComp and most others); the wrong one spoils the embeddings"
        )
    if not config:
        return ClipSettings(found, _default_head(file, image.width), _default_head(file, text.width) if text else _HEAD)
    head = _image_head(config, image_config, image.width, convention)
    return ClipSettings(found, head, _text_head(text_config, text.width, convention) if text else _HEAD)


def reject_unsupported_resnet(folder: Path) -> None:
    """Raise an error if timm's config in ``folder`` describes an unsupported ResNet."""
    config = library_config(folder, "timm")
    name = config.string("architecture")
    if name is not None and not _RESNET_NAME.fullmatch(name):
        raise WeightsError(f"{config.path}: timm's {name} is not supported; of its ResNets, only plain ones are")
    for options in (config, config.section("model_args")):
        for option, supported in _SUPPORTED_RESNET.items():
            options.require(option, *supported)


def _towers(config: ConfigObject, convention: str) -> tuple[ConfigObject, ConfigObject]:
    """The parts of the config for the image tower and the text tower."""
    if convention == "open_clip":
        model = config.section("model_cfg")
        return model.section("vision_cfg"), model.section("text_cfg")
    if convention == "timm":
        return config.section("model_args"), ConfigObject(config.path)
    if "vision_config" in config or "text_config" in config:
        return config.section("vision_config"), config.section("text_config")
    return config, ConfigObject(config.path)


def _check_sizes(file: Path, tower: ConfigObject, sizes: ImageSizes) -> None:
    """Raise an error if the config belongs to another checkpoint or to a network for non-square images."""
    for key, actual in (("image_size", sizes.side), ("img_size", sizes.side), ("patch_size", sizes.patch)):
        stated = tower.square_side(key)
        if stated not in (None, actual):
            raise WeightsError(
                f"{tower.path}: {key} is {stated}, but the tensors of {file.name} have {actual}; use the "
                "checkpoint's own config"
            )


def _activation(
    config: ConfigObject, image: ConfigObject, text: ConfigObject | None, convention: str, override: Activation | None
) -> Activation | None:
    """The activation of both towers; ``override`` takes precedence, but towers that differ are never accepted."""
    if not config:
        return override
    if convention == "open_clip":  # the library's own default where the key is absent
        quick = config.section("model_cfg").flag("quick_gelu", default=False)
        names = ["quick_gelu" if quick else "gelu"]
    elif convention == "timm":
        quick = "quickgelu" in (config.string("architecture") or "")
        names = [image.string("act_layer") or ("quick_gelu" if quick else "gelu")]
    else:  # CLIPVisionConfig and CLIPTextConfig default to quick_gelu, and older files leave defaults out
        names = [tower.string("hidden_act") or "quick_gelu" for tower in (image, text) if tower is not None]
    found = [_ACTIVATIONS.get(name) for name in names]
    if found[0] != found[-1]:
        raise WeightsError(
            f"{config.path}: the activation of the image tower is {names[0]} and that of the text tower {names[-1]}; "
            "different activations are not supported, even with --activation. To search by image, save only the image "
            "tower (CLIPVisionModelWithProjection)"
        )
    if override is None and found[0] is None:
        raise WeightsError(f"{config.path}: unsupported activation {names[0]!r}; supported: quick_gelu, gelu")
    return override or found[0]


def _default_head(file: Path, width: int) -> int:
    """The width of a head if there is no config: all CLIPs up to ViT-L have heads of 64."""
    if width > _MAX_WIDTH_OF_64:
        raise WeightsError(
            f"{file}: the number of heads of a ViT of width {width} is unknown; put its config beside it"
        )
    return _HEAD


def _image_head(config: ConfigObject, tower: ConfigObject, width: int, convention: str) -> int:
    if convention == "open_clip":
        head = tower.count("head_width") or _HEAD
        if width % head:
            raise WeightsError(f"{tower.path}: a width of {width} is not a multiple of head_width {head}")
        return head
    if convention == "transformers":
        return _head_width(tower, width, tower.count("num_attention_heads") or _TRANSFORMERS_HEADS[0])
    name = config.string("architecture") or ""
    default = next((heads for start, heads in _TIMM_HEADS if name.startswith(start)), None)
    heads = tower.count("num_heads") or default
    if heads is None:
        raise WeightsError(
            f"{config.path}: the number of heads of timm's {name!r} is unknown; add num_heads to its model_args"
        )
    return _head_width(tower, width, heads)


def _text_head(tower: ConfigObject, width: int, convention: str) -> int:
    if convention == "open_clip":
        return _head_width(tower, width, tower.count("heads") or _OPEN_CLIP_TEXT_HEADS)
    return _head_width(tower, width, tower.count("num_attention_heads") or _TRANSFORMERS_HEADS[1])


def _head_width(tower: ConfigObject, width: int, heads: int) -> int:
    """The width of each head."""
    if width % heads:
        raise WeightsError(
            f"{tower.path}: a width of {width} can't be divided into {heads} heads; use the checkpoint's own config"
        )
    return width // heads
