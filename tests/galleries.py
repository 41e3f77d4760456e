"""What tests do with galleries and the command line again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike import Encoder, Gallery


@dataclass(frozen=True)
class Result:
    """What a run of the command line gave."""

    code: int
    out: str
    err: str


def index(root: Path, encoder: Encoder, path: Path | None = None) -> Gallery:
    """Make the gallery of ``root``, or open it for writing where it is; brought up to date."""
    place = path or root / ".lookalike"
    there = (place / "gallery.sqlite3").exists()
    gallery = (
        Gallery.open(place, encoder=encoder, writing=True) if there else Gallery.create(root, path, encoder=encoder)
    )
    gallery.update()
    return gallery


def ranked(gallery: Gallery, query: Path, k: int = 10, **options: bool) -> Sequence[str]:
    """The paths of a ranking."""
    return [hit.path for hit in gallery.search(query, k, **options).hits]
