"""Published embeddings of real weights, to verify this machine's results.

Sources: for ``clip-vit-b-32-256``, ``tests/fixtures/datacomp_golden.json`` of udayj/visiongrep (computed with open_clip
3.3.0 on the CPU from the same weights file); for ``clip-vit-b-32``, the text embedding in fastembed's
``test_text_onnx_embeddings.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.catalog import CatalogRow
from lookalike.encoders.checkpoints.checkpoint import from_catalog
from lookalike.encoders.encoder import Encoder, TextEncoder
from lookalike.encoders.runtimes.openvino import OpenVINORuntime
from lookalike.encoders.tokenizer import load_tokenizer


@dataclass(frozen=True, slots=True)
class Golden:
    """The first components of a published embedding of a synthetic image or of a text.

    The image with ``seed`` s and ``size`` (width, height) in pixels is R = (x + 17 s) mod 256,
    G = (3 y + 29 s) mod 256, B = (x + 2 y + 43 s) mod 256. ``tolerance`` is absolute, per component.
    """

    first: tuple[float, ...]
    tolerance: float
    seed: int = 0
    size: tuple[int, int] | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        """The text, or the seed and size of the image."""
        return f"text {self.text!r}" if self.size is None else f"image {self.seed}, {self.size[0]} x {self.size[1]}"

    def difference(self, encoder: Encoder) -> float:
        """The largest absolute difference between the encoder's components and the published ones."""
        if self.size is None:
            ours = encoder.embed_texts([self.text or ""])[0]
        else:
            ours = encoder.embed([synthetic(self.seed, *self.size)])[0]
        return float(np.abs(ours[: len(self.first)] - np.array(self.first)).max())


def load_recompiled(row: CatalogRow, path: Path) -> Encoder:
    """Load the encoder of ``row`` in fp32 from the verified weights file ``path``.

    Its networks are compiled again, because cached compiled networks are part of what is being verified.
    """
    checkpoint = from_catalog(row, path)
    load = partial(OpenVINORuntime.load, precision="fp32", recompile=True)

    def load_text_encoder() -> TextEncoder:
        return TextEncoder(row.name, load_tokenizer(checkpoint.path), load(checkpoint.text_network()))

    return Encoder(
        checkpoint.spec("fp32"),
        load(checkpoint.image_network()),
        load_text_encoder=load_text_encoder if checkpoint.has_text else None,
        batch=row.batch,
    )


def synthetic(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """The synthetic image of :class:`Golden`: uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x + 17 * seed, 3 * y + 29 * seed, x + 2 * y + 43 * seed], axis=2).astype(np.uint8)


# The values have 6 digits and were computed in float32 by another library; their authors give this tolerance.
_TOLERANCE: Final = 1e-4

GOLDEN: Final[dict[str, tuple[Golden, ...]]] = {
    "clip-vit-b-32-256": (
        Golden(
            (0.022023, 0.00041, -0.001011, 0.024082, 0.01863, -0.005232, -0.041691, -0.005007, 0.000639, -0.020119,
             0.015804, 0.013402, 0.01266, 0.098662, -0.00746, -0.014204),
            _TOLERANCE, seed=0, size=(320, 240),
        ),
        Golden(
            (0.039451, -0.009262, -0.013644, 0.03726, 0.024886, -0.00517, -0.023832, 0.000435, -0.003918, -0.024945,
             0.009834, 0.010507, 0.010558, 0.084817, -0.008562, 0.00801),
            _TOLERANCE, seed=1, size=(240, 320),
        ),
        Golden(
            (0.04893, 0.004, -0.008338, 0.019656, 0.014922, 0.012195, -0.034711, -0.023082, -0.013224, -0.026432,
             0.020998, 0.013843, 0.023383, 0.08467, 0.001463, 0.001271),
            _TOLERANCE, seed=2, size=(256, 256),
        ),
        Golden(
            (0.03147, 0.006664, 0.008663, 0.030243, -0.040268, 0.007285, 0.069327, -0.015756, -0.078382, 0.051606,
             -0.031746, -0.010639, -0.046506, 0.029639, 0.022513, 0.059753),
            _TOLERANCE, text="a red car beside a blue bicycle",
        ),
    ),
    "clip-vit-b-32": (Golden((0.0083, 0.0103, -0.0138, 0.0199, -0.0069), 1e-3, text="hello world"),),
}  # fmt: skip
