"""The results of a search: a page with thumbnails, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

from lookalike.encoders.spec import EncoderSpec
from lookalike.report.document.blocks import AnyBlock, Document, Heading, SearchResult, Text
from lookalike.report.document.elements import Frame, Phrase, Picture, Tile
from lookalike.report.document.html import page
from lookalike.report.document.json import csv_text, path_fields, utf8
from lookalike.search.match_words import CLOSE, SIMILAR
from lookalike.search.query import Query, Term
from lookalike.search.ranking import FailedQuery, Hit, Ranking, value_columns, value_names
from lookalike.text import plural

VERSION: Final = 1

_QUERY_SIDE: Final = 720
_TERM_SIDE: Final = 240
_HIT_SIDE: Final = 480
_USUAL_RATIO: Final = 1.5


_SCORE: Final = (
    "cosine of the two images' embeddings, 1 for the same content, about 0 for unrelated images; only comparable "
    "within one encoder."
)
_PERCENTILE: Final = (
    "share of a sample of this gallery's images whose best match, copies left out, scores lower than this hit."
)
_MATCH: Final = (
    "identical: the same bytes; copy: the same image saved again, resized or little changed, or the next frame; close, "
    f"similar and weak: by the percentile, from {CLOSE:g} on, from {SIMILAR:g} on, and below."
)
_EXPLANATION: Final = (
    "each with a score, 1 for the same content, and a match in a word, which compares the score with those of other "
    "images here; an image opens its file."
)
NOTHING_ALIKE: Final = "Nothing here looks much like this image."
"""What is said when all hits are weak."""


def results_page(stamp: EncoderSpec, images: int, roots: Sequence[Path], rankings: Sequence[Ranking]) -> str:
    """HTML with each query and its hits; ``images`` is the size of the galleries, ``roots`` are their folders."""
    return page(search_document(stamp, images, roots, rankings))


def search_document(stamp: EncoderSpec, images: int, roots: Sequence[Path], rankings: Sequence[Ranking]) -> Document:
    """Each query and its hits, as blocks."""
    one = len(rankings) == 1
    return Document(
        kind="Query" if one else "Search",
        title=str(rankings[0].query) if one else f"{len(rankings):,} queries",
        lead="" if one else f"In a gallery of {plural(images, 'image')}.",
        blocks=tuple(block for number in range(len(rankings)) for block in _result(images, rankings, number)),
        made_with=(
            ("Match", _MATCH),
            ("Score", _SCORE),
            ("Percentile", _PERCENTILE),
            ("Encoder", str(stamp)),
            ("Images", f"in {', '.join(map(str, roots))}"),
        ),
    )


def _result(images: int, rankings: Sequence[Ranking], number: int) -> Iterator[AnyBlock]:
    ranking = rankings[number]
    first, *others = ranking.query.terms
    if len(rankings) > 1:
        yield Heading(str(ranking.query), remark=f"Query {number + 1} of {len(rankings)}")
    yield Text(f"{len(ranking.hits)} most similar of {plural(images, 'image')}, {_EXPLANATION}", kind="normal")
    if ranking.is_weak:
        yield Text(NOTHING_ALIKE, kind="notice")
    picture = _picture(first, _QUERY_SIDE, "query")
    terms = ([] if picture is None else [Frame(picture)]) + [_term_frame(term) for term in others]
    yield SearchResult(tuple(terms), tuple(map(_tile, ranking.hits)))


def _picture(term: Term, side: int, description: str) -> Picture | None:
    return None if term.path is None else Picture(Path(term.path), side, f"{description}: {term.path}")


def _term_frame(term: Term) -> Frame:
    """A further term of a query, with its sign and its weight."""
    weight = "" if abs(term.weight) == 1 else f" {abs(term.weight):g} \N{MULTIPLICATION SIGN}"
    sign = Phrase(f"{'plus' if term.weight > 0 else 'minus'}{weight}", "soft")
    return Frame(_picture(term, _TERM_SIDE, "term"), (sign, Phrase(str(term), "path")))


def _tile(hit: Hit) -> Tile:
    return Tile(
        hit.rank,
        Picture(hit.file, _HIT_SIDE, f"hit {hit.rank}: {hit.path}", _ratio(hit)),
        file=hit.file,
        path=hit.path,
        score=hit.score,
        match=hit.match,
        copies=len(hit.copies),
        offline=hit.offline,
    )


def _ratio(hit: Hit) -> float:
    """The width by the height of a hit's image; where that is not known, that of most photographs."""
    width, height = (hit.values.get(name, "") for name in ("width", "height"))  # or columns that are called so
    is_known = width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0
    return int(width) / int(height) if is_known else _USUAL_RATIO


def search_csv(rankings: Iterable[Ranking]) -> str:
    r"""A line for each hit, with its values by column; ``file`` is its full path.

    Bytes of paths that aren't UTF-8 appear as ``\xff``.
    """
    rankings = list(rankings)
    names = value_names([hit for ranking in rankings for hit in ranking.hits])
    header = ("query", "rank", "match", "score", "percentile", "path", "file", "offline", "copies")
    rows = (_csv_row(ranking.query, hit, names) for ranking in rankings for hit in ranking.hits)
    return csv_text((*header, *value_columns(names, header)), rows)


def _csv_row(query: Query, hit: Hit, names: Sequence[str]) -> list[object]:
    share = None if hit.percentile is None else round(hit.percentile, 2)
    files = (utf8(hit.path), utf8(str(hit.file)))
    return [
        utf8(str(query)),
        hit.rank,
        hit.match,
        hit.score,
        share,
        *files,
        "yes" if hit.offline else "no",
        len(hit.copies),
        *(hit.values.get(name) for name in names),
    ]


def search_lines(answers: Iterable[Ranking | FailedQuery]) -> str:
    """A line of JSON for each hit, with its query, and for each query without an answer."""
    return "".join(json.dumps(fields, ensure_ascii=False) + "\n" for answer in answers for fields in _lines(answer))


def _lines(answer: Ranking | FailedQuery) -> Iterator[dict[str, Any]]:
    start = {"version": VERSION, "query": _query_json(answer.query)}
    if isinstance(answer, FailedQuery):
        yield {**start, **_answer_json(answer)}
    else:
        yield from ({**start, **_hit_json(hit, with_root=True)} for hit in answer.hits)


def search_json(
    encoder: str, galleries: Sequence[tuple[Path, Path]], answers: Iterable[Ranking | FailedQuery]
) -> dict[str, Any]:
    """One result for each of ``answers``, with hits or an error.

    ``galleries`` are those that were searched, each with its folder of images, the ``root`` of its hits' paths. If
    there are several, each hit names its own.
    """
    places = [{"gallery": path_fields(path)["path"], "root": path_fields(root)["path"]} for path, root in galleries]
    return {
        "version": VERSION,
        "encoder": encoder,
        **(places[0] if len(places) == 1 else {"galleries": places}),
        "results": [
            {"query": _query_json(answer.query), **_answer_json(answer, with_root=len(places) > 1)}
            for answer in answers
        ],
    }


def _answer_json(answer: Ranking | FailedQuery, *, with_root: bool = False) -> dict[str, Any]:
    if isinstance(answer, FailedQuery):
        return {"error": {"kind": answer.kind, "message": utf8(answer.reason)}}
    return {"hits": [_hit_json(hit, with_root=with_root) for hit in answer.hits]}


def _root(hit: Hit) -> dict[str, str]:
    return {"gallery": path_fields(hit.gallery)["path"], "root": path_fields(hit.root)["path"]}


def _query_json(query: Query) -> dict[str, Any]:
    """The first term; the others with their weights in ``plus`` and ``minus``, and the filter, if any."""
    first, *others = query.terms
    plus = [{**_term_json(term), "weight": term.weight} for term in others if term.weight >= 0]
    minus = [{**_term_json(term), "weight": -term.weight} for term in others if term.weight < 0]
    under, condition = query.where.under, query.where.condition
    fields = {"plus": plus, "minus": minus, "under": under and utf8(under), "where": condition and utf8(condition)}
    return {**_term_json(first), **{name: value for name, value in fields.items() if value}}


def _term_json(term: Term) -> dict[str, Any]:
    if term.text is not None:
        return {"kind": "text", "text": term.text}
    region = {} if term.region is None else {"region": list(astuple(term.region))}
    if term.id is not None:
        return {"kind": "id", "id": term.id, **region}
    return {"kind": "image", **({"path": None} if term.path is None else path_fields(term.path)), **region}


def _hit_json(hit: Hit, *, with_root: bool) -> dict[str, Any]:
    copies = [_hit_json(copy, with_root=with_root) for copy in hit.copies]
    return {
        "rank": hit.rank,
        "id": hit.id,
        **path_fields(hit.path),
        "score": hit.score,
        "percentile": None if hit.percentile is None else round(hit.percentile, 2),
        "match": hit.match,
        "offline": hit.offline,
        "values": dict(hit.values),
        **({"copies": copies} if copies else {}),
        **(_root(hit) if with_root else {}),
    }
