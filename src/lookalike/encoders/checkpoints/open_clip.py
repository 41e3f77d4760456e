"""Checkpoints of open_clip: ``open_clip_config.json`` describes both towers and the preprocessing.

Where a key is absent, the default of open_clip's own classes applies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lookalike.encoders.checkpoints.config_object import ConfigObject
from lookalike.encoders.checkpoints.preprocessing import check_side, clip_default, read_levels, read_preprocessing
from lookalike.encoders.checkpoints.rules import (
    HEAD,
    Rules,
    check_sizes,
    check_tower,
    choose_activation,
    head_width,
    settings_without_config,
)
from lookalike.encoders.networks.clip_tensors import ClipTowers
from lookalike.encoders.spec import Activation, ClipSettings, Preprocessing
from lookalike.errors import WeightsError

_TEXT_HEADS: Final = 8


def read_clip_rules(towers: ClipTowers, activation: Activation | None) -> Rules:
    """The rules of a CLIP saved by open_clip; ``activation`` overrides the config.

    Raises :class:`~lookalike.errors.WeightsError` if the config is invalid, unsupported or of other tensors, and
    :class:`~lookalike.errors.UnknownActivationError` if there is neither a config nor ``activation``.
    """
    config = _read_config(towers.file.parent)
    settings = _settings(config, towers, activation) if config else settings_without_config(towers, activation)
    return Rules(_preprocessing(config, towers.image.side), settings)


def _read_config(folder: Path) -> ConfigObject:
    config = ConfigObject.read(folder / "open_clip_config.json")
    if config and "model_cfg" not in config:
        raise WeightsError(f"{config.path}: not a config of open_clip, it has no model_cfg; download it again")
    return config


def _settings(config: ConfigObject, towers: ClipTowers, override: Activation | None) -> ClipSettings:
    model = config.section("model_cfg")
    image, text = model.section("vision_cfg"), model.section("text_cfg")
    check_tower(image)
    if towers.text is not None:
        check_tower(text)
    check_sizes(image, towers)
    name = "quick_gelu" if model.flag("quick_gelu", default=False) else "gelu"
    activation = choose_activation(config.path, [name], override)
    image_head = image.count("head_width") or HEAD
    if towers.image.width % image_head:
        raise WeightsError(
            f"{config.path}: a width of {towers.image.width} is not a multiple of head_width {image_head}"
        )
    if towers.text is None:
        return ClipSettings(activation, image_head)
    return ClipSettings(
        activation, image_head, head_width(config.path, towers.text.width, text.count("heads") or _TEXT_HEADS)
    )


def _preprocessing(config: ConfigObject, side: int) -> Preprocessing:
    default, options = clip_default(side), config.section("preprocess_cfg").without_nulls()
    options.require("resize_mode", "shortest")
    check_side(options, "size", options.square_side("size"), side)
    return read_preprocessing(options, default, side, "interpolation", read_levels(options, ("mean", "std"), default))
