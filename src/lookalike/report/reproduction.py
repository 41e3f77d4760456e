"""The report on both experiments, as blocks: framework, pipeline, data, Table 1, robustness, rankings, all stamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import HEADING
from lookalike.evaluation.robustness.examples import Example
from lookalike.report.comparison_tables import (
    SPEED_NOTE,
    ceiling_row,
    class_table,
    differences_table,
    fine_print,
    other_tables,
    published_table,
    speed,
    summary,
    test_remarks,
)
from lookalike.report.dataset_sheet import dataset_sheet
from lookalike.report.document.blocks import Block, Code, Figure, Heading, Listing, NumberedTable, Report, Text
from lookalike.report.document.definitions import definitions, interval_notes, name, remarks
from lookalike.report.document.pages import image_source, share
from lookalike.report.document.tables import Table
from lookalike.report.drawings.clip_framework import clip_framework
from lookalike.report.drawings.pipeline import PipelineHit, pipeline
from lookalike.report.evaluation_text import exclusions_text, interval_text
from lookalike.report.reproduction_parts import angle_blocks, jpeg, ranking_blocks, robustness_blocks
from lookalike.report.robustness_definitions import robustness_definitions
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lookalike.evaluation.experiments.reproduce import Experiment, Reproduction
    from lookalike.evaluation.scoring.results import Evaluation

_THUMBNAIL: Final = 160


def reproduction_report(reproduction: Reproduction, examples: Mapping[str, Sequence[Example]]) -> Report:
    """The report; ``examples`` are damaged images to show, by the experiment's name."""
    titles = " and ".join(experiment.title for experiment in reproduction.experiments)
    return Report(
        title="CLIP-Retrieval, reproduced",
        lead=f"Image-to-image search on {titles}: encoders compared, and how well one of them holds when images are "
        f"damaged. Studied: {reproduction.encoder.name}.",
        blocks=tuple(_blocks(reproduction, examples)),
        footer=("Made by Lookalike on this machine; nothing was sent anywhere.",),
    )


def _blocks(reproduction: Reproduction, examples: Mapping[str, Sequence[Example]]) -> Iterator[Block]:
    for missing in reproduction.missing:
        yield Text(f"Missing: {missing.what}. To have it: {missing.fix}", notice=True)
    if reproduction.quick:
        yield Text(
            "A quick run: few images and few corruptions, to see what the report looks like. Its figures aren't to "
            "be quoted.",
            notice=True,
        )
    yield from _method(reproduction)
    yield Heading("The data")
    for experiment in reproduction.experiments:
        yield from _data(experiment)
    yield Heading("Encoders compared")
    yield from _table_1(reproduction)
    yield Heading("Interference: what damage leaves")
    for experiment in reproduction.experiments:
        yield from robustness_blocks(experiment, examples.get(experiment.name, ()), reproduction.limit)
    yield Heading("Same scene, other frame")
    for experiment in reproduction.experiments:
        yield from angle_blocks(experiment)
    yield Heading("Rankings")
    for experiment in reproduction.experiments:
        yield from ranking_blocks(experiment, reproduction.seed)
    yield from _terms(reproduction)
    yield from _made_with(reproduction)


def _method(reproduction: Reproduction) -> Iterator[Block]:
    spec, first = reproduction.encoder, reproduction.experiments[0]
    yield Heading("The method")
    yield Figure(
        "figure-clip-framework",
        "The framework of CLIP",
        "Drawn after the published framework: an image encoder and a text encoder are trained together on pairs of "
        "images and words; image-to-image search keeps the image encoder.",
        clip_framework(),
        wide=True,
    )
    yield Figure(
        "figure-pipeline",
        "The pipeline of this report",
        f"Drawn from the stamp of the encoder that ran ({spec}); query and hits are real, the first query drawn by the "
        f"seed from {first.title}.",
        _pipeline(reproduction),
        wide=True,
    )


def _pipeline(reproduction: Reproduction) -> str:
    experiment = reproduction.experiments[0]
    evaluation, number = experiment.evaluation, experiment.queries[0]
    root = experiment.dataset.root
    hits = [
        PipelineHit(image_source(root / hit.path, _THUMBNAIL), hit.score, hit.right) for hit in evaluation.hits(number)
    ]
    query = image_source(root / evaluation.query(number).path, _THUMBNAIL)
    return pipeline(reproduction.encoder, evaluation.metrics.gallery, query=query, hits=hits)


def _data(experiment: Experiment) -> Iterator[Block]:
    display, whole = experiment.inspection, experiment.inspection.overall
    yield Heading(experiment.title, 3)
    yield Text(f"{experiment.dataset.description}.")
    for note in experiment.dataset.notes:
        yield Text(note, notice=True)
    groups = whole.units.get("group")
    rows = tuple(
        (
            printable(label),
            f"{part.images:,}",
            f"{part.units['group'].count:,}" if "group" in part.units else "-",
            f"{part.skipped:,}",
            "-" if part.sizes is None else "{} x {}".format(*part.sizes.median),
        )
        for label, part in display.classes.items()
    )
    header = ("Class", "Images", "Groups", "Skipped", "Median size")
    known = "not given" if groups is None else f"{groups.count:,}"
    yield NumberedTable(
        f"{experiment.title}: images by class",
        f"{plural(whole.images, 'image')} of {plural(len(display.classes), 'class', 'classes')}; groups "
        f"(scenes): {known}; {plural(len(display.copies), 'set')} of exact copies; "
        f"{plural(whole.skipped, 'file')} skipped.",
        (Table("Images", header, rows),),
        numbered=False,
    )
    yield Figure(
        f"figure-data-{experiment.name}",
        f"{experiment.title}: images of each class",
        f"Drawn at random with the seed {display.seed}; the number of images of each class in brackets.",
        jpeg(dataset_sheet(display)),
        wide=True,
    )


def _table_1(reproduction: Reproduction) -> Iterator[Block]:
    """Every encoder on every dataset, and the published figures, which stand apart."""
    experiments = reproduction.experiments
    yield NumberedTable(
        f"Encoders compared on {' and '.join(experiment.title for experiment in experiments)}",
        " ".join(f"{experiment.title}: {summary(experiment.comparison)}." for experiment in experiments)
        + f" Means over queries with 95 % intervals. {SPEED_NOTE}",
        (*(table for one in experiments for table in _compared(one)), _published()),
    )
    for experiment in experiments:
        comparison = experiment.comparison
        for remark in remarks(experiment.evaluation):
            yield Text(f"{experiment.title}: {remark}", notice=True)
        differences = differences_table(comparison)
        if differences.rows:
            title = f"{experiment.title}: tests against {comparison.reference.name}"
            yield NumberedTable(title, test_remarks(comparison), (differences,))
        else:
            yield Text(f"{experiment.title}: {test_remarks(comparison)}")
        for line in exclusions_text(experiment.evaluation.metrics.excluded):
            yield Text(f"{experiment.title}, {line.strip()}.")
        yield Text(f"{experiment.title}: {fine_print(comparison)}")
        yield Text(f"{experiment.title}: {interval_notes(experiment.evaluation.metrics.groups, experiment.dataset)}")


def _compared(experiment: Experiment) -> Iterator[Table]:
    """One dataset's part of Table 1: all encoders overall; those that are here, by class."""
    comparison, title = experiment.comparison, experiment.title
    header = ("Encoder", *(name(key) for key in comparison.metrics), "Images/s", "Dimension")
    rows = [
        (row.name, *_overall(row.evaluation, comparison.metrics))
        if row.evaluation
        else (row.name, f"not evaluated: {row.problem}")
        for row in comparison.rows
    ]
    rows += ceiling_row(experiment.evaluation.metrics.ceilings, comparison.metrics, len(header))
    yield Table(f"{title}: all queries", header, tuple(rows))
    by_class = (
        class_table(comparison, key) for key in dict.fromkeys((comparison.metrics[0], "precision@10", "accuracy"))
    )
    for table in (*other_tables(comparison), *by_class):
        yield replace(table, title=f"{title}: {table.title}")


def _overall(evaluation: Evaluation, keys: Sequence[str]) -> Iterator[str]:
    figures = evaluation.metrics
    for key in keys:
        yield f"{share(figures.micro[key])} ({interval_text(figures.intervals.get(key))})"
    yield speed(evaluation.images_per_second)
    yield f"{evaluation.encoder.dimension:,}"


def _published() -> Table:
    table = published_table()
    return Table(f"{HEADING}: {table.title.lower()}", table.header, table.rows)


def _terms(reproduction: Reproduction) -> Iterator[Block]:
    first = reproduction.experiments[0]
    robust = first.robustness
    terms = definitions(first.comparison.junk, first.dataset) | robustness_definitions(robust, robust.results)
    yield Heading("What the figures mean")
    yield Listing(tuple(terms.items()))


def _made_with(reproduction: Reproduction) -> Iterator[Block]:
    made = reproduction.provenance
    stamps = dict.fromkeys(
        str(evaluation.encoder)
        for experiment in reproduction.experiments
        for evaluation in experiment.comparison.evaluations
    )
    yield Heading("Made with")
    yield Listing(
        (
            *((f"Encoder {number}", stamp) for number, stamp in enumerate(stamps, start=1)),
            *(
                (one.title, f"{one.dataset.description}, in {printable(one.dataset.root)}")
                for one in reproduction.experiments
            ),
            ("Seed", str(reproduction.seed)),
            ("Versions", ", ".join(f"{package} {version}" for package, version in made.versions.items())),
            ("Machine", made.machine),
        )
    )
    if made.command is not None:
        yield Text("The command that made this report; it goes on from where it was stopped:")
        yield Code(made.command)
