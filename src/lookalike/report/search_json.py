"""The answer to a search as JSON, the same wherever it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lookalike.report.document.json_text import path_fields
from lookalike.search.query import Query, Term
from lookalike.search.ranking import Hit, Ranking

VERSION = 1


def search_answer(encoder: str, gallery: Path, rankings: Iterable[Ranking]) -> dict[str, Any]:
    """One result for each of ``rankings``; hits' paths are relative to the gallery's root."""
    return {
        "version": VERSION,
        "encoder": encoder,
        "gallery": path_fields(gallery)["path"],
        "results": [
            {
                "query": _query(ranking.query),
                "hits": [_hit(hit) for hit in ranking.hits],
            }
            for ranking in rankings
        ],
    }


def _query(query: Query) -> dict[str, Any]:
    """The first term; ``plus`` and ``minus`` only where there are such, with weights."""
    first, *others = query.terms
    plus = [{**_term(term), "weight": term.weight} for term in others if term.weight >= 0]
    minus = [{**_term(term), "weight": -term.weight} for term in others if term.weight < 0]
    return {**_term(first), **({"plus": plus} if plus else {}), **({"minus": minus} if minus else {})}


def _term(term: Term) -> dict[str, Any]:
    if term.text is not None:
        return {"kind": "text", "text": term.text}
    return {"kind": "image", **path_fields(term.path or "")}


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "id": hit.id,
        **path_fields(hit.path),
        "score": hit.score,
        "percentile": None if hit.percentile is None else round(hit.percentile, 2),
    }
