"""The chapters of the report on all experiments: in short what each dataset's own pages have in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import STANDARD_SIDE
from lookalike.report.angles.comparison import angles_overall_table
from lookalike.report.angles.document import exclusions
from lookalike.report.comparison.document import summary
from lookalike.report.comparison.tables import ceiling_and_ties_note, difference_table, overall_table, tests_note
from lookalike.report.dataset.contact_sheet import dataset_contact_sheet
from lookalike.report.document.blocks import AnyBlock, Details, Figure, Heading, Table, Tables, Text
from lookalike.report.document.definitions import evaluation_notes, metric_name, ties_note
from lookalike.report.document.elements import Column, Drawing, Row
from lookalike.report.rasters.contact_sheet import contact_sheet
from lookalike.report.rasters.raster import jpeg
from lookalike.report.reproduction.findings import METRIC, OTHER_BACKGROUND, OWN_BACKGROUND
from lookalike.report.robustness.comparison import families_table, retained_drawing
from lookalike.report.robustness.figures import corruption_title
from lookalike.report.robustness.tables import retention_cell, value_cell
from lookalike.report.sections import notices
from lookalike.text import plural

if TYPE_CHECKING:
    from PIL import Image

    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.robustness.examples import Example

BACKGROUND_METHOD: Final = (
    "What is outside of the mask, or of a central ellipse, is replaced, up to all of it at severity 5. Retention with "
    "its 95 % interval, means over severities; 1 is no loss. The difference between a background of another class and "
    "one of its own class is what the class of the background costs."
)
"""How backgrounds are replaced, and what the tables of that say."""

_BACKGROUNDS: Final = {
    OTHER_BACKGROUND: "Another class",
    OWN_BACKGROUND: "Own class (control)",
    "background_blur": "Own, blurred (control)",
}
_CELL: Final = 150
_SHEET_COLUMNS: Final = 5
_SHOWN_SEVERITY: Final = 3


def data_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """What the dataset is, and its contact sheet."""
    display, part = experiment.inspection, experiment.inspection.overall
    groups = part.units.get("group")
    yield Heading(experiment.title, 3)
    yield Text(
        f"{experiment.dataset.description}: {plural(part.images, 'image')} of "
        f"{plural(len(display.classes), 'class', 'classes')}; groups (scenes): "
        f"{'not given' if groups is None else f'{groups.count:,}'}; {plural(len(display.copies), 'set')} of exact "
        f"copies; {plural(part.skipped, 'file')} skipped."
    )
    yield from notices(experiment.dataset.notes)
    title = f"{experiment.title}: images of each class"
    sheet = jpeg(dataset_contact_sheet(display))
    figure = Figure(
        (Drawing(f"figure-data-{experiment.name}", title, sheet, wide=True),),
        title,
        f"Drawn at random with the seed {display.seed}; the number of images of each class is in brackets.",
    )
    yield Details("Images of each class", (figure,))


def comparison_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """Every encoder on the dataset, and the tests."""
    comparison, title = experiment.comparison, experiment.title
    first = comparison.evaluations[0]
    yield from notices(f"{title}: {note}" for note in evaluation_notes(first))
    yield Tables(
        f"{title}: encoders",
        f"{summary(comparison)}. Means over queries with 95 % intervals. {ceiling_and_ties_note(comparison)}",
        (overall_table(comparison),),
    )
    table = difference_table([(row.name, row.differences) for row in comparison.rows], METRIC)
    if table.rows:
        against = f"{metric_name(METRIC)} against {comparison.reference.name}"
        yield Details(against, (Text(tests_note(comparison)), table))


def interference_blocks(experiment: Experiment, examples: Sequence[Example], limit: int) -> Iterator[AnyBlock]:
    """What damage leaves; ``limit`` is the greatest number of images of a class."""
    comparison, title = experiment.robustness, experiment.title
    result = comparison.reference.robustness
    results = result.results
    yield Heading(title, 3)
    yield Text(
        f"{plural(results.scored, 'query', 'queries')}, {results.excluded:,} excluded, against "
        f"{plural(result.gallery, 'image')} (at most {limit:,} of each class), all scaled to {STANDARD_SIDE} pixels "
        "along their shorter side, clean ones too, so metrics of clean images can differ from those above. Queries "
        f"are corrupted, the gallery is clean; {plural(len(results.corruptions), 'corruption')} (controls among them) "
        f"at severity {', '.join(map(str, result.severities))}."
    )
    yield from _examples(experiment, examples)
    drawing = retained_drawing(comparison, METRIC)
    yield Figure(
        (replace(drawing, slug=f"{drawing.slug}-{experiment.name}"),),
        f"{title}: {metric_name(METRIC)} retained by family and encoder",
        "Of the advantage over chance on clean images, in %, with 95 % intervals; means over the corruptions of a "
        "family and over their severities.",
    )
    yield Details("The same as a table, with tests", (families_table(comparison, METRIC),))


def background_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """What other backgrounds leave, and their controls."""
    rows = [(row.name, row.robustness.results) for row in experiment.robustness.rows]
    families = [[one for one in results.families if one.name == "background"] for _, results in rows]
    if not all(families):
        yield Text(
            f"{experiment.title}: not measured, because no corruption of backgrounds was selected, or none had an "
            "image to lend one."
        )
        return
    corruptions = [one[0].corruptions for one in families]
    titles = [_BACKGROUNDS.get(one.name, corruption_title(one.name)) for one in corruptions[0]]
    table = Table(
        (Column("Encoder"), Column("Clean"), *map(Column, titles)),
        tuple(
            Row((name, value_cell(results.clean[METRIC]), *(retention_cell(one.metrics[METRIC]) for one in own)))
            for (name, results), own in zip(rows, corruptions, strict=True)
        ),
    )
    yield Tables(
        f"{experiment.title}: {metric_name(METRIC)} retained with other backgrounds",
        f"By queries of {plural(len(experiment.robustness.reference.robustness.rows), 'image')}.",
        (table,),
    )


def angle_blocks(experiment: Experiment) -> Iterator[AnyBlock]:
    """How other frames of the same scene are found, or why that isn't measured."""
    comparison, title = experiment.angles, experiment.title
    if comparison is None:
        yield from notices([f"{title}: not measured: {experiment.angles_problem}"])
        return
    angles = comparison.reference.angles
    tied = max(row.angles.tied_share for row in comparison.rows)
    yield Tables(
        f"{title}: same scene, other frame",
        "Relevant are images of the query's group, whatever their label; near duplicates (cosine above "
        f"{angles.threshold:g} by {angles.near_encoder.name}) are junk. {plural(angles.scored, 'query', 'queries')} of "
        f"{plural(angles.scenes, 'scene')} against {plural(angles.gallery, 'image')}; "
        f"{exclusions(angles) or 'none excluded'}. At most {ties_note(tied, angles.seed)}",
        (angles_overall_table(comparison),),
    )


def _examples(experiment: Experiment, examples: Sequence[Example]) -> Iterator[AnyBlock]:
    """One image under one corruption of each family."""
    first = {one.family: one for one in reversed(examples)}
    if examples:
        cells = [("clean", examples[0].images[0][1]), *map(_shown, reversed(first.values()))]
        rows = [("", cells[start : start + _SHEET_COLUMNS]) for start in range(0, len(cells), _SHEET_COLUMNS)]
        title = f"{experiment.title}: an image under damage of each family"
        yield Figure(
            (
                Drawing(
                    f"figure-damage-{experiment.name}",
                    title,
                    jpeg(contact_sheet(rows, cell=_CELL)),
                    wide=True,
                ),
            ),
            title,
            f"The first corruption of each family at severity {_SHOWN_SEVERITY}; the image is drawn by the seed.",
        )


def _shown(example: Example) -> tuple[str, Image.Image]:
    """The image at the middle severity, or the nearest that was measured, with its caption."""
    _, image = min(example.images[1:], key=lambda one: abs(one[0] - _SHOWN_SEVERITY))
    return corruption_title(example.corruption), image
