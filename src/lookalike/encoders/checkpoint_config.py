"""What the config files beside a checkpoint tell: activation, width of heads, preprocessing.

Each library writes its own, so which file counts is decided by the naming convention of the tensors: a folder may
hold those of several (``open_clip_config.json``; ``config.json`` of transformers, told by ``model_type``, or of timm,
told by ``architecture``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.catalog import CLIP_MEAN, CLIP_STD, IMAGENET
from lookalike.encoders.spec import Activation, ClipSettings, Preprocessing, Resample
from lookalike.errors import UnknownActivationError, WeightsError

_ACTIVATIONS: Final[Mapping[str, Activation]] = {
    "quick_gelu": "quickgelu",
    "quickgelu": "quickgelu",
    "QuickGELU": "quickgelu",
    "gelu": "gelu",
    "GELU": "gelu",
}
# Both from the classes that write these files: 2 and 3 are Pillow's own numbers.
_RESAMPLES: Final[Mapping[object, Resample]] = {
    2: "bilinear",
    3: "bicubic",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
}
_LEVELS: Final = 255.0
_HEAD: Final = 64
_WIDEST_OF_64: Final = 1024

# Options that change the computation without leaving a trace in the tensors, and the only values known here.
_PLAIN: Final[Mapping[str, tuple[object, ...]]] = {
    "pool_type": ("tok", "argmax", None),
    "attentional_pool": (False, None),
    "final_ln_after_pool": (False, None),
    "no_causal_mask": (False, None),
    "act_kwargs": ({}, None),
    "norm_kwargs": ({}, None),
    "scaled_cosine_attn": (False, None),
    "layer_norm_eps": (1e-5, None),
}


def clip_settings(
    file: Path, convention: str, widths: tuple[int, int | None], activation: Activation | None
) -> ClipSettings:
    """What the tensors of the CLIP checkpoint ``file`` don't tell, from the config beside it and from the caller.

    ``widths`` are those of the image tower and of the text tower, if any. Raises
    :class:`~lookalike.errors.UnknownActivationError` where neither tells the activation, and
    :class:`~lookalike.errors.WeightsError` where the config asks for a computation that isn't known here.
    """
    config = _config(file.parent, convention)
    image, text = _towers(config, convention)
    for option, value in (*image.items(), *text.items()):
        if value not in _PLAIN.get(option, (value,)):
            raise WeightsError(f"{file.parent}: its config asks for {option} {value!r}, which is not known here")
    found = activation or _activation(file, config, (image, text), convention)
    if found is None:
        raise UnknownActivationError(
            f"{file}: nothing beside this checkpoint tells which activation it was trained with, and the wrong one "
            "spoils its embeddings; say which: --activation quickgelu (OpenAI's weights and what began from them) "
            "or --activation gelu (LAION, DataComp and most others)"
        )
    width, text_width = widths
    text_head = _head(file, text, text_width, convention) if text_width else _HEAD
    return ClipSettings(found, _head(file, image, width, convention), text_head)


def clip_preprocessing(folder: Path, convention: str, side: int) -> Preprocessing:
    """How pictures are prepared for a CLIP of ``side`` pixels: as its config says, else as CLIP itself does."""
    own = Preprocessing(side, side, "bicubic", CLIP_MEAN, CLIP_STD)
    if convention == "transformers":
        return _of_transformers(_json(folder / "preprocessor_config.json"), own, folder)
    config = _config(folder, convention)
    if convention == "timm":
        return _of_timm(config.get("pretrained_cfg", config), own, folder)
    told = config.get("preprocess_cfg", {})
    if told.get("resize_mode", "shortest") != "shortest":
        raise WeightsError(
            f"{folder}: its config asks for resize_mode {told['resize_mode']!r}, which is not known here"
        )
    return _preprocessing(
        folder, own, resize=side, resample=told.get("interpolation"), mean=told.get("mean"), std=told.get("std")
    )


def imagenet_preprocessing(folder: Path) -> Preprocessing:
    """How pictures are prepared for a ResNet or a VGG: as timm's config in ``folder`` says, else as usual."""
    config = _config(folder, "timm")
    told = config.get("pretrained_cfg", config)
    size = told.get("input_size", (3, IMAGENET.crop, IMAGENET.crop))[-1]
    own = Preprocessing(
        int(size / told.get("crop_pct", IMAGENET.crop / IMAGENET.resize)),
        size,
        IMAGENET.resample,
        IMAGENET.mean,
        IMAGENET.std,
    )
    return _of_timm(told, own, folder)


def _config(folder: Path, convention: str) -> Mapping[str, Any]:
    """The config that the library of ``convention`` wrote; empty where it wrote none."""
    if convention == "open_clip":
        return _json(folder / "open_clip_config.json")
    config = _json(folder / "config.json")
    mark = "model_type" if convention == "transformers" else "architecture"
    return config if mark in config else {}


def _json(path: Path) -> Mapping[str, Any]:
    """The table in the file ``path``; empty where there is no such file."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: can't be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: not a config, which would be a JSON object")
    return content


def _towers(config: Mapping[str, Any], convention: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the config says of the image tower and of the text tower."""
    if convention == "open_clip":
        model = config.get("model_cfg", {})
        return model.get("vision_cfg", {}), model.get("text_cfg", {})
    if convention == "timm":
        return config.get("model_args", {}), {}
    if "vision_config" in config or "text_config" in config:
        return config.get("vision_config") or {}, config.get("text_config") or {}
    return config, {}


def _activation(
    file: Path, config: Mapping[str, Any], towers: Iterable[Mapping[str, Any]], convention: str
) -> Activation | None:
    if not config:
        return None
    if convention == "open_clip":  # the library's own default where the key is absent
        return "quickgelu" if config.get("model_cfg", {}).get("quick_gelu", False) else "gelu"
    if convention == "timm":
        quick = "quickgelu" in str(config["architecture"])
        names = {config.get("model_args", {}).get("act_layer", "quick_gelu" if quick else "gelu")}
    else:  # CLIPVisionConfig and CLIPTextConfig default to quick_gelu, and older files leave defaults out
        names = {tower.get("hidden_act", "quick_gelu") for tower in towers if tower} or {"quick_gelu"}
    found = {_ACTIVATIONS.get(str(name)) for name in names}
    if len(found) == 1 and None not in found:
        return found.pop()
    raise WeightsError(f"{file.parent}: its config asks for the activation {sorted(map(str, names))}, not known here")


def _head(file: Path, tower: Mapping[str, Any], width: int, convention: str) -> int:
    """How wide one head of attention is."""
    heads = tower.get({"open_clip": "heads", "transformers": "num_attention_heads", "timm": "num_heads"}[convention])
    if "head_width" in tower:
        return int(tower["head_width"])
    if heads is not None:
        return width // int(heads)
    if width > _WIDEST_OF_64 and not tower:
        raise WeightsError(f"{file}: nothing tells how many heads a ViT of width {width} has; put its config beside it")
    return _HEAD


def _of_transformers(told: Mapping[str, Any], own: Preprocessing, folder: Path) -> Preprocessing:
    size = told.get("size", own.resize)
    resize = size.get("shortest_edge") if isinstance(size, Mapping) else size
    crop = told.get("crop_size", own.crop)
    side = crop.get("height") if isinstance(crop, Mapping) else crop
    if resize is None or side != own.crop or not told.get("do_center_crop", True):
        raise WeightsError(
            f"{folder}: preprocessor_config.json does not resize and crop to the {own.crop} pixels it needs"
        )
    return _preprocessing(
        folder,
        own,
        resize=resize,
        resample=told.get("resample"),
        mean=told.get("image_mean"),
        std=told.get("image_std"),
    )


def _of_timm(told: Mapping[str, Any], own: Preprocessing, folder: Path) -> Preprocessing:
    if told.get("crop_mode", "center") != "center":
        raise WeightsError(f"{folder}: its config asks for crop_mode {told['crop_mode']!r}, which is not known here")
    resize = int(own.crop / told["crop_pct"]) if told.get("crop_pct") else own.resize
    return _preprocessing(
        folder, own, resize=resize, resample=told.get("interpolation"), mean=told.get("mean"), std=told.get("std")
    )


def _preprocessing(
    folder: Path, own: Preprocessing, *, resize: int, resample: object, mean: Any, std: Any
) -> Preprocessing:
    """``own`` with whatever is told instead (else None); ``mean`` and ``std`` are shares of the full level."""
    if resample is not None and resample not in _RESAMPLES:
        raise WeightsError(f"{folder}: its config asks for resampling {resample!r}; known: bicubic, bilinear")
    return Preprocessing(
        resize,
        own.crop,
        own.resample if resample is None else _RESAMPLES[resample],
        own.mean if mean is None else _levels(mean),
        own.std if std is None else _levels(std),
    )


def _levels(shares: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = (share * _LEVELS for share in shares)
    return red, green, blue
