"""Convert colours to sRGB by the ICC profile of an image."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

# A profile that moves no colour by more than this many levels is sRGB, or as good as it. Rounding moves one or two.
_TOLERANCE: Final = 2
_LATTICE_STEPS: Final = 9
_LARGEST_PROFILE: Final = 16 << 20


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow image of mode L, RGB, CMYK or LAB to RGB in sRGB by its profile (``info["icc_profile"]``).

    An image without a profile, or with one that is damaged or made for another mode, keeps its values; LAB needs none.
    """
    transform = _transform_of(image)
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    converted: Image.Image = transform.apply(image)
    converted.info.pop("icc_profile", None)
    return converted


def changes_colours(image: Image.Image) -> bool:
    """Whether :func:`to_srgb` changes the colours of a Pillow image of mode L, RGB or CMYK; False for other modes."""
    return image.mode in ("L", "RGB", "CMYK") and _transform_of(image) is not None


def _transform_of(image: Image.Image) -> Any:
    profile = image.info.get("icc_profile")
    if image.mode == "LAB":
        return _transform(b"", "LAB")
    if isinstance(profile, bytes) and 0 < len(profile) <= _LARGEST_PROFILE:
        return _transform(profile, image.mode)
    return None


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> Any:
    """The transform from ``profile`` to sRGB; None if it is unusable or changes nothing worth the time."""
    try:
        source: Any = ImageCms.createProfile("LAB") if mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if mode in ("L", "RGB") and _is_identity(transform, mode):
        return None
    return transform


def _is_identity(transform: Any, mode: str) -> bool:
    steps = np.linspace(0, 255, _LATTICE_STEPS).astype(np.uint8)
    axes = np.meshgrid(*[steps] * len(mode), indexing="ij")
    lattice = np.stack([axis.ravel() for axis in axes], axis=-1)
    image = Image.fromarray(lattice[np.newaxis] if mode == "RGB" else lattice.T)
    moved = np.asarray(transform.apply(image)).astype(np.int16)[0] - lattice
    return int(np.abs(moved).max()) <= _TOLERANCE
