"""What the libraries' preprocessing configs have in common: sizes, resampling, mean and std."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lookalike.encoders.catalog import CLIP_MEAN, CLIP_STD
from lookalike.encoders.checkpoints.config_object import ConfigObject
from lookalike.encoders.spec import Preprocessing, Resample
from lookalike.errors import WeightsError

LEVELS: Final = 255.0
"""The highest 8-bit level."""

# transformers writes Pillow's numbers, 2 and 3; the other libraries write names.
_RESAMPLES: Final[Mapping[object, Resample]] = {
    2: "bilinear",
    3: "bicubic",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
}
_MAX_SIDE: Final = 10_000

Rgb = tuple[float, float, float]


def clip_default(side: int) -> Preprocessing:
    """The preprocessing of a CLIP of ``side`` pixels whose config says nothing else."""
    return Preprocessing(side, side, "bicubic", CLIP_MEAN, CLIP_STD)


def check_side(config: ConfigObject, key: str, stated: int | None, side: int) -> None:
    """Raise :class:`~lookalike.errors.WeightsError` if the config states another side than that of the tensors."""
    if stated not in (None, side):
        raise config.value_error(key, f"the {side} pixels of the tensors")


def read_levels(
    config: ConfigObject, keys: tuple[str, str], default: Preprocessing, full: float = LEVELS
) -> tuple[Rgb, Rgb]:
    """Mean and std in 8-bit levels; the config's values are fractions of ``full``, the level that becomes 1."""
    mean, std = config.rgb(keys[0]), config.rgb(keys[1], positive=True)
    return (
        _scale(default.mean, full / LEVELS) if mean is None else _scale(mean, full),
        _scale(default.std, full / LEVELS) if std is None else _scale(std, full),
    )


def _scale(rgb: Rgb, factor: float) -> Rgb:
    red, green, blue = (value * factor for value in rgb)
    return red, green, blue


def read_preprocessing(
    config: ConfigObject, default: Preprocessing, resize: int, resample_key: str, levels: tuple[Rgb, Rgb]
) -> Preprocessing:
    """Check ``resize`` and the resampling, which is the value of ``resample_key``, and combine all parts."""
    if not default.crop <= resize <= _MAX_SIDE:
        raise WeightsError(f"{config.path}: images can't be resized to {resize} pixels and cropped to {default.crop}")
    resample = config.values.get(resample_key, default.resample)
    if not isinstance(resample, (int, str)) or resample not in _RESAMPLES:
        raise config.value_error(resample_key, "bicubic or bilinear")
    return Preprocessing(resize, default.crop, _RESAMPLES[resample], *levels)
