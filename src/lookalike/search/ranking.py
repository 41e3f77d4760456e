"""Rankings: gallery images ordered by decreasing similarity to a query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import ImageError
from lookalike.images.thumbnails import thumbnail
from lookalike.notebook import Records, Tabular, html_table
from lookalike.search.match_words import MatchWord
from lookalike.search.query import PROPERTIES, Query
from lookalike.text import printable

_SHOWN: Final = 20
"""How many hits a notebook shows."""
_THUMBNAIL_SIDE: Final = 160
_FIELDS: Final = ("rank", "match", "score", "percentile", "path", "file", "id", "offline", "copies")


@dataclass(frozen=True, slots=True)
class Hit:
    """One gallery image in a ranking; ``gallery`` and ``id`` together identify it.

    ``gallery`` is the gallery's address, ``root`` its folder of images, and ``path`` is relative to that. ``id`` is an
    opaque string that stays the same when the image is renamed or moved. ``score`` is the cosine of the two
    embeddings, -1 to 1. ``percentile`` is the percentage (0 to 100) of sampled gallery images whose own best match,
    copies left out, scores below this hit: at 99, the hit is closer than the best match of 99 % of them. It is None if
    the gallery has a single image, and for queries with text, whose cosines to images lie in another range. ``match``
    says the same in a word, or that the hit is a copy; it is None where there is no percentile to tell. ``offline``
    tells that the last update could not find the file. ``copies`` are near copies that are folded under this hit, if
    the query asks for that; their ``rank`` is that of this hit. ``values`` are the annotations of the image by column,
    and its date, camera, width and height, as far as they are known. ``sha256`` is that of the file's bytes, in
    hexadecimal.
    """

    rank: int
    gallery: str
    id: str
    path: str
    root: Path
    score: float
    percentile: float | None
    match: MatchWord | None = None
    offline: bool = False
    copies: tuple[Hit, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    sha256: str = ""

    @property
    def file(self) -> Path:
        """The image file."""
        return self.root / self.path


@dataclass(frozen=True, slots=True)
class Ranking(Tabular):
    """The images nearest to a query, best first; a notebook shows them with thumbnails."""

    query: Query
    hits: tuple[Hit, ...]

    def to_records(self) -> Records:
        """One record for each hit, with its values; ``copies`` is the number of those that are folded under it."""
        names = value_names(self.hits)
        columns = value_columns(names, _FIELDS)
        return [
            {
                "rank": hit.rank,
                "match": hit.match,
                "score": hit.score,
                "percentile": hit.percentile,
                "path": printable(hit.path),
                "file": str(hit.file),
                "id": hit.id,
                "offline": hit.offline,
                "copies": len(hit.copies),
                **{column: hit.values.get(name) for name, column in zip(names, columns, strict=True)},
            }
            for hit in self.hits
        ]

    def _repr_html_(self) -> str:
        columns = ("rank", "match", "score", "path")
        rows = zip(self.hits[:_SHOWN], self.to_records(), strict=False)
        return html_table(
            [{"": _thumbnail(hit.file), **{name: record[name] for name in columns}} for hit, record in rows]
        )

    @property
    def is_weak(self) -> bool:
        """Whether nothing that was found looks much like the query: there are hits, and all are ``weak``."""
        return bool(self.hits) and all(hit.match == "weak" for hit in self.hits)


def value_names(hits: Sequence[Hit]) -> list[str]:
    """The names of the columns in which any of ``hits`` has a value: annotations, and then properties."""
    found = dict.fromkeys(name for hit in hits for name in hit.values)
    return sorted(found, key=lambda name: name in PROPERTIES)  # stable


def value_columns(names: Sequence[str], others: Collection[str]) -> list[str]:
    """What the columns of values are called in a table that has ``others`` too."""
    return [f"{name} (annotated)" if name in others else name for name in names]


def merged(rankings: Sequence[Ranking]) -> Ranking:
    """One ranking of the hits of several, which are answers to the same query from different galleries.

    Identical images come first; equal scores keep the order of ``rankings``. There are as many hits as the query asks
    for. If it folds copies, a file that several galleries have is one hit, with the others as its copies.
    """
    if len(rankings) == 1:
        return rankings[0]
    query = rankings[0].query
    hits = [hit for ranking in rankings for hit in ranking.hits]
    hits.sort(key=lambda hit: (hit.match != "identical", -hit.score))
    if query.fold:
        hits = _folded(hits)
    return Ranking(query, tuple(_with_rank(hit, rank) for rank, hit in enumerate(hits[: query.k], 1)))


def _folded(hits: Sequence[Hit]) -> list[Hit]:
    """The hits, each with those below it that have the bytes of it or of one of its copies."""
    places: dict[str, int] = {}
    folded: list[Hit] = []
    for hit in hits:
        place = places.get(hit.sha256)
        if place is None:
            folded.append(hit)
        else:
            leader = folded[place]
            folded[place] = replace(leader, copies=(*leader.copies, replace(hit, copies=()), *hit.copies))
        for one in (hit, *hit.copies):
            places.setdefault(one.sha256, len(folded) - 1 if place is None else place)
    return folded


def _with_rank(hit: Hit, rank: int) -> Hit:
    return replace(hit, rank=rank, copies=tuple(replace(copy, rank=rank) for copy in hit.copies))


def _thumbnail(file: Path) -> bytes | None:
    try:
        return thumbnail(file, _THUMBNAIL_SIDE)
    except ImageError:  # it is gone, or has changed
        return None


def rank_order(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indices that sort ``scores`` (n,) in decreasing order; equal scores keep their order."""
    return np.argsort(-scores, kind="stable")


def percentile(score: float, sample: Sequence[float] | NDArray[np.float64]) -> float | None:
    """The percentage (0 to 100) of the sorted ``sample`` of best-match scores that is below ``score``.

    ``score`` is rounded to 6 digits first, as the sample is. None if the sample is empty.
    """
    if not len(sample):
        return None
    # np.round, as for the sample: Python's round gives another result for some scores of 7 digits.
    return 100.0 * float(np.searchsorted(sample, np.round(score, 6), side="left")) / len(sample)


@dataclass(frozen=True, slots=True)
class FailedQuery:
    """A query without a ranking, the reason for users, and its kind for programs (a SkipKind, or ``query``)."""

    query: Query
    reason: str
    kind: str
