"""The report of "same scene, other frame": as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.angle_comparison import headline
from lookalike.report.angles.definitions import KIND, angle_keys, meanings
from lookalike.report.document.blocks import AnyBlock, Cards, Document, Heading, Table, Text
from lookalike.report.document.definitions import interval_notes, metric_name, ties_note
from lookalike.report.document.elements import Card, Column, Frame, Media, Phrase, RankedQuery, Row
from lookalike.report.document.values import share
from lookalike.report.sections import (
    class_means,
    experiment_document,
    heat,
    hit_frame,
    metric_card,
    metrics_table,
    notices,
    query_frame,
    query_rankings,
    skipped_files,
    terms,
)
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.angle_results import AngleHit, AngleQuery, Angles

_QUERIES: Final = 6
_HITS: Final = 10


def angles_document(angles: Angles) -> Document:
    """Metrics with intervals, classes, the scenes that are found worst and best, and definitions."""
    dataset = angles.dataset
    gallery = "the gallery of" if dataset.has_split else "all"
    return experiment_document(
        KIND.capitalize(),
        dataset,
        f"{plural(angles.scored, 'query', 'queries')} of {plural(angles.scenes, 'scene')}, each against {gallery} "
        f"{plural(angles.gallery, 'image')}: at which ranks are the other frames of its own scene? "
        f"{sum(angles.excluded.values()):,} excluded. Encoder {angles.encoder.name}.",
        (
            *notices(dataset.notes),
            *_exclusions(angles),
            Cards(tuple(_card(angles, key) for key in headline(angles.ks)), media=Media.PAGE),
            *_all_metrics(angles),
            *_classes(angles),
            *_strips(angles),
            Heading("Skipped files"),
            *skipped_files(angles.skipped, "angles.json"),
            *terms(meanings(angles)),
        ),
        encoders=(
            ("Encoder", angles.encoder),
            ("Near duplicates found by", f"{angles.near_encoder}, cosine above {angles.threshold:g}"),
        ),
        provenance=angles.provenance,
        seed=angles.seed,
        files="angles.json and queries.csv",
    )


def angles_table(angles: Angles) -> Table:
    """A row for each metric, with its means over queries, scenes and classes."""
    return metrics_table(
        angle_keys(angles.ks),
        (angles.micro, angles.intervals),
        [("By scene", angles.by_scene, None), ("Macro", angles.macro, None)],
        chance=angles.chance,
        ceilings=angles.ceilings,
    )


def exclusions(angles: Angles) -> str:
    """How many queries are excluded, by reason; empty if none is."""
    return "; ".join(f"{count:,} excluded: {reason}" for reason, count in angles.excluded.items())


def _exclusions(angles: Angles) -> Iterator[AnyBlock]:
    if angles.excluded:
        yield Text(f"{exclusions(angles)}.", kind="notice")


def _card(angles: Angles, key: str) -> Card:
    remark = f"by scene {share(angles.by_scene[key])}, chance {share(angles.chance.get(key))}"
    return metric_card(key, angles.micro[key], angles.intervals.get(key), remark)


def _all_metrics(angles: Angles) -> Iterator[AnyBlock]:
    yield Heading("All metrics")
    yield Text(
        "From 0 to 1: mean over queries (micro) with its 95 % interval, over scenes, over classes (macro), and what a "
        "random order would give.",
        media=Media.PAGE,
    )
    yield angles_table(angles)
    yield Text(interval_notes(angles.scenes, angles.dataset))
    yield Text(
        f"Near duplicates removed (cosine above {angles.threshold:g} by {angles.near_encoder.name}): "
        f"{plural(angles.same_scene_duplicates, 'pair')} of a query and a frame of its scene, "
        f"{angles.other_duplicates:,} of a query and another image. {ties_note(angles.tied_share, angles.seed)}"
    )


def _classes(angles: Angles) -> Iterator[AnyBlock]:
    first, last = min(angles.ks), max(angles.ks)
    keys = [*dict.fromkeys((f"precision@{first}", f"precision@{last}", f"recall@{last}", "map", "map@r"))]
    yield Heading("By class")
    yield Text("The queries of each class; what they look for is their own scene, not their class.")
    rows = [
        Row((label, f"{angles.class_queries[label]:,}", *(heat(means[key]) for key in keys)))
        for label, means in sorted(angles.classes.items())
    ]
    rows += class_means(keys, angles.macro, angles.micro, angles.scored)
    yield Table((Column("Class"), Column("Queries"), *(Column(metric_name(key)) for key in keys)), tuple(rows))


def _strips(angles: Angles) -> Iterator[AnyBlock]:
    for title, which, queries in (
        ("Scenes found worst", "lowest AP of each scene, worst", angles.worst(_QUERIES)),
        ("Scenes found best", "highest AP of each scene, best", angles.best(_QUERIES)),
    ):
        text = (
            f"The query of {which} first, with its first hits. Solid green frames with ✓ show the query's scene, "
            "dashed red ones with ✗ another; numbers are cosines. If none of the first ten shows its scene, the tenth "
            "place has the first frame that does, with its rank."
        )
        yield from query_rankings(title, text, (_ranking(angles, query) for query in queries))


def _ranking(angles: Angles, query: AngleQuery) -> RankedQuery:
    hits, row = angles.hits(query.number)[:_HITS], query.row
    right = sum(hit.right for hit in hits)
    metrics = f"{right} of {plural(query.relevant, 'other frame')} among the first {len(hits)}"
    own = query_frame(
        angles.dataset.root / row.path,
        row.path,
        Phrase(row.group or "", "strong"),
        Phrase(row.label, "soft"),
        Phrase(f"AP {share(query.metrics['map'])}, {metrics}"),
    )
    if query.first is None or query.first.rank <= len(hits):
        return RankedQuery(own, tuple(_hit(angles, hit) for hit in hits))
    # No frame of the scene is among the first hits: the first one that comes later takes the last place.
    later = _hit(angles, query.first, Phrase(f"its scene, rank {query.first.rank:,}"))
    return RankedQuery(own, (*(_hit(angles, hit) for hit in hits[:-1]), later))


def _hit(angles: Angles, hit: AngleHit, *further: Phrase) -> Frame:
    group = [] if hit.right else [Phrase(hit.row.group or "no group", "wrong")]
    return hit_frame(
        angles.dataset.root / hit.row.path,
        hit.rank,
        hit.score,
        [*group, *further],
        right=hit.right,
        meaning="same scene" if hit.right else "another scene",
    )
