"""The page of a search's results: one file that needs nothing else, thumbnails and all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Final

from lookalike.encoders.spec import EncoderSpec
from lookalike.report.document.pages import image_source, render
from lookalike.search.query import Query, Term
from lookalike.search.ranking import NO_CLOSE_MATCH, Hit, Ranking
from lookalike.text import printable

_QUERY_SIDE: Final = 720
_HIT_SIDE: Final = 480
_TERM_SIDE: Final = 240


@dataclass(frozen=True, slots=True)
class _Shown:
    """An image on the page: its path in words, and itself as a data URI; None where it can't be read any more.

    A ``hit`` has its figures beside it, a ``term`` of a query the sign and the weight it has there. Words are no
    image: they have no source either.
    """

    name: str
    source: str | None
    hit: Hit | None = None
    term: Term | None = None


def results_page(stamp: EncoderSpec, images: int, root: Path, rankings: Sequence[Ranking]) -> str:
    """HTML that shows each query and its hits; ``images`` is how many the gallery has, ``root`` where hits lie."""
    return render(
        "results.html",
        {
            "stamp": stamp,
            "images": images,
            "root": printable(root),
            "no_close_match": NO_CLOSE_MATCH,
            "results": [
                {
                    "title": printable(str(ranking.query)),
                    "terms": _terms(ranking.query),
                    "no_close_match": ranking.no_close_match,
                    "hits": [
                        _Shown(printable(hit.path), image_source(root / hit.path, _HIT_SIDE), hit)
                        for hit in ranking.hits
                    ],
                }
                for ranking in rankings
            ],
        },
    )


def _terms(query: Query) -> list[_Shown]:
    """Every term of the query, the first of which gives it its name, at its size."""
    sides = (_QUERY_SIDE, *repeat(_TERM_SIDE, len(query.terms) - 1))
    return [
        _Shown(
            printable(term.text if term.text is not None else term.path or "an image"),
            None if term.path is None else image_source(term.path, side),
            term=term,
        )
        for term, side in zip(query.terms, sides, strict=True)
    ]
