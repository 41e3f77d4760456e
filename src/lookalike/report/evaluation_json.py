"""An evaluation for programs: JSON, and a CSV row for every query."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from lookalike.report.document.definitions import definitions, interval_notes, order
from lookalike.report.document.json_text import path_fields

if TYPE_CHECKING:
    from lookalike.encoders.spec import EncoderSpec
    from lookalike.evaluation.data.provenance import Provenance
    from lookalike.evaluation.scoring.results import EvaluatedQuery, Evaluation, MetricSet
    from lookalike.evaluation.statistics.intervals import Interval
    from lookalike.images.files import Skipped

VERSION: Final = 1

_WHAT_IT_IS: Final = ("path", "label", "group", "visit", "R", "gallery")
_FIRST_HIT: Final = ("first_hit_path", "first_hit_label", "first_hit_score", "first_hit_right")


def evaluation_answer(evaluation: Evaluation) -> dict[str, Any]:
    """``evaluation`` as JSON can carry it: figures 0 to 1, intervals ``[low, high]`` or null."""
    figures, *others = (figures_answer(one, evaluation.ks) for one in (evaluation.metrics, *evaluation.others))
    return {
        "version": VERSION,
        "encoder": evaluation.encoder.name,
        "dataset": words(evaluation.dataset.name),
        "folder": path_fields(evaluation.dataset.root)["path"],
        "protocol": "split" if evaluation.split else "leave-one-out",
        "images": len(evaluation.rows),
        **figures,
        "others": others,
        "best": [_query(evaluation, query) for query in evaluation.best()],
        "worst": [_query(evaluation, query) for query in evaluation.worst()],
        "failures": [_query(evaluation, query, 1) for query in evaluation.failures()],
        "skipped": skipped_files(evaluation.skipped),
        "definitions": definitions(evaluation.metrics.junk, evaluation.dataset),
        "interval_notes": interval_notes(evaluation.metrics.groups, evaluation.dataset),
        "seed": evaluation.seed,
        "stamp": stamp(evaluation.encoder),
        **made_with(evaluation.provenance),
    }


def queries_csv(evaluation: Evaluation) -> str:
    """A row for every query, scored or not: what it is, its figures (empty where R = 0), and its first hit."""
    keys = order(evaluation.ks)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(
        [*_WHAT_IT_IS, *({"map": "ap", "map@r": "ap@r"}.get(key, key) for key in keys), *_FIRST_HIT],
    )
    for query in evaluation.queries():
        first = evaluation.hits(query.number)[:1]
        writer.writerow(
            [words(query.path), words(query.label), words(query.group or ""), words(query.visit or "")]
            + [query.relevant, query.size]
            + [query.metrics.get(key, "") for key in keys]
            + [cell for hit in first for cell in (words(hit.path), words(hit.label), round(hit.score, 6), hit.right)]
        )
    return written.getvalue()


def words(text: str) -> str:
    r"""A label or path as UTF-8 can carry it, bytes that are none as ``\xff``."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def stamp(spec: EncoderSpec) -> dict[str, Any]:
    """The whole identity of an encoder, with its fingerprint."""
    return {**asdict(spec), "fingerprint": spec.fingerprint}


def made_with(provenance: Provenance) -> dict[str, Any]:
    """Versions, machine and command."""
    command = None if provenance.command is None else words(provenance.command)
    return {"versions": dict(provenance.versions), "machine": provenance.machine, "command": command}


def skipped_files(skipped: Iterable[Skipped]) -> list[dict[str, str]]:
    """The files that were left out, each with its reason."""
    return [{**path_fields(one.path), "kind": str(one.kind), "reason": one.reason} for one in skipped]


def interval_pair(interval: Interval | None) -> list[float] | None:
    """An interval as ``[low, high]``; None where there is none."""
    return None if interval is None else [interval.low, interval.high]


def figures_answer(figures: MetricSet, ks: Sequence[int]) -> dict[str, Any]:
    """All figures under one junk rule, with how many queries they are of and which have none."""
    keys = order(ks)
    return {
        "junk": figures.junk,
        "queries": figures.scored,
        "gallery": figures.gallery,
        "groups": figures.groups,
        "excluded": figures.excluded_count,
        "exclusions": [{**asdict(one), "label": words(one.label)} for one in figures.excluded],
        "queries_with_fewer_than_k": figures.short,
        "micro": _shares(figures.micro, keys),
        "macro": _shares(figures.macro, keys),
        "intervals": {key: interval_pair(figures.intervals.get(key)) for key in keys},
        "macro_intervals": {key: interval_pair(figures.macro_intervals.get(key)) for key in keys},
        "intervals_are_approximate": any(one is not None and one.approximate for one in figures.intervals.values()),
        "classes": {words(label): _shares(means, keys) for label, means in figures.classes.items()},
        "class_intervals": {
            words(label): {key: interval_pair(one.get(key)) for key in keys}
            for label, one in figures.class_intervals.items()
        },
        "class_queries": {words(label): count for label, count in figures.scored_by_class.items()},
        "ceilings": _shares(figures.ceilings, list(figures.ceilings)),
        "chance": _shares(figures.chance, list(figures.chance)),
        "tied_share": figures.tied_share,
        "confusion": {
            "labels": [words(label) for label in figures.confusion.labels],
            "counts": figures.confusion.counts.tolist(),
        },
    }


def _shares(means: Mapping[str, float], keys: Sequence[str]) -> dict[str, float | None]:
    return {key: None if math.isnan(means[key]) else float(means[key]) for key in keys}


def _query(evaluation: Evaluation, query: EvaluatedQuery, count: int | None = None) -> dict[str, Any]:
    return {
        **path_fields(query.path),
        "label": words(query.label),
        "ap": query.metrics["map"],
        "hits": [
            {**path_fields(hit.path), "label": words(hit.label), "score": round(hit.score, 6), "right": hit.right}
            for hit in evaluation.hits(query.number)[:count]
        ],
    }
