"""Samples as a file stores them, and their conversion to 8-bit Pillow images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.pixels.levels import Declared, Levels, find_levels, find_missing

_MODES: Final = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA", (4, False): "CMYK"}
"""The Pillow mode by the number of colour bands and whether there is alpha."""
_CMYK: Final = 4

# Samples are converted in strips of this many, because the conversion takes 4 or 8 bytes each.
_STRIP_SAMPLES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Samples:
    """Decoded samples.

    ``values`` is (height, width, bands), integers or floats. The first ``colours`` bands are grey (1), RGB (3) or CMYK
    (4). The band ``alpha`` is transparency, by which the colours are already multiplied if ``premultiplied``; other
    bands are not used. ``inverted`` means that white is the smallest value. ``profile`` is an ICC profile.
    """

    values: NDArray[Any]
    colours: int
    alpha: int | None = None
    premultiplied: bool = False
    inverted: bool = False
    declared: Declared = field(default_factory=Declared)
    profile: bytes | None = None

    @classmethod
    def of(cls, values: NDArray[Any], declared: Declared | None = None, profile: bytes | None = None) -> Samples:
        """Samples (height, width) or (height, width, bands) of grey, grey and alpha, RGB, or RGB and alpha."""
        values = values.reshape(*values.shape[:2], -1)
        bands = values.shape[2]
        colours = 1 if bands < 3 else 3  # noqa: PLR2004  RGB
        alpha = colours if bands in (2, 4) else None
        return cls(values, colours, alpha, declared=declared or Declared(), profile=profile)


def to_pillow(samples: Samples, levels: Levels | None = None) -> Image.Image:
    """Convert to 8 bits, in a Pillow mode that fits: L, LA, RGB, RGBA or CMYK.

    ``levels`` replaces the levels of the image if it has more than 8 bits. Samples without data become transparent.
    """
    colours = samples.values[..., : samples.colours]
    missing = find_missing(colours, samples.declared)
    chosen = levels if levels is not None and not _has_8_bits(colours) else None
    chosen = chosen or find_levels(colours, samples.declared, missing)
    if samples.inverted:
        chosen = Levels(chosen.white, chosen.black)
    transparent = samples.colours != _CMYK and (samples.alpha is not None or missing is not None)
    mode = _MODES[samples.colours, transparent]
    pixels = np.empty((*samples.values.shape[:2], len(mode)), np.uint8)
    _scale(colours, chosen, pixels[..., : samples.colours])
    if transparent:
        _fill_alpha(samples, missing, pixels[..., -1])
    return _image(pixels, mode, samples)


def _has_8_bits(values: NDArray[Any]) -> bool:
    return values.dtype.itemsize == 1


def _scale(values: NDArray[Any], levels: Levels, pixels: NDArray[np.uint8]) -> None:
    """Write ``values`` to ``pixels`` so that black becomes 0 and white 255."""
    rows = max(1, _STRIP_SAMPLES // max(1, values.shape[1] * values.shape[2]))
    scale = 255.0 / (levels.white - levels.black) if levels.white != levels.black else 0.0
    wide = np.float64 if values.dtype.itemsize > 2 else np.float32  # noqa: PLR2004  float32 holds 16 bits exactly
    for top in range(0, len(values), rows):
        strip: NDArray[np.floating[Any]] = values[top : top + rows].astype(wide)
        scaled = np.nan_to_num((strip - levels.black) * scale + 0.5, nan=0.0, posinf=255.0, neginf=0.0)
        pixels[top : top + rows] = np.clip(scaled, 0, 255).astype(np.uint8)


def _fill_alpha(samples: Samples, missing: NDArray[np.bool_] | None, alpha: NDArray[np.uint8]) -> None:
    if samples.alpha is None:
        alpha[:] = 255
    else:
        band = samples.values[..., samples.alpha, np.newaxis]
        _scale(band, find_levels(band, Declared(samples.declared.bits)), alpha[..., np.newaxis])
    if missing is not None:
        alpha[missing] = 0


def _image(pixels: NDArray[np.uint8], mode: str, samples: Samples) -> Image.Image:
    if mode == "RGBA" and samples.premultiplied:
        size = pixels.shape[1], pixels.shape[0]
        image = Image.frombuffer("RGBa", size, pixels.tobytes(), "raw", "RGBa", 0, 1).convert("RGBA")
    else:
        array = pixels[..., 0] if mode == "L" else pixels
        image = Image.frombuffer(
            mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(array), "raw", mode, 0, 1
        )
    if samples.profile is not None:
        image.info["icc_profile"] = samples.profile
    return image
