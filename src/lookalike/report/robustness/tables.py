"""The tables of a robustness run: families, controls, mixed galleries, every cell, and examples of the damage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, corruptions_of_family
from lookalike.report.document.blocks import Table, table_of
from lookalike.report.document.definitions import metric_name
from lookalike.report.document.elements import Cell, Column, Picture, Row, RowKind
from lookalike.report.document.values import interval_text, share
from lookalike.report.robustness.figures import corruption_title

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import (
        CorruptionResult,
        FamilyResult,
        RobustnessMetric,
        RobustnessMetrics,
        RuleResults,
    )

_EXAMPLE_SIDE: Final = 150


def families_table(findings: RuleResults, keys: Sequence[str], *, corruptions: bool = False) -> Table:
    """Clean images, chance, every family's mean (with ``corruptions``, theirs too), and the mean over families."""
    titles = [title for key in keys for title in (metric_name(key), f"{metric_name(key)} retained")]
    rows = [
        Row(("clean", *(cell for key in keys for cell in (value_cell(findings.clean[key]), Cell())))),
        Row(("chance", *(cell for key in keys for cell in (Cell(share(findings.chance[key])), Cell())))),
    ]
    for family in findings.families:
        if family.metrics is not None or corruptions:
            rows.append(_mean_row(family.name, family.metrics, keys))
        for one in family.corruptions if corruptions else ():
            name = f"  [{one.name}]" if one.control_of else f"  {one.name}"
            rows.append(replace(_mean_row(name, one.metrics, keys), kind=""))
    if findings.overall is not None:
        rows.append(_mean_row("all families", findings.overall, keys))
    return Table((Column("Family"), *map(Column, titles)), tuple(rows))


def _mean_row(name: str, measures: RobustnessMetrics | None, keys: Sequence[str]) -> Row:
    if measures is None:
        return Row((name, *[""] * (2 * len(keys))), "group")
    cells = (cell for key in keys for cell in (Cell(share(measures[key].value)), retention_cell(measures[key])))
    return Row((name, *cells), "group")


def value_cell(measure: RobustnessMetric) -> Cell:
    """A metric with its interval."""
    return Cell(share(measure.value), interval_text(measure.interval))


def retention_cell(measure: RobustnessMetric) -> Cell:
    """What is retained of a metric, with its interval; n/a where that can't be said."""
    if measure.retention is None:
        return Cell("n/a")
    return Cell(share(measure.retention), interval_text(measure.retention_interval), tone="strong")


def controls_table(findings: RuleResults, keys: Sequence[str]) -> Table:
    """Each corruption that has controls, followed by them; controls alone if it wasn't measured."""
    groups: dict[str, list[CorruptionResult]] = {}
    for result in findings.corruptions:
        groups.setdefault(result.control_of or result.name, []).append(result)
    rows = [
        Row(
            (
                Cell(
                    corruption_title(one.name),
                    f"control of {corruption_title(one.control_of)}" if one.control_of else "",
                ),
                *(
                    cell
                    for key in keys
                    for cell in (Cell(share(one.metrics[key].value)), retention_cell(one.metrics[key]))
                ),
            ),
            "aside" if one.control_of else "",
        )
        for group in groups.values()
        if any(one.control_of for one in group)
        for one in sorted(group, key=lambda one: one.control_of is not None)
    ]
    titles = [title for key in keys for title in (metric_name(key), f"{metric_name(key)} retained")]
    return Table((Column("Corruption"), *map(Column, titles)), tuple(rows))


def mixed_table(findings: RuleResults) -> Table:
    """What comes first where half of the gallery is corrupted, for every corruption and severity."""
    items = (
        (result.name if number == 0 else "", cell.severity, cell.first_hits)
        for result in findings.corruptions
        for number, cell in enumerate(result.cells)
        if cell.first_hits is not None
    )
    return table_of(
        items,
        (
            (Column("Corruption"), lambda one: corruption_title(one[0])),
            (Column("Severity"), lambda one: str(one[1])),
            (Column("Damaged in gallery"), lambda one: Cell(share(one[2].gallery_share), tone="soft")),
            (Column("First hit corrupted, corrupted query"), lambda one: share(one[2].corrupted_query_share)),
            (Column("First hit corrupted, clean query"), lambda one: share(one[2].clean_query_share)),
            (Column("Pull"), lambda one: Cell(share(one[2].pull), heat=max(0.0, one[2].pull))),
            (Column("Wrong alike"), lambda one: share(one[2].wrong_same_condition)),
        ),
    )


def cells_table(family: FamilyResult, keys: Sequence[str]) -> Table:
    """Every corruption of a family at every severity, and its mean."""
    titles = [title for key in keys for title in (metric_name(key), "Retained", "Raw")]
    columns = (*(Column("Corruption"), Column("Severity"), Column("Parameters", "words")), *map(Column, titles))
    return Table(columns, tuple(row for one in family.corruptions for row in _cell_rows(one, keys)))


def _cell_rows(result: CorruptionResult, keys: Sequence[str]) -> Iterator[Row]:
    kind: RowKind = "aside" if result.control_of else ""
    for number, cell in enumerate(result.cells):
        name = corruption_title(result.name) if number == 0 else ""
        parameters = Cell(parameters_text(result.name, cell.severity), tone="soft")
        yield Row((name, str(cell.severity), parameters, *_cells(cell.metrics, keys)), kind)
    if len(result.cells) > 1:
        yield Row(("", "mean", "", *_cells(result.metrics, keys)), "group")


def _cells(measures: RobustnessMetrics, keys: Sequence[str]) -> Iterator[Cell]:
    for key in keys:
        yield value_cell(measures[key])
        yield replace(retention_cell(measures[key]), tone="")
        yield Cell(share(measures[key].raw_ratio), tone="soft")


def parameters_text(corruption: str, severity: int) -> str:
    """The parameters of a corruption at a severity."""
    parameters: Mapping[str, float] = CORRUPTIONS[corruption].parameters(severity)
    return ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in parameters.items())


def example_tables(examples: Sequence[Example], severities: Sequence[int]) -> Iterator[Table]:
    """For each family of ``examples`` a row for each corruption: the clean image, then each severity."""
    columns = (
        Column("Corruption"),
        *(Column(str(degree) if degree else "clean", "image") for degree in (0, *severities)),
    )
    for family in dict.fromkeys(example.family for example in examples):
        rows = (_example(one, (0, *severities)) for one in examples if one.family == family)
        yield Table(columns, tuple(rows), title=family.capitalize(), layout="images")


def _example(example: Example, degrees: Sequence[int]) -> Row:
    images = dict(example.images)
    name = corruption_title(example.corruption)
    cells = [
        Cell(plot=Picture(images[degree], _EXAMPLE_SIDE, f"{name}, {f'severity {degree}' if degree else 'clean'}"))
        if degree in images
        else Cell()
        for degree in degrees
    ]
    return Row((name, *cells))


def corruptions_text() -> str:
    """Every corruption with its description, by family, as lines for a terminal."""
    width = max(map(len, CORRUPTIONS))
    families = (
        "\n".join([family.upper(), *(f"  {one.name:<{width}}  {one.summary}" for one in corruptions_of_family(family))])
        for family in FAMILIES
    )
    return "\n\n".join(families)
