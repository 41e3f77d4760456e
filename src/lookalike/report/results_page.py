"""The page of a search's results: one file that needs nothing else, thumbnails and all."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from lookalike.encoders.spec import EncoderSpec
from lookalike.errors import PictureError
from lookalike.picture_files import shown
from lookalike.query import Query
from lookalike.ranking import NO_CLOSE_MATCH, Hit, Ranking
from lookalike.thumbnails import thumbnail

_QUERY_SIDE = 720
_HIT_SIDE = 480


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture on the page: its path in words, and itself as a data URI; None where it can't be read any more."""

    path: str
    source: str | None
    hit: Hit | None = None


def results_page(stamp: EncoderSpec, pictures: int, root: Path, rankings: Sequence[Ranking]) -> str:
    """HTML that shows each query and its hits; ``pictures`` is how many the gallery has, ``root`` where hits lie."""
    environment = Environment(
        loader=PackageLoader("lookalike.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("results.html").render(
        stamp=stamp,
        pictures=pictures,
        root=shown(root),
        no_close_match=NO_CLOSE_MATCH,
        results=[
            {
                "query": _query(ranking.query),
                "no_close_match": ranking.no_close_match,
                "hits": [_show(root / hit.path, _HIT_SIDE, hit) for hit in ranking.hits],
            }
            for ranking in rankings
        ],
    )


def _query(query: Query) -> _Shown:
    """The query's picture, its first term if that is one; words have none."""
    first = query.terms[0]
    if first.path is None:
        return _Shown(shown(str(query)), None)
    return replace(_show(first.path, _QUERY_SIDE), path=shown(str(query)))


def _show(path: str | os.PathLike[str], side: int, hit: Hit | None = None) -> _Shown:
    try:
        encoded = base64.b64encode(thumbnail(path, side)).decode("ascii")
    except PictureError:
        return _Shown(shown(hit.path if hit else path), None, hit)
    return _Shown(shown(hit.path if hit else path), f"data:image/jpeg;base64,{encoded}", hit)
