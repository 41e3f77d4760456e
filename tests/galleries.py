"""Helpers for tests with galleries and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike import Encoder, Gallery


@dataclass(frozen=True)
class Result:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str


def index(root: Path, encoder: Encoder, path: Path | None = None) -> Gallery:
    """The gallery of ``root``, created or opened for writing, and updated."""
    folder = path or root / ".lookalike"
    exists = (folder / "gallery.sqlite3").exists()
    gallery = (
        Gallery.open(folder, encoder=encoder, writing=True) if exists else Gallery.create(root, path, encoder=encoder)
    )
    gallery.update()
    return gallery


def ranked_paths(gallery: Gallery, query: Path, k: int = 10, **options: bool) -> Sequence[str]:
    """The paths of the hits, in order."""
    return [hit.path for hit in gallery.search(query, k, **options).hits]
