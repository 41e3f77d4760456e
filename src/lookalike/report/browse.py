"""The images of a gallery without a query: lists, what they have in common, and those that a user picked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lookalike.gallery.gallery import GalleryImage
from lookalike.gallery.records import Facets
from lookalike.report.document.json import csv_text, path_fields, utf8
from lookalike.search.match_words import MatchWord
from lookalike.search.ranking import value_columns

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Pick:
    """An image that was picked, and what was said of it if it was a hit."""

    image: GalleryImage
    rank: int | None = None
    match: MatchWord | None = None
    score: float | None = None


def image_json(image: GalleryImage) -> dict[str, Any]:
    """An image of a gallery; ``modified`` is when its file was, in UTC."""
    modified = datetime.fromtimestamp(image.mtime_ns / 1e9, UTC)
    return {
        "id": image.id,
        **path_fields(image.path),
        "bytes": image.size,
        "modified": modified.isoformat(timespec="seconds"),
        "offline": image.offline,
        "values": dict(image.values),
    }


def details_json(image: GalleryImage) -> dict[str, Any]:
    """As :func:`image_json`, with the full path of the file, and its SHA-256."""
    return {
        "version": VERSION,
        **image_json(image),
        "root": path_fields(image.root)["path"],
        "file": path_fields(image.file)["path"],
        "sha256": image.sha256,
    }


def images_json(total: int, images: Iterable[GalleryImage]) -> dict[str, Any]:
    """A part of a list of ``total`` images."""
    return {"version": VERSION, "total": total, "images": [image_json(image) for image in images]}


def facets_json(facets: Facets) -> dict[str, Any]:
    """Folders, columns and months, with the number of images of each."""
    return {
        "version": VERSION,
        "count": facets.count,
        "folders": {utf8(folder): count for folder, count in sorted(facets.folders.items())},
        "columns": [
            {
                "name": one.name,
                "values": [list(value) for value in one.values],
                "distinct": one.distinct,
                "least": one.least,
                "greatest": one.greatest,
            }
            for one in facets.columns
        ],
        "months": dict(facets.months),
    }


def picks_csv(picks: Sequence[Pick]) -> str:
    r"""A line for each image that was picked. Bytes of paths that aren't UTF-8 appear as ``\xff``."""
    names = list(dict.fromkeys(name for pick in picks for name in pick.image.values))
    header = ("rank", "match", "score", "path", "file", "offline")
    return csv_text(
        (*header, *value_columns(names, header)),
        (
            [
                pick.rank,
                pick.match,
                pick.score,
                utf8(pick.image.path),
                utf8(str(pick.image.file)),
                "yes" if pick.image.offline else "no",
                *(pick.image.values.get(name) for name in names),
            ]
            for pick in picks
        ),
    )
