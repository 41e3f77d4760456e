"""The pipeline of retrieval from images to a ranking, with the values of an encoder's stamp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.encoders.spec import EncoderSpec
from lookalike.report.drawings.drawing import draw, elide

_SHOWN_HITS: Final = 4
_NAME_LENGTH: Final = 22


@dataclass(frozen=True, slots=True)
class PipelineHit:
    """A hit of the ranking in the drawing: ``source`` is a data URI, None if the image is unreadable."""

    source: str | None
    score: float
    right: bool


def pipeline(spec: EncoderSpec, gallery: int, *, query: str | None = None, hits: Sequence[PipelineHit] = ()) -> str:
    """The pipeline as SVG: sizes, dimension and precision are those of ``spec``, ``gallery`` the images searched.

    ``query`` (a data URI) and ``hits`` are a real query and its results.
    """
    preparation = spec.preprocessing
    return draw(
        "pipeline.svg",
        {
            "name": elide(spec.name, _NAME_LENGTH),
            "precision": spec.precision,
            "dimension": spec.dimension,
            "weights": spec.weights_sha256[:12],
            "stamp": spec.fingerprint[:12],
            "gallery": gallery,
            "crop": preparation.crop,
            "steps": _preparation(spec),
            "query": query,
            "hits": [
                {"source": hit.source, "score": f"{hit.score:.3f}", "right": hit.right, "rank": rank}
                for rank, hit in enumerate(hits[:_SHOWN_HITS], start=1)
            ],
        },
    )


def _preparation(spec: EncoderSpec) -> list[str]:
    """What is done to an image before the network sees it, a line each."""
    preparation = spec.preprocessing
    square = f"{preparation.crop} \N{MULTIPLICATION SIGN} {preparation.crop}"
    return {
        "centre": [f"shorter side to {preparation.resize},", f"{preparation.resample},", f"centre {square}"],
        "whole": ["whole frame into", f"{square},", f"{preparation.resample}"],
        "multi": ["six views of", f"{square},", "averaged"],
    }[spec.view]
