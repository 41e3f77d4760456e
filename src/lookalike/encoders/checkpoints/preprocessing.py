"""The preprocessing of a network according to its config: sizes, resampling, mean and std."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from pathlib import Path
from typing import Final

from lookalike.encoders.catalog import CLIP_MEAN, CLIP_STD, IMAGENET
from lookalike.encoders.checkpoints.config_object import ConfigObject, library_config
from lookalike.encoders.spec import Preprocessing, Resample
from lookalike.errors import WeightsError

# transformers writes Pillow's numbers, 2 and 3; the other libraries write names.
_RESAMPLES: Final[Mapping[object, Resample]] = {
    2: "bilinear",
    3: "bicubic",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
}
_LEVELS: Final = 255.0
_MAX_SIDE: Final = 10_000

_Rgb = tuple[float, float, float]


def clip_preprocessing(folder: Path, convention: str, side: int) -> Preprocessing:
    """The preprocessing for a CLIP of ``side`` pixels: from its config, else CLIP's own.

    Raises :class:`~lookalike.errors.WeightsError` if the config is unsupported.
    """
    default = Preprocessing(side, side, "bicubic", CLIP_MEAN, CLIP_STD)
    if convention == "transformers":
        return _of_transformers(_image_processor(folder), default)
    if convention == "timm":
        config = _pretrained(folder)
        _check_side(config, "input_size", _input_side(config), side)
        return _of_timm(config, default)
    config = library_config(folder, convention).section("preprocess_cfg").without_nulls()
    config.require("resize_mode", "shortest")
    _check_side(config, "size", config.square_side("size"), side)
    return _preprocessing(config, default, side, "interpolation", _levels(config, ("mean", "std"), default))


def imagenet_preprocessing(folder: Path) -> Preprocessing:
    """The preprocessing for a ResNet or a VGG: from timm's config in ``folder``, else the usual one of ImageNet.

    Raises :class:`~lookalike.errors.WeightsError` if the config is unsupported.
    """
    config = _pretrained(folder)
    size = _input_side(config) or IMAGENET.crop
    resize = int(size / (IMAGENET.crop / IMAGENET.resize))
    return _of_timm(config, Preprocessing(resize, size, IMAGENET.resample, IMAGENET.mean, IMAGENET.std))


def _image_processor(folder: Path) -> ConfigObject:
    """The preprocessing config of transformers; as in the library, its newer file takes precedence."""
    newer = ConfigObject.read(folder / "processor_config.json").section("image_processor")
    return (newer or ConfigObject.read(folder / "preprocessor_config.json")).without_nulls()


def _pretrained(folder: Path) -> ConfigObject:
    """The preprocessing config of timm: an object of its own, or in older files part of the main object."""
    config = library_config(folder, "timm")
    return (config.section("pretrained_cfg") if "pretrained_cfg" in config else config).without_nulls()


def _input_side(config: ConfigObject) -> int | None:
    """The side in pixels from timm's ``input_size``, which is channels, height and width."""
    match config.values.get("input_size", ()):
        case [3, height, width]:
            return ConfigObject(config.path, {"input_size": [height, width]}).square_side("input_size")
        case ():
            return None
        case _:
            raise config.value_error("input_size", "3 channels, a height and a width")


def _check_side(config: ConfigObject, key: str, stated: int | None, side: int) -> None:
    if stated not in (None, side):
        raise config.value_error(key, f"the {side} pixels of the tensors")


def _of_transformers(config: ConfigObject, default: Preprocessing) -> Preprocessing:
    for key in ("image_processor_type", "feature_extractor_type"):
        name = config.string(key)
        if name is not None and not name.startswith("CLIP"):
            raise WeightsError(f"{config.path}: {name} is not supported; only CLIP's preprocessing is")
    for key in ("do_resize", "do_center_crop"):
        config.require(key, True)  # noqa: FBT003  a value of the config
    # Without rescaling, the scale of the network's input is unknown.
    config.require("do_rescale", True)  # noqa: FBT003
    config.require("do_pad", False)  # noqa: FBT003
    _check_side(config, "crop_size", _crop_side(config), default.crop)
    factor = config.number("rescale_factor") or 1 / _LEVELS
    full = _LEVELS if isclose(factor * _LEVELS, 1, rel_tol=1e-6) else 1 / factor
    if config.flag("do_normalize", default=True):
        levels = _levels(config, ("image_mean", "image_std"), default, full)
    else:
        levels = (0.0, 0.0, 0.0), (full, full, full)
    return _preprocessing(config, default, _resize_side(config) or default.resize, "resample", levels)


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


def _of_timm(config: ConfigObject, default: Preprocessing) -> Preprocessing:
    config.require("crop_mode", "center")
    ratio = config.number("crop_pct")
    resize = default.resize if ratio is None else int(default.crop / ratio)
    return _preprocessing(config, default, resize, "interpolation", _levels(config, ("mean", "std"), default))


def _levels(
    config: ConfigObject, keys: tuple[str, str], default: Preprocessing, full: float = _LEVELS
) -> tuple[_Rgb, _Rgb]:
    """Mean and std in 8-bit levels; the config's values are fractions of ``full``, the level that becomes 1."""
    mean, std = config.rgb(keys[0]), config.rgb(keys[1], positive=True)
    return (
        _scale(default.mean, full / _LEVELS) if mean is None else _scale(mean, full),
        _scale(default.std, full / _LEVELS) if std is None else _scale(std, full),
    )


def _scale(rgb: _Rgb, factor: float) -> _Rgb:
    red, green, blue = (value * factor for value in rgb)
    return red, green, blue


def _preprocessing(
    config: ConfigObject, default: Preprocessing, resize: int, resample_key: str, levels: tuple[_Rgb, _Rgb]
) -> Preprocessing:
    """Check the size and the resampling, which is stored under ``resample_key``."""
    if not default.crop <= resize <= _MAX_SIDE:
        raise WeightsError(f"{config.path}: images can't be resized to {resize} pixels and cropped to {default.crop}")
    resample = config.values.get(resample_key, default.resample)
    if not isinstance(resample, (int, str)) or resample not in _RESAMPLES:
        raise config.value_error(resample_key, "bicubic or bilinear")
    return Preprocessing(resize, default.crop, _RESAMPLES[resample], *levels)
