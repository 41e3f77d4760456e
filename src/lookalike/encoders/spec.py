"""The specification of an encoder: everything that its embeddings depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lookalike.system_files import parse_json

Precision = Literal["fp32", "bf16"]
Resample = Literal["bicubic", "bilinear"]
Activation = Literal["quickgelu", "gelu"]
View = Literal["centre", "whole", "multi"]


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """The parts of a CLIP network's computation that its tensors don't show.

    ``activation`` is ``quickgelu``, x sigmoid(1.702 x), as in OpenAI's weights, or ``gelu``, the exact GELU, as in most
    others. ``image_head`` and ``text_head`` are the widths of an attention head in each tower: 64 up to ViT-L.
    """

    activation: Activation
    image_head: int = 64
    text_head: int = 64


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image is converted to the network's input.

    The shorter side is resized to ``resize`` pixels with ``resample``, then a centre square of ``crop`` pixels is
    cropped. ``mean`` and ``std`` are per channel (RGB), in 8-bit levels, and are applied inside the network's graph.
    """

    resize: int
    crop: int
    resample: Resample
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The identity of an encoder. Two embeddings can be compared only if their specs are equal.

    ``view`` is the part of an image that is encoded: see :mod:`lookalike.encoders.views`.
    """

    name: str
    dimension: int
    preprocessing: Preprocessing
    weights_sha256: str
    precision: Precision
    clip: ClipSettings | None = None
    view: View = "centre"

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of everything in this spec."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """This spec as JSON with sorted keys, as stored in a gallery."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> EncoderSpec:
        """Parse the output of :meth:`to_json`; raises ValueError, KeyError or TypeError for anything else."""
        fields: dict[str, Any] = parse_json(text)
        preprocessing = fields.pop("preprocessing")
        for name in ("mean", "std"):
            preprocessing[name] = tuple(preprocessing[name])
        clip = fields.pop("clip", None)
        return cls(
            preprocessing=Preprocessing(**preprocessing), clip=None if clip is None else ClipSettings(**clip), **fields
        )

    def __str__(self) -> str:
        """One line for people: name, dimension, precision, view and the first digits of both checksums."""
        return (
            f"{self.name} ({self.dimension}-d, {self.precision}, {self.view} view, weights {self.weights_sha256[:12]}, "
            f"stamp {self.fingerprint[:12]})"
        )
