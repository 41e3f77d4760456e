"""Checkpoints of timm: ``config.json`` describes a CLIP's image tower, a ResNet or a VGG, and the preprocessing.

Where a key is absent, the default of timm's own functions applies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lookalike.encoders.catalog import IMAGENET
from lookalike.encoders.checkpoints.config_object import ConfigObject
from lookalike.encoders.checkpoints.preprocessing import check_side, clip_default, read_levels, read_preprocessing
from lookalike.encoders.checkpoints.rules import (
    Rules,
    check_pooling,
    check_sizes,
    check_tower,
    choose_activation,
    head_width,
    settings_without_config,
)
from lookalike.encoders.networks.clip_tensors import ClipTowers
from lookalike.encoders.spec import Activation, ClipSettings, Preprocessing
from lookalike.errors import WeightsError

# The default heads by the size in the network's name.
_HEADS: Final = (
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
# Options of a ResNet that change the computation but not the tensors, with their supported values.
_SUPPORTED_RESNET: Final[Mapping[str, tuple[object, ...]]] = {
    "global_pool": ("avg",),
    "output_stride": (32,),
    "act_layer": ("relu", None),
    "norm_layer": (None,),
    "aa_layer": ("", None),
}
# Networks with other names compute differently: resnetblur50, for example, has the same tensors and adds blurs.
_RESNET_NAME: Final = re.compile(r"(tv_|wide_)?resnet\d+(_\d)?")


def read_clip_rules(towers: ClipTowers, activation: Activation | None) -> Rules:
    """The rules of a CLIP's image tower saved by timm; ``activation`` overrides the config.

    Raises :class:`~lookalike.errors.WeightsError` if the config is invalid, unsupported or of other tensors, and
    :class:`~lookalike.errors.UnknownActivationError` if there is neither a config nor ``activation``.
    """
    config = _read_config(towers.file.parent)
    settings = _settings(config, towers, activation) if config else settings_without_config(towers, activation)
    options, default = _pretrained_config(config), clip_default(towers.image.side)
    check_side(options, "input_size", _input_side(options), default.crop)
    return Rules(_preprocessing(options, default), settings)


def read_resnet_rules(folder: Path) -> Rules:
    """The rules of the ResNet in ``folder``; raises :class:`~lookalike.errors.WeightsError` if it isn't a plain one."""
    config = _read_config(folder)
    name = config.string("architecture")
    if name is not None and not _RESNET_NAME.fullmatch(name):
        raise WeightsError(f"{config.path}: timm's {name} is not supported; of its ResNets, only plain ones are")
    for options in (config, config.section("model_args")):
        for option, supported in _SUPPORTED_RESNET.items():
            options.require(option, *supported)
    return Rules(_imagenet_preprocessing(config))


def read_vgg_rules(folder: Path) -> Rules:
    """The rules of the VGG in ``folder``; raises :class:`~lookalike.errors.WeightsError` if they are unsupported."""
    return Rules(_imagenet_preprocessing(_read_config(folder)))


def _read_config(folder: Path) -> ConfigObject:
    config = ConfigObject.read(folder / "config.json")
    # A config.json without this key is transformers'.
    return config if "architecture" in config else ConfigObject(config.path)


def _settings(config: ConfigObject, towers: ClipTowers, override: Activation | None) -> ClipSettings:
    tower, architecture = config.section("model_args"), config.string("architecture") or ""
    check_tower(tower)
    check_pooling(config)
    check_sizes(tower, towers)
    name = tower.string("act_layer") or ("quick_gelu" if "quickgelu" in architecture else "gelu")
    activation = choose_activation(config.path, [name], override)
    default = next((heads for start, heads in _HEADS if architecture.startswith(start)), None)
    heads = tower.count("num_heads") or default
    if heads is None:
        raise WeightsError(
            f"{config.path}: the number of heads of timm's {architecture!r} is unknown; add num_heads to its model_args"
        )
    return ClipSettings(activation, head_width(config.path, towers.image.width, heads))


def _pretrained_config(config: ConfigObject) -> ConfigObject:
    """The preprocessing config: an object of its own, or in older files part of the main object."""
    return (config.section("pretrained_cfg") if "pretrained_cfg" in config else config).without_nulls()


def _input_side(config: ConfigObject) -> int | None:
    """The side in pixels from ``input_size``, which is channels, height and width."""
    match config.values.get("input_size", ()):
        case [3, height, width]:
            return ConfigObject(config.path, {"input_size": [height, width]}).square_side("input_size")
        case ():
            return None
        case _:
            raise config.value_error("input_size", "3 channels, a height and a width")


def _imagenet_preprocessing(config: ConfigObject) -> Preprocessing:
    options = _pretrained_config(config)
    side = _input_side(options) or IMAGENET.crop
    resize = int(side / (IMAGENET.crop / IMAGENET.resize))
    return _preprocessing(options, Preprocessing(resize, side, IMAGENET.resample, IMAGENET.mean, IMAGENET.std))


def _preprocessing(config: ConfigObject, default: Preprocessing) -> Preprocessing:
    config.require("crop_mode", "center")
    ratio = config.number("crop_pct")
    resize = default.resize if ratio is None else int(default.crop / ratio)
    return read_preprocessing(config, default, resize, "interpolation", read_levels(config, ("mean", "std"), default))
