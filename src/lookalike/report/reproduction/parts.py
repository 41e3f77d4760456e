"""Parts of the report on both experiments: the data, the comparison (Table 1), and what damage leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import STANDARD_SIDE
from lookalike.evaluation.experiments.published import HEADING
from lookalike.report.comparison.document import summary
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
from lookalike.report.dataset.contact_sheet import dataset_contact_sheet
from lookalike.report.document.blocks import AnyBlock, Figure, Heading, Table, Tables, Text, table_of
from lookalike.report.document.definitions import evaluation_notes, interval_notes, junk_meaning, metric_name, ties_note
from lookalike.report.document.elements import Column, Drawing
from lookalike.report.document.values import size_text
from lookalike.report.drawings.contact_sheet import contact_sheet
from lookalike.report.drawings.raster import jpeg
from lookalike.report.robustness.definitions import robustness_interval_notes
from lookalike.report.robustness.figures import RobustnessFigures, corruption_title
from lookalike.report.robustness.tables import families_table
from lookalike.report.sections import exclusions_text, notices
from lookalike.text import plural

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.robustness.examples import Example

_SHEET_ROWS: Final = 12
_CELL: Final = 150


def data_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """The images of a dataset by class, and its contact sheet."""
    display, part = experiment.inspection, experiment.inspection.overall
    yield Heading(experiment.title, 3)
    yield Text(f"{experiment.dataset.description}.")
    yield from notices(experiment.dataset.notes)
    groups = part.units.get("group")
    table = table_of(
        display.classes.items(),
        (
            (Column("Class"), lambda one: one[0]),
            (Column("Images"), lambda one: f"{one[1].images:,}"),
            (Column("Groups"), lambda one: f"{one[1].units['group'].count:,}" if "group" in one[1].units else "-"),
            (Column("Skipped"), lambda one: f"{one[1].skipped:,}"),
            (Column("Median size"), lambda one: size_text(None if one[1].sizes is None else one[1].sizes.median)),
        ),
    )
    yield Tables(
        f"{experiment.title}: images by class",
        f"{plural(part.images, 'image')} of {plural(len(display.classes), 'class', 'classes')}; groups (scenes): "
        f"{'not given' if groups is None else f'{groups.count:,}'}; {plural(len(display.copies), 'set')} of exact "
        f"copies; {plural(part.skipped, 'file')} skipped.",
        (table,),
        numbered=False,
    )
    title = f"{experiment.title}: images of each class"
    sheet = jpeg(dataset_contact_sheet(display))
    yield Figure(
        (Drawing(f"figure-data-{experiment.name}", title, sheet, wide=True),),
        title,
        f"Drawn at random with the seed {display.seed}; the number of images of each class is in brackets.",
    )


def comparison_blocks(experiments: Sequence[Experiment]) -> Iterator[AnyBlock]:
    """Table 1: every encoder on every dataset, with the published values apart; then the tests."""
    yield Tables(
        f"Encoders compared on {' and '.join(experiment.title for experiment in experiments)}",
        " ".join(f"{experiment.title}: {summary(experiment.comparison)}." for experiment in experiments)
        + f" Means over queries with 95 % intervals. {SPEED_NOTE}",
        (
            *(table for experiment in experiments for table in _compared(experiment)),
            replace(published_table(), title=f"{HEADING}: accuracy in %"),
        ),
    )
    for experiment in experiments:
        yield from _tests(experiment)


def _compared(experiment: Experiment) -> Iterator[Table]:
    """One dataset's part of Table 1."""
    comparison, title = experiment.comparison, experiment.title
    yield overall_table(comparison, f"{title}: all queries")
    keys = dict.fromkeys((comparison.metrics[0], "precision@10", "accuracy"))
    for table in (*other_tables(comparison), *(class_table(comparison, key) for key in keys)):
        yield replace(table, title=f"{title}: {table.title}")


def _tests(experiment: Experiment) -> Iterator[AnyBlock]:
    comparison, title = experiment.comparison, experiment.title
    metrics = experiment.evaluation.metrics
    for note in evaluation_notes(experiment.evaluation):
        yield Text(f"{title}: {note}", kind="notice")
    tested = [(row.name, row.differences) for row in comparison.rows]
    tables = tuple(table for key in comparison.metrics if (table := difference_table(tested, key)).rows)
    if tables:
        yield Tables(f"{title}: tests against {comparison.reference.name}", tests_note(comparison), tables)
    else:
        yield Text(f"{title}: {tests_note(comparison)}")
    if metrics.excluded:
        yield Text(f"{title}: {exclusions_text(metrics.excluded)}.")
    yield Text(f"{title}: {ceiling_and_ties_note(comparison)}")
    yield Text(f"{title}: {interval_notes(metrics.groups, experiment.dataset)}")


def robustness_blocks(
    experiment: Experiment, plots: RobustnessFigures, examples: Sequence[Example], limit: int
) -> Iterator[AnyBlock]:
    """What damage leaves of the metrics, and examples of it; ``limit`` is the greatest number of images of a class."""
    result, title = experiment.robustness, experiment.title
    findings, key = result.results, result.metric_names[0]
    yield Heading(title, 3)
    yield Text(
        f"{plural(findings.scored, 'query', 'queries')}, {findings.excluded:,} excluded, against "
        f"{plural(result.gallery, 'image')} (at most {limit:,} of each class), all scaled to {STANDARD_SIDE} pixels "
        f"along their shorter side; queries are corrupted, the gallery is clean; "
        f"{plural(len(findings.corruptions), 'corruption')} (controls among them) at severity "
        f"{', '.join(map(str, result.severities))}."
    )
    yield _named(
        plots.maps,
        experiment.name,
        f"{title}: retention by corruption and severity",
        "Retention in percent, (corrupted - chance) / (clean - chance); the mean over severities is at the right, "
        "controls are in italics and in no mean.",
    )
    yield _named(
        plots.curves[key],
        experiment.name,
        f"{title}: {metric_name(key)} over severity",
        "From clean images on, a line for each corruption; dashed lines are controls, the dotted line is chance.",
    )
    if findings.exclusions:
        yield Text(f"{title}: {exclusions_text(findings.exclusions)}.")
    others = (
        replace(
            families_table(other, result.metric_names),
            title=f"By family under the junk rule {other.junk}",
            remark=f"{junk_meaning(other.junk, result.dataset)}: {plural(other.scored, 'query', 'queries')}, "
            f"{other.excluded:,} excluded.",
        )
        for other in result.others
    )
    yield Tables(
        f"{title}: what damage leaves, by family",
        "Means over severities, then corruptions, then families; retention with its 95 % interval. "
        f"{robustness_interval_notes(result)} At most {ties_note(findings.tied_share, result.seed)}",
        (replace(families_table(findings, result.metric_names), title="By family"), *others),
    )
    yield from _examples(experiment, examples)


def _named(figure: Figure, name: str, title: str, method: str) -> Figure:
    """A figure with a title, its files named after the experiment."""
    drawings = tuple(replace(one, slug=f"{one.slug}-{name}") for one in figure.drawings)
    return replace(figure, drawings=drawings, title=title, method=method)


def _examples(experiment: Experiment, examples: Sequence[Example]) -> Iterator[AnyBlock]:
    """One contact sheet, in parts because it would be too high for a page."""
    parts = [examples[start : start + _SHEET_ROWS] for start in range(0, len(examples), _SHEET_ROWS)]
    if parts:
        drawings = (
            Drawing(
                f"figure-damage-{experiment.name}-{number}",
                ", ".join(dict.fromkeys(one.family for one in part)).capitalize(),
                jpeg(contact_sheet([_sheet_row(one) for one in part], cell=_CELL)),
                wide=True,
            )
            for number, part in enumerate(parts, start=1)
        )
        yield Figure(
            tuple(drawings),
            f"{experiment.title}: every severity of one image",
            "As passed to the encoder: the same scaling, the same random numbers. The image is drawn by the seed.",
        )


def _sheet_row(example: Example) -> tuple[str, list[tuple[str, Image.Image]]]:
    images = [(str(severity) if severity else "clean", image) for severity, image in example.images]
    return corruption_title(example.corruption), images
