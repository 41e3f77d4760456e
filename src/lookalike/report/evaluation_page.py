"""The page of an evaluation: one file that needs nothing else, images and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from lookalike.report.document.definitions import definitions, interval_notes, junk_words, name, notes, order, rule
from lookalike.report.document.pages import image_source, render

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import EvaluatedHit, EvaluatedQuery, Evaluation, MetricSet

_SIDE: Final = 200
_QUERY_SIDE: Final = 320
_SHOWN_QUERIES: Final = 6
_SHOWN_FAILURES: Final = 24
# A table of more classes than this is no image any more; the most frequent confusions are listed instead.
_CONFUSION_CLASSES: Final = 30
_SHOWN_CONFUSIONS: Final = 8


def evaluation_page(evaluation: Evaluation) -> str:
    """HTML of ``evaluation``: figures with intervals, classes, confusions, best and worst queries, definitions."""
    figures, keys = evaluation.metrics, order(evaluation.ks)
    images = _Images(evaluation)
    return render(
        "evaluation.html",
        {
            "dataset": evaluation.dataset,
            "notes": notes(evaluation),
            "split": evaluation.split,
            "encoder": evaluation.encoder,
            "figures": figures,
            "junk": rule(figures.junk, evaluation.dataset),
            "stats": [_row(figures, key) for key in headline(evaluation.ks)],
            "rows": [_row(figures, key) for key in keys],
            "others": [
                {
                    "junk": other.junk,
                    "meaning": junk_words(other.junk, evaluation.dataset),
                    "figures": other,
                    "rows": [_row(other, key) for key in headline(evaluation.ks)],
                }
                for other in evaluation.others
            ],
            "interval_notes": interval_notes(figures.groups, evaluation.dataset),
            "classes": _classes(figures, evaluation.ks),
            "confusion": _confusion(figures),
            "failures": _failures(evaluation, images),
            "strips": _strips(evaluation, images),
            "excluded": figures.excluded,
            "skipped": evaluation.skipped,
            "definitions": definitions(figures.junk, evaluation.dataset),
            "seed": evaluation.seed,
            "provenance": evaluation.provenance,
        },
    )


def headline(ks: Sequence[int]) -> list[str]:
    """The keys of the figures that sum an evaluation up."""
    return [*dict.fromkeys((f"precision@{min(ks)}", f"precision@{max(ks)}")), "map", "accuracy"]


def _row(figures: MetricSet, key: str) -> dict[str, Any]:
    return {
        "name": name(key),
        "value": figures.micro[key],
        "interval": figures.intervals.get(key),
        "macro": figures.macro[key],
        "macro_interval": figures.macro_intervals.get(key),
        "chance": figures.chance.get(key),
        "ceiling": _ceiling(figures.ceilings, key),
    }


def _ceiling(ceilings: Mapping[str, float], key: str) -> float | None:
    return ceilings.get(key.replace("precision@", "ceiling@")) if key.startswith("precision@") else None


def _classes(figures: MetricSet, ks: Sequence[int]) -> dict[str, Any]:
    k = max(ks)
    plotted = f"precision@{min(ks)}"
    keys = [
        *(f"precision@{each}" for each in ks),
        "map",
        "map@r",
        f"ndcg@{k}",
        f"recall@{k}",
        f"hit_rate@{k}",
        "accuracy",
    ]
    excluded = Counter[str]()
    for one in figures.excluded:
        excluded[one.label] += one.count
    return {
        "names": [name(key) for key in keys],
        "plotted": name(plotted),
        "rows": [
            _class(figures, label, plotted, keys, excluded[label]) for label in sorted({*figures.classes, *excluded})
        ],
        "macro": [figures.macro[key] for key in keys],
        "micro": [figures.micro[key] for key in keys],
    }


def _class(figures: MetricSet, label: str, plotted: str, keys: Sequence[str], excluded: int) -> dict[str, Any]:
    means = figures.classes.get(label)
    if means is None:
        return {"label": label, "queries": 0, "excluded": excluded, "cells": []}
    return {
        "label": label,
        "queries": figures.scored_by_class[label],
        "excluded": excluded,
        "plotted": means[plotted],
        "interval": figures.class_intervals[label].get(plotted),
        "ceiling": _ceiling(figures.class_ceilings[label], plotted),
        "cells": [means[key] for key in keys],
    }


def _confusion(figures: MetricSet) -> dict[str, Any]:
    labels, counts = figures.confusion.labels, figures.confusion.counts
    sums = counts.sum(axis=1)
    slips = [
        {"label": label, "taken": taken, "count": int(counts[i, j]), "share": counts[i, j] / sums[i]}
        for i, label in enumerate(labels)
        for j, taken in enumerate(labels)
        if i != j and counts[i, j]
    ]
    slips.sort(key=lambda slip: (-slip["count"], slip["label"], slip["taken"]))
    return {
        "labels": labels,
        "right": int(counts.trace()),
        "all": int(counts.sum()),
        "rows": [
            {
                "label": label,
                "cells": [
                    {"count": int(count), "share": count / max(1, sums[i]), "own": i == j}
                    for j, count in enumerate(counts[i])
                ],
            }
            for i, label in enumerate(labels)
            if sums[i]
        ]
        if len(labels) <= _CONFUSION_CLASSES
        else [],
        "pairs": slips[: _SHOWN_CONFUSIONS if len(labels) <= _CONFUSION_CLASSES else 5 * _SHOWN_CONFUSIONS],
    }


class _Images:
    """The dataset's images as data URIs; one that is shown several times is read once."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._root = evaluation.dataset.root
        self.source = lru_cache(maxsize=None)(self._source)

    def _source(self, path: str, side: int = _SIDE) -> str | None:
        return image_source(self._root / path, side)

    def hit(self, hit: EvaluatedHit) -> dict[str, Any]:
        return {
            "rank": hit.rank,
            "path": hit.path,
            "label": hit.label,
            "score": hit.score,
            "right": hit.right,
            "source": self.source(hit.path),
        }


def _failures(evaluation: Evaluation, images: _Images) -> dict[str, Any]:
    failures = evaluation.failures()
    return {
        "count": len(failures),
        "pairs": [
            {
                "query": {"path": query.path, "label": query.label, "source": images.source(query.path)},
                "hit": images.hit(evaluation.hits(query.number)[0]),
            }
            for query in failures[:_SHOWN_FAILURES]
        ],
    }


def _strips(evaluation: Evaluation, images: _Images) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "text": text,
            "queries": [_query(evaluation, query, images) for query in queries],
        }
        for title, text, queries in (
            ("Worst queries", "Least AP first, equal ones by path.", evaluation.worst(_SHOWN_QUERIES)),
            ("Best queries", "Greatest AP first, equal ones by path.", evaluation.best(_SHOWN_QUERIES)),
        )
    ]


def _query(evaluation: Evaluation, query: EvaluatedQuery, images: _Images) -> dict[str, Any]:
    hits = evaluation.hits(query.number)[:10]
    return {
        "path": query.path,
        "label": query.label,
        "ap": query.metrics["map"],
        "relevant": query.relevant,
        "found": sum(hit.right for hit in hits),
        "source": images.source(query.path, _QUERY_SIDE),
        "hits": [images.hit(hit) for hit in hits],
    }
