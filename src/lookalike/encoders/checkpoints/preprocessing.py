"""What the config files beside a checkpoint tell of preprocessing: sizes, resampling, mean and std."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from pathlib import Path
from typing import Final

from lookalike.encoders.catalog import CLIP_MEAN, CLIP_STD, IMAGENET
from lookalike.encoders.checkpoints.config_table import Table, library_config
from lookalike.encoders.spec import Preprocessing, Resample
from lookalike.errors import WeightsError

# Both from the classes that write these files: 2 and 3 are Pillow's own numbers.
_RESAMPLES: Final[Mapping[object, Resample]] = {
    2: "bilinear",
    3: "bicubic",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
}
_LEVELS: Final = 255.0
_LARGEST: Final = 10_000

_Colours = tuple[float, float, float]


def clip_preprocessing(folder: Path, convention: str, side: int) -> Preprocessing:
    """How pictures are prepared for a CLIP of ``side`` pixels: as its config says, else as CLIP itself does.

    Raises :class:`~lookalike.errors.WeightsError` where a config asks for what isn't known here.
    """
    own = Preprocessing(side, side, "bicubic", CLIP_MEAN, CLIP_STD)
    if convention == "transformers":
        return _of_transformers(_image_processor(folder), own)
    if convention == "timm":
        told = _pretrained(folder)
        _agree(told, "input_size", _input_side(told), side)
        return _of_timm(told, own)
    told = library_config(folder, convention).table("preprocess_cfg").without_nulls()
    told.only("resize_mode", "shortest")
    _agree(told, "size", told.side("size"), side)
    return _preprocessing(told, own, side, "interpolation", _levels(told, ("mean", "std"), own))


def imagenet_preprocessing(folder: Path) -> Preprocessing:
    """How pictures are prepared for a ResNet or a VGG: as timm's config in ``folder`` says, else as usual.

    Raises :class:`~lookalike.errors.WeightsError` where the config asks for what isn't known here.
    """
    told = _pretrained(folder)
    size = _input_side(told) or IMAGENET.crop
    resize = int(size / (IMAGENET.crop / IMAGENET.resize))
    return _of_timm(told, Preprocessing(resize, size, IMAGENET.resample, IMAGENET.mean, IMAGENET.std))


def _image_processor(folder: Path) -> Table:
    """What transformers wrote of preprocessing; as in the library, its newer file counts before the older."""
    newer = Table.read(folder / "processor_config.json").table("image_processor")
    return (newer or Table.read(folder / "preprocessor_config.json")).without_nulls()


def _pretrained(folder: Path) -> Table:
    """What timm wrote of preprocessing: an object of its own, or in older files among the rest."""
    config = library_config(folder, "timm")
    return (config.table("pretrained_cfg") if "pretrained_cfg" in config else config).without_nulls()


def _input_side(told: Table) -> int | None:
    """The side in pixels of timm's ``input_size``, which is channels, height and width."""
    match told.values.get("input_size", ()):
        case [3, height, width]:
            return Table(told.path, {"input_size": [height, width]}).side("input_size")
        case ():
            return None
        case _:
            raise told.wrong("input_size", "3 channels, a height and a width")


def _agree(told: Table, key: str, found: int | None, side: int) -> None:
    if found not in (None, side):
        raise told.wrong(key, f"the {side} pixels that the tensors take")


def _of_transformers(told: Table, own: Preprocessing) -> Preprocessing:
    for key in ("image_processor_type", "feature_extractor_type"):
        name = told.word(key)
        if name is not None and not name.startswith("CLIP"):
            raise WeightsError(f"{told.path}: prepares pictures by {name}; only CLIP's own way is known here")
    for key in ("do_resize", "do_center_crop"):
        told.only(key, True)  # noqa: FBT003  it is what a config may say
    # Nothing tells on which scale pictures come to a model that doesn't rescale them.
    told.only("do_rescale", True)  # noqa: FBT003
    told.only("do_pad", False)  # noqa: FBT003
    _agree(told, "crop_size", _crop_side(told), own.crop)
    factor = told.number("rescale_factor") or 1 / _LEVELS
    full = _LEVELS if isclose(factor * _LEVELS, 1, rel_tol=1e-6) else 1 / factor
    if told.flag("do_normalize", default=True):
        levels = _levels(told, ("image_mean", "image_std"), own, full)
    else:
        levels = (0.0, 0.0, 0.0), (full, full, full)
    return _preprocessing(told, own, _resized_side(told) or own.resize, "resample", levels)


def _crop_side(told: Table) -> int | None:
    if not isinstance(told.values.get("crop_size"), dict):
        return told.count("crop_size")
    crop = told.table("crop_size")
    height, width = crop.count("height"), crop.count("width")
    if height is None or height != width:
        raise told.wrong("crop_size", "the height and width of a square")
    return height


def _resized_side(told: Table) -> int | None:
    if not isinstance(told.values.get("size"), dict):
        return told.count("size")
    size = told.table("size").without_nulls()
    if size.values.keys() != {"shortest_edge"}:
        raise told.wrong("size", "a shortest_edge alone, which is how CLIP resizes pictures")
    return size.count("shortest_edge")


def _of_timm(told: Table, own: Preprocessing) -> Preprocessing:
    told.only("crop_mode", "center")
    share = told.number("crop_pct")
    resize = own.resize if share is None else int(own.crop / share)
    return _preprocessing(told, own, resize, "interpolation", _levels(told, ("mean", "std"), own))


def _levels(told: Table, keys: tuple[str, str], own: Preprocessing, full: float = _LEVELS) -> tuple[_Colours, _Colours]:
    """Mean and std in 8-bit levels; a config gives them as shares of ``full``, the level that becomes 1."""
    mean, std = told.three(keys[0]), told.three(keys[1], positive=True)
    return (
        _times(own.mean, full / _LEVELS) if mean is None else _times(mean, full),
        _times(own.std, full / _LEVELS) if std is None else _times(std, full),
    )


def _times(colours: _Colours, factor: float) -> _Colours:
    red, green, blue = (colour * factor for colour in colours)
    return red, green, blue


def _preprocessing(
    told: Table, own: Preprocessing, resize: int, resample: str, levels: tuple[_Colours, _Colours]
) -> Preprocessing:
    """``own`` with what is told instead; ``resample`` is the key of how pictures are resized."""
    if not own.crop <= resize <= _LARGEST:
        raise WeightsError(f"{told.path}: resizes pictures to {resize} pixels and crops {own.crop} of them")
    how = told.values.get(resample, own.resample)
    if not isinstance(how, (int, str)) or how not in _RESAMPLES:
        raise told.wrong(resample, "one of the two that are known here, bicubic and bilinear")
    return Preprocessing(resize, own.crop, _RESAMPLES[how], *levels)
