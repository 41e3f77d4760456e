"""What the config files beside a checkpoint tell of its computation: activation, heads, and options not known here.

Each library writes its own, so which file counts is decided by the naming convention of the tensors. Where a key is
absent the library's own default counts, for that is what the checkpoint was trained with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.encoders.checkpoints.config_table import Table, library_config
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
_WIDEST_OF_64: Final = 1024

# Options that change the computation without leaving a trace in the tensors, and the only values known here.
_PLAIN: Final[Mapping[str, tuple[object, ...]]] = {
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
_PLAIN_RESNET: Final[Mapping[str, tuple[object, ...]]] = {
    "global_pool": ("avg",),
    "output_stride": (32,),
    "act_layer": ("relu", None),
    "norm_layer": (None,),
    "aa_layer": ("", None),
}
# Others are named otherwise: resnetblur50, for one, has the same tensors and blurs between them.
_PLAIN_RESNET_NAME: Final = re.compile(r"(tv_|wide_)?resnet\d+(_\d)?")

# The classes that write configs leave out what is their default: heads of the image tower and of the text tower.
_TRANSFORMERS_HEADS: Final = (12, 8)
_OPEN_CLIP_TEXT_HEADS: Final = 8
# What timm's own functions say, by the size in the network's name.
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
    """What the tensors of the CLIP checkpoint ``file`` don't tell, from the config beside it and from the caller.

    ``sizes`` are those of the image tower and of the text tower, if any. Raises
    :class:`~lookalike.errors.UnknownActivationError` where neither tells the activation, and
    :class:`~lookalike.errors.WeightsError` where the config asks for a computation that isn't known here, isn't the
    config of these tensors, or has values of a wrong kind.
    """
    image, text = sizes
    config = library_config(file.parent, convention)
    image_config, text_config = _towers(config, convention)
    for tower in (image_config, text_config)[: 2 if text else 1]:
        for option, known in _PLAIN.items():
            tower.only(option, *known)
    if convention == "timm":
        config.only("global_pool", *_PLAIN["global_pool"])
    _check_sizes(file, image_config, image)
    found = _activation(config, image_config, text_config if text else None, convention, activation)
    if found is None:
        raise UnknownActivationError(
            f"{file}: nothing beside this checkpoint tells which activation it was trained with, and the wrong one "
            "spoils its embeddings; say which: --activation quickgelu (OpenAI's weights and what began from them) "
            "or --activation gelu (LAION, DataComp and most others)"
        )
    if not config:
        return ClipSettings(found, _usual_head(file, image.width), _usual_head(file, text.width) if text else _HEAD)
    head = _image_head(config, image_config, image.width, convention)
    return ClipSettings(found, head, _text_head(text_config, text.width, convention) if text else _HEAD)


def refuse_unknown_resnet(folder: Path) -> None:
    """Refuse a ResNet whose config by timm in ``folder`` asks for a computation that isn't known here."""
    config = library_config(folder, "timm")
    name = config.word("architecture")
    if name is not None and not _PLAIN_RESNET_NAME.fullmatch(name):
        raise WeightsError(f"{config.path}: this is timm's {name}; of its ResNets only the plain ones are known here")
    for table in (config, config.table("model_args")):
        for option, known in _PLAIN_RESNET.items():
            table.only(option, *known)


def _towers(config: Table, convention: str) -> tuple[Table, Table]:
    """What the config says of the image tower and of the text tower."""
    if convention == "open_clip":
        model = config.table("model_cfg")
        return model.table("vision_cfg"), model.table("text_cfg")
    if convention == "timm":
        return config.table("model_args"), Table(config.path)
    if "vision_config" in config or "text_config" in config:
        return config.table("vision_config"), config.table("text_config")
    return config, Table(config.path)


def _check_sizes(file: Path, tower: Table, sizes: ImageSizes) -> None:
    """Refuse the config of another checkpoint, and of a network for pictures that aren't square."""
    for key, found in (("image_size", sizes.side), ("img_size", sizes.side), ("patch_size", sizes.patch)):
        told = tower.side(key)
        if told not in (None, found):
            raise WeightsError(
                f"{tower.path}: {key} is {told}, but the tensors of {file.name} make it {found}; put the "
                "checkpoint's own config beside it"
            )


def _activation(
    config: Table, image: Table, text: Table | None, convention: str, answer: Activation | None
) -> Activation | None:
    """The activation of both towers; ``answer`` is believed first, but where the towers differ it can't be true."""
    if not config:
        return answer
    if convention == "open_clip":  # the library's own default where the key is absent
        quick = config.table("model_cfg").flag("quick_gelu", default=False)
        names = ["quick_gelu" if quick else "gelu"]
    elif convention == "timm":
        quick = "quickgelu" in (config.word("architecture") or "")
        names = [image.word("act_layer") or ("quick_gelu" if quick else "gelu")]
    else:  # CLIPVisionConfig and CLIPTextConfig default to quick_gelu, and older files leave defaults out
        names = [tower.word("hidden_act") or "quick_gelu" for tower in (image, text) if tower is not None]
    found = [_ACTIVATIONS.get(name) for name in names]
    if found[0] != found[-1]:
        raise WeightsError(
            f"{config.path}: the activation of the image tower is {names[0]} and that of the text tower {names[-1]}; "
            "a checkpoint whose towers differ is not supported, whatever --activation says. Save the image tower "
            "alone (CLIPVisionModelWithProjection) to search by pictures"
        )
    if answer is None and found[0] is None:
        raise WeightsError(f"{config.path}: asks for the activation {names[0]!r}; known: quick_gelu, gelu")
    return answer or found[0]


def _usual_head(file: Path, width: int) -> int:
    """How wide a head is where there is no config: all CLIPs up to ViT-L have heads of 64."""
    if width > _WIDEST_OF_64:
        raise WeightsError(f"{file}: nothing tells how many heads a ViT of width {width} has; put its config beside it")
    return _HEAD


def _image_head(config: Table, tower: Table, width: int, convention: str) -> int:
    if convention == "open_clip":
        head = tower.count("head_width") or _HEAD
        if width % head:
            raise WeightsError(f"{tower.path}: a width of {width} makes no whole heads of {head}")
        return head
    if convention == "transformers":
        return _share(tower, width, tower.count("num_attention_heads") or _TRANSFORMERS_HEADS[0])
    name = config.word("architecture") or ""
    usual = next((heads for start, heads in _TIMM_HEADS if name.startswith(start)), None)
    heads = tower.count("num_heads") or usual
    if heads is None:
        raise WeightsError(
            f"{config.path}: how many heads timm's {name!r} has is not known here, and its model_args have no "
            "num_heads; add them"
        )
    return _share(tower, width, heads)


def _text_head(tower: Table, width: int, convention: str) -> int:
    if convention == "open_clip":
        return _share(tower, width, tower.count("heads") or _OPEN_CLIP_TEXT_HEADS)
    return _share(tower, width, tower.count("num_attention_heads") or _TRANSFORMERS_HEADS[1])


def _share(tower: Table, width: int, heads: int) -> int:
    """How wide each of ``heads`` heads is."""
    if width % heads:
        raise WeightsError(
            f"{tower.path}: a width of {width} can't be shared by {heads} heads; put the checkpoint's own config "
            "beside it"
        )
    return width // heads
