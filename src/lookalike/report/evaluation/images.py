"""Images of an evaluation: wrong first hits, and the rankings of the worst and the best queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import AnyBlock, Heading, ImageGroups, Text
from lookalike.report.document.elements import Frame, Phrase, RankedQuery
from lookalike.report.document.values import share
from lookalike.report.sections import hit_frame, on_pages, query_frame, query_rankings
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import EvaluatedHit, EvaluatedQuery, Evaluation

_QUERIES: Final = 6
_FAILURES: Final = 24


def failure_images(evaluation: Evaluation) -> Iterator[AnyBlock]:
    """The queries whose first hit is wrong, each beside it."""
    failures = evaluation.failures()
    heading = Heading("First hits that are wrong")
    if not failures:
        return on_pages(heading, Text("None: every query's first hit has its label."))
    first = (
        f"the {_FAILURES} of greatest similarity are shown, queries.csv has all"
        if len(failures) > _FAILURES
        else "those of greatest similarity first"
    )
    text = Text(
        f"{len(failures):,} of {plural(evaluation.metrics.scored, 'query', 'queries')}; {first}. The query is at the "
        "left, its first hit at the right."
    )
    pairs = (
        (
            _query(evaluation, query),
            _hit(evaluation, evaluation.hits(query.number)[0], Phrase(evaluation.hits(query.number)[0].path, "path")),
        )
        for query in failures[:_FAILURES]
    )
    return on_pages(heading, text, ImageGroups(tuple((pair, "") for pair in pairs)))


def extreme_rankings(evaluation: Evaluation) -> Iterator[AnyBlock]:
    """The rankings of the queries of lowest and of highest AP."""
    for title, first, queries in (
        ("Worst queries", "Lowest AP first", evaluation.worst(_QUERIES)),
        ("Best queries", "Highest AP first", evaluation.best(_QUERIES)),
    ):
        text = (
            f"{first}, equal ones by path. Right hits have solid green frames and ✓, wrong ones dashed red frames and "
            "✗; numbers are cosines."
        )
        yield from query_rankings(title, text, (_ranking(evaluation, query) for query in queries))


def _ranking(evaluation: Evaluation, query: EvaluatedQuery) -> RankedQuery:
    hits = evaluation.hits(query.number)[:10]
    right = sum(hit.right for hit in hits)
    metrics = f"AP {share(query.metrics['map'])}, {right} of the first {len(hits)} right, R = {query.relevant:,}"
    return RankedQuery(_query(evaluation, query, Phrase(metrics)), tuple(_hit(evaluation, hit) for hit in hits))


def _query(evaluation: Evaluation, query: EvaluatedQuery, *further: Phrase) -> Frame:
    return query_frame(evaluation.dataset.root / query.path, query.path, Phrase(query.label, "strong"), *further)


def _hit(evaluation: Evaluation, hit: EvaluatedHit, *further: Phrase) -> Frame:
    label = [] if hit.right else [Phrase(hit.label, "wrong")]
    return hit_frame(
        evaluation.dataset.root / hit.path,
        hit.rank,
        hit.score,
        [*label, *further],
        right=hit.right,
        meaning="right" if hit.right else "wrong",
    )
