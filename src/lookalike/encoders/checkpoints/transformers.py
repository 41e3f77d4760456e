"""Checkpoints of transformers: ``config.json`` describes the towers, another file the preprocessing.

Where a key is absent, the default of transformers' own classes applies: configs omit default values.
"""

from __future__ import annotations

from math import isclose
from pathlib import Path
from typing import Final

from lookalike.encoders.checkpoints.config_object import ConfigObject
from lookalike.encoders.checkpoints.preprocessing import (
    LEVELS,
    check_side,
    clip_default,
    read_levels,
    read_preprocessing,
)
from lookalike.encoders.checkpoints.rules import (
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

_ACTIVATION: Final = "quick_gelu"
_IMAGE_HEADS: Final = 12
_TEXT_HEADS: Final = 8


def read_clip_rules(towers: ClipTowers, activation: Activation | None) -> Rules:
    """The rules of a CLIP saved by transformers; ``activation`` overrides the config.

    Raises :class:`~lookalike.errors.WeightsError` if a config is invalid, unsupported or of other tensors, and
    :class:`~lookalike.errors.UnknownActivationError` if there is neither a config nor ``activation``.
    """
    folder = towers.file.parent
    config = ConfigObject.read(folder / "config.json")
    # A config.json without this key is timm's.
    is_own = "model_type" in config
    settings = _settings(config, towers, activation) if is_own else settings_without_config(towers, activation)
    return Rules(_preprocessing(_read_image_processor(folder), towers.image.side), settings)


def _settings(config: ConfigObject, towers: ClipTowers, override: Activation | None) -> ClipSettings:
    image, text = _tower_configs(config)
    check_tower(image)
    if towers.text is not None:
        check_tower(text)
    check_sizes(image, towers)
    names = [tower.string("hidden_act") or _ACTIVATION for tower in (image, text)[: 2 if towers.text else 1]]
    activation = choose_activation(config.path, names, override)
    image_heads = image.count("num_attention_heads") or _IMAGE_HEADS
    image_head = head_width(config.path, towers.image.width, image_heads)
    if towers.text is None:
        return ClipSettings(activation, image_head)
    text_heads = text.count("num_attention_heads") or _TEXT_HEADS
    return ClipSettings(activation, image_head, head_width(config.path, towers.text.width, text_heads))


def _tower_configs(config: ConfigObject) -> tuple[ConfigObject, ConfigObject]:
    """The configs of both towers; that of an image tower alone (CLIPVisionModelWithProjection) has no sections."""
    if "vision_config" in config or "text_config" in config:
        return config.section("vision_config"), config.section("text_config")
    return config, ConfigObject(config.path)


def _read_image_processor(folder: Path) -> ConfigObject:
    """The preprocessing config; as in the library, its newer file takes precedence."""
    newer = ConfigObject.read(folder / "processor_config.json").section("image_processor")
    return (newer or ConfigObject.read(folder / "preprocessor_config.json")).without_nulls()


def _preprocessing(config: ConfigObject, side: int) -> Preprocessing:
    default = clip_default(side)
    _check_processor(config)
    check_side(config, "crop_size", _crop_side(config), side)
    factor = config.number("rescale_factor") or 1 / LEVELS
    full = LEVELS if isclose(factor * LEVELS, 1, rel_tol=1e-6) else 1 / factor
    if config.flag("do_normalize", default=True):
        levels = read_levels(config, ("image_mean", "image_std"), default, full)
    else:
        levels = (0.0, 0.0, 0.0), (full, full, full)
    return read_preprocessing(config, default, _resize_side(config) or side, "resample", levels)


def _check_processor(config: ConfigObject) -> None:
    """Raise an error if the processor isn't CLIP's, or one of its steps is switched off or on."""
    for key in ("image_processor_type", "feature_extractor_type"):
        name = config.string(key)
        if name is not None and not name.startswith("CLIP"):
            raise WeightsError(f"{config.path}: {name} is not supported; only CLIP's preprocessing is")
    # Without rescaling, the scale of the network's input is unknown.
    for key in ("do_resize", "do_center_crop", "do_rescale"):
        config.require(key, True)  # noqa: FBT003  a value of the config
    config.require("do_pad", False)  # noqa: FBT003


def _crop_side(config: ConfigObject) -> int | None:
    if not isinstance(config.values.get("crop_size"), dict):
        return config.count("crop_size")
    crop = config.section("crop_size")
    height, width = crop.count("height"), crop.count("width")
    if height is None or height != width:
        raise config.value_error("crop_size", "the height and width of a square")
    return height


def _resize_side(config: ConfigObject) -> int | None:
    if not isinstance(config.values.get("size"), dict):
        return config.count("size")
    size = config.section("size").without_nulls()
    if size.values.keys() != {"shortest_edge"}:
        raise config.value_error("size", "a single shortest_edge, which is how CLIP resizes images")
    return size.count("shortest_edge")
