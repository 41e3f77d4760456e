"""The report of a comparison of "same scene, other frame", as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lookalike.report.angles.definitions import KIND, meanings
from lookalike.report.angles.document import exclusions
from lookalike.report.comparison.tables import difference_note, difference_table
from lookalike.report.document.blocks import AnyBlock, Document, Heading, Links, Table, Text
from lookalike.report.document.definitions import interval_notes, metric_name, ties_note
from lookalike.report.document.elements import Cell, Column, Media, Row
from lookalike.report.document.values import interval_text, share
from lookalike.report.sections import ceiling, experiment_document, notices, skipped_files, terms
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.angle_comparison import AnglesComparison


def angles_comparison_document(comparison: AnglesComparison, pages: Sequence[tuple[str, str]] = ()) -> Document:
    """The metrics of every encoder with intervals, tests against the first, and definitions.

    ``pages`` are the names of encoders with the addresses of their own reports.
    """
    first = comparison.reference.angles
    left_out = exclusions(first)
    return experiment_document(
        f"{KIND.capitalize()}: encoders",
        first.dataset,
        f"{len(comparison.rows)} encoders, {plural(first.scored, 'query', 'queries')} of "
        f"{plural(first.scenes, 'scene')}, each against {plural(first.gallery, 'image')}: at which ranks are the other "
        f"frames of its own scene? {sum(first.excluded.values()):,} excluded.",
        (
            *notices(first.dataset.notes),
            *([Text(f"{left_out}.", kind="notice")] if left_out else []),
            Heading("Overall"),
            Text("Means over queries with 95 % intervals."),
            angles_overall_table(comparison),
            Text(f"At most {ties_note(max(row.angles.tied_share for row in comparison.rows), first.seed)}"),
            *_differences(comparison),
            Text(interval_notes(first.scenes, first.dataset)),
            *_pages(pages),
            Heading("Skipped files"),
            *skipped_files(first.skipped, "angles.json"),
            *terms(meanings(first)),
        ),
        encoders=[
            *(("Encoder", row.angles.encoder) for row in comparison.rows),
            ("Near duplicates found by", f"{first.near_encoder}, cosine above {first.threshold:g}"),
        ],
        provenance=comparison.provenance,
        seed=first.seed,
        files="angles.json and angles.csv",
    )


def angles_overall_table(comparison: AnglesComparison) -> Table:
    """A row for each encoder, then chance, and the ceilings below 1."""
    first, keys = comparison.reference.angles, comparison.metrics
    rows = [
        Row(
            (
                Cell(row.name, "reference" if row is comparison.reference else ""),
                *(
                    Cell(
                        share(row.angles.micro[key]),
                        interval_text(row.angles.intervals.get(key)),
                        heat=row.angles.micro[key],
                    )
                    for key in keys
                ),
            )
        )
        for row in comparison.rows
    ]
    rows.append(Row(("chance", *(share(first.chance.get(key)) for key in keys)), "limit"))
    limits = [ceiling(first.ceilings, key) for key in keys]
    if any(limit is not None for limit in limits):
        rows.append(Row(("ceiling", *("" if limit is None else share(limit) for limit in limits)), "limit"))
    return Table((Column("Encoder"), *(Column(metric_name(key)) for key in keys)), tuple(rows))


def _differences(comparison: AnglesComparison) -> Iterator[AnyBlock]:
    tested = [(row.name, row.differences) for row in comparison.rows]
    yield Heading(f"Against {comparison.reference.name}")
    yield Text(difference_note(comparison.reference.name, sum(len(found) for _, found in tested)))
    for key in comparison.metrics:
        yield difference_table(tested, key)


def _pages(pages: Sequence[tuple[str, str]]) -> Iterator[AnyBlock]:
    if pages:
        media = Media.PAGE | Media.MARKDOWN
        yield Heading("Each encoder by itself", media=media)
        text = "all metrics, classes, the scenes found worst and best"
        yield Links(tuple((name, file, text) for name, file in pages), media=media)
