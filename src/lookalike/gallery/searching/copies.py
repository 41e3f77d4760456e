"""The cosine from which an encoder takes two images for copies of one: saved again, resized, or the next frame."""

from __future__ import annotations

from typing import Final

from lookalike.encoders.spec import EncoderSpec

_BY_ENCODER: Final = {"efficientnet-lite2": 0.95}
"""Measured on real images; docs/measurements.md has the figures."""

_CLIP: Final = 0.96
_OTHER: Final = 0.97


def copy_threshold(stamp: EncoderSpec) -> float:
    """The lowest cosine of two images that are called copies.

    Only that of the included encoder is measured. Those of CLIP and of other networks are cautious guesses: some copies
    are missed rather than different images taken for copies.
    """
    return _BY_ENCODER.get(stamp.name, _CLIP if stamp.clip is not None else _OTHER)
