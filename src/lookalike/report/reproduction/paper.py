"""The published items in this report: where each is, and Table 1 in the published layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import PUBLISHED, cats_and_dogs
from lookalike.report.document.anchors import anchor
from lookalike.report.document.blocks import AnyBlock, Heading, Links, Table, Tables, Text
from lookalike.report.document.definitions import junk_rule, protocol
from lookalike.report.document.elements import Cell, Column, Row
from lookalike.report.document.values import percent, percent_interval
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.published import Published
    from lookalike.evaluation.experiments.reproduce import Experiment, Reproduction
    from lookalike.evaluation.scoring.results import Evaluation

ACCURACY: Final = "Accuracy for cats and dogs"
METHOD: Final = "The method"
DATA: Final = "The data"
ENCODERS: Final = "Encoders compared"
INTERFERENCE: Final = "Interference"
BACKGROUNDS: Final = "Complex backgrounds"
ANGLES: Final = "The same scene in other frames"
RANKINGS: Final = "Rankings"

_NOT_GIVEN: Final = "not in this report: no such dataset was given"


def paper_map(reproduction: Reproduction) -> Iterator[AnyBlock]:
    """Where each published item is."""
    names = [experiment.name for experiment in reproduction.experiments]

    def of(name: str, text: str) -> str:
        return text if name in names else _NOT_GIVEN

    places = (
        ("Figure 1", METHOD, "the framework of CLIP"),
        ("Figure 2", METHOD, "the pipeline, with the encoder that ran and one real query"),
        ("Figure 4", DATA, of("catsdogs", "images of cats and dogs")),
        ("Figure 5", DATA, of("rail", "railway images")),
        ("Table 1", ACCURACY, of("catsdogs", "accuracy by method, published and measured")),
        ("Resistance to interference", INTERFERENCE, "what noise, blur, bad light, rotation and occlusion leave"),
        ("Complex backgrounds", BACKGROUNDS, "the subject before another background, with controls"),
        ("Many angles", ANGLES, "frames of one scene as queries for each other"),
    )
    yield Heading("Where the published items are")
    yield Links(tuple((item, f"#{anchor(chapter)}", text) for item, chapter, text in places))


def accuracy_blocks(reproduction: Reproduction) -> Iterator[AnyBlock]:
    """Table 1: accuracy for cats and for dogs, by method, published and measured."""
    yield Heading(ACCURACY)
    experiment = next((one for one in reproduction.experiments if one.name == "catsdogs"), None)
    if experiment is None:
        yield Text("Not measured: no dataset of cats and dogs was given (--catsdogs DATASET).", kind="notice")
        return
    labels = cats_and_dogs(experiment.comparison.labels)
    if labels is None:
        found = plural(len(experiment.comparison.labels), "class", "classes")
        yield Text(f"Not measured: the dataset has {found}, not the two classes cat and dog.", kind="notice")
        return
    yield Tables(ACCURACY, _method(experiment), (_accuracy_table(experiment, labels),))


def _method(experiment: Experiment) -> str:
    comparison = experiment.comparison
    metrics = comparison.evaluations[0].metrics
    return (
        "In %. Measured: share of queries whose label wins the vote of their 10 nearest images, with its 95 % "
        f"interval; {plural(metrics.scored, 'query', 'queries')}, {protocol(experiment.dataset)}, junk: "
        f"{junk_rule(comparison.junk, experiment.dataset)}. Published: metric and split are not stated, so the two are "
        "not comparable. VGG stands for VGG16 here, CLIP-Retrieval for CLIP ViT-B/32; a dash: not in this report."
    )


def _accuracy_table(experiment: Experiment, labels: tuple[str, str]) -> Table:
    rows = [(row.name, row.evaluation) for row in experiment.comparison.rows if row.evaluation]
    names = {one.encoder for one in PUBLISHED}
    table = [one for published in PUBLISHED for one in _published_rows(published, rows, labels)]
    others = [(name, one) for name, one in rows if one.encoder.name not in names]
    if others:
        table.append(Row(("Not in the publication", ""), "group"))
        table += [Row((name, "", "-", "-", *_measured(one, labels))) for name, one in others]
    titles = ["Encoder", "Published, cat", "Published, dog", "Measured, cat", "Measured, dog"]
    first, *further = titles
    return Table((Column("Method"), Column(first, "words"), *map(Column, further)), tuple(table))


def _published_rows(published: Published, rows: list[tuple[str, Evaluation]], labels: tuple[str, str]) -> Iterator[Row]:
    """A published method with what its encoder reaches here, in each form in which it took part."""
    values = (f"{published.cat}", f"{published.dog}")
    own = [(name, one) for name, one in rows if one.encoder.name == published.encoder]
    if not own:
        yield Row((published.name, published.encoder, *values, "-", "-"))
    for name, evaluation in own:
        yield Row((published.name, name, *values, *_measured(evaluation, labels)))


def _measured(evaluation: Evaluation, labels: tuple[str, str]) -> Iterator[Cell]:
    for label in labels:
        interval = evaluation.metrics.class_intervals[label]["accuracy"]
        ends = "" if interval is None else percent_interval(interval)
        yield Cell(percent(evaluation.metrics.classes[label]["accuracy"]), ends, tone="strong")
