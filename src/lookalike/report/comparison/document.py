"""The report of a comparison, as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lookalike.evaluation.experiments.published import HEADING, cats_and_dogs
from lookalike.report.comparison.tables import (
    SPEED_NOTE,
    ceiling_and_ties_note,
    class_table,
    difference_table,
    other_tables,
    overall_table,
    published_table,
    tests_note,
)
from lookalike.report.document.blocks import AnyBlock, Document, Heading, Text
from lookalike.report.document.definitions import definitions, interval_notes, junk_rule, notes, protocol
from lookalike.report.document.elements import Media
from lookalike.report.sections import experiment_document, left_out, notices, terms
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import Comparison


def comparison_document(comparison: Comparison) -> Document:
    """Every encoder overall and by class, tests, definitions; for cats and dogs, the published values apart."""
    first = comparison.evaluations[0]
    return experiment_document(
        "Comparison of encoders",
        comparison.dataset,
        f"{summary(comparison)}.",
        (
            *notices(notes(first)),
            Heading("Overall"),
            Text("Means over queries with 95 % intervals."),
            overall_table(comparison),
            Text(SPEED_NOTE),
            Text(ceiling_and_ties_note(comparison)),
            *other_tables(comparison),
            Heading("By class"),
            Text("Macro is the mean over classes, overall the mean over queries.", media=Media.PAGE),
            *(class_table(comparison, key) for key in comparison.metrics),
            *_differences(comparison),
            Text(interval_notes(first.metrics.groups, comparison.dataset)),
            *(_published() if cats_and_dogs(comparison.labels) else ()),
            *left_out(first.metrics.excluded, first.skipped, "comparison.json"),
            *terms(definitions(comparison.junk, comparison.dataset)),
        ),
        encoders=[("Encoder", evaluation.encoder) for evaluation in comparison.evaluations],
        provenance=comparison.provenance,
        seed=comparison.seed,
        files="comparison.json; as Markdown: comparison.md",
    )


def summary(comparison: Comparison) -> str:
    """What was compared on what, in a line."""
    first, dataset = comparison.evaluations[0], comparison.dataset
    metrics = first.metrics
    return (
        f"{plural(metrics.scored, 'query', 'queries')} of {plural(len(comparison.labels), 'class', 'classes')}, "
        f"{metrics.excluded_count:,} excluded, against {plural(metrics.gallery, 'image')}, {protocol(dataset)}, "
        f"junk: {junk_rule(comparison.junk, dataset)}"
    )


def _differences(comparison: Comparison) -> Iterator[AnyBlock]:
    """Every encoder's differences from the reference, or why there are none."""
    yield Heading(f"Against {comparison.reference.name}")
    yield Text(tests_note(comparison))
    for key in comparison.metrics:
        table = difference_table([(row.name, row.differences) for row in comparison.rows], key)
        if table.rows:
            yield table


def _published() -> Iterator[AnyBlock]:
    yield Heading(HEADING)
    yield Text(
        "Accuracy in %, for queries that show cats and that show dogs, as the method was published. No row above was "
        "measured on those images or in that way."
    )
    yield published_table()
