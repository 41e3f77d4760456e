"""The tables of a comparison, a row for each encoder, and the notes that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import PUBLISHED
from lookalike.report.document.blocks import Table, table_of
from lookalike.report.document.definitions import junk_meaning, metric_name, ties_note
from lookalike.report.document.elements import Cell, Column, Media, Row
from lookalike.report.document.values import interval_plot, interval_text, share
from lookalike.report.sections import ceiling, exclusions_text, sentence
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import ComparedEncoder, Comparison
    from lookalike.evaluation.scoring.results import Evaluation, MetricSet
    from lookalike.evaluation.statistics.differences import Difference

SPEED_NOTE: Final = (
    "Images/s: images decoded and encoded on this machine, in this run or in the earlier one whose embeddings were "
    "kept, other work on it included; a dash where that isn't known."
)

_LEAST_P: Final = 0.001
_UPRIGHT_CLASSES: Final = 6


def overall_table(comparison: Comparison, title: str = "") -> Table:
    """Every encoder with its metrics over all queries and their intervals, its speed and its dimension."""

    def cells(one: Evaluation) -> list[Cell]:
        return [
            *(_with_interval(one.metrics, key) for key in comparison.metrics),
            Cell("-" if one.images_per_second is None else f"{one.images_per_second:.1f}"),
            Cell(f"{one.encoder.dimension:,}"),
        ]

    titles = [*map(metric_name, comparison.metrics), "Images/s", "Dimension"]
    limits = _ceilings(comparison.evaluations[0].metrics, comparison.metrics)
    return _encoders_table(comparison, title, titles, cells, limits, problem="")


def _with_interval(metrics: MetricSet, key: str) -> Cell:
    value = metrics.micro[key]
    return Cell(share(value), interval_text(metrics.intervals.get(key)), heat=value)


def other_tables(comparison: Comparison) -> Iterator[Table]:
    """Every encoder's metrics over all queries under each other junk rule that the dataset's columns allow."""
    for place, other in enumerate(comparison.evaluations[0].others):

        def cells(one: Evaluation, place: int = place) -> list[Cell]:
            metrics = one.others[place]
            values = [_with_interval(metrics, key) for key in comparison.metrics]
            return [*values, Cell(f"{metrics.scored:,}"), Cell(f"{metrics.excluded_count:,}")]

        titles = [*map(metric_name, comparison.metrics), "Queries", "Excluded"]
        remark = junk_meaning(other.junk, comparison.dataset)
        remark += f"; {exclusions_text(other.excluded)}" if other.excluded else ""
        yield _encoders_table(
            comparison,
            f"Overall under the junk rule {other.junk}",
            titles,
            cells,
            _ceilings(other, comparison.metrics),
            remark=sentence(remark),
        )


def class_table(comparison: Comparison, key: str) -> Table:
    """One metric: overall, macro, and a column for every class."""

    def cells(one: Evaluation) -> list[Cell]:
        metrics = one.metrics
        values = (metrics.classes[label][key] for label in comparison.labels)
        means = [Cell(share(metrics.micro[key]), tone="strong"), Cell(share(metrics.macro[key]))]
        return [*means, *(Cell(share(value), heat=value) for value in values)]

    metrics = comparison.evaluations[0].metrics
    limits: list[str] = []
    if (limit := ceiling(metrics.ceilings, key)) is not None:
        classes = [metrics.class_ceilings[label][key] for label in comparison.labels]
        limits = [share(one) for one in (limit, sum(classes) / len(classes), *classes)]
    titles = ["Overall", "Macro", *comparison.labels]
    upright = 3 if len(comparison.labels) > _UPRIGHT_CLASSES else None
    return _encoders_table(comparison, f"{metric_name(key)} by class", titles, cells, limits, upright=upright)


def _ceilings(metrics: MetricSet, keys: Sequence[str]) -> list[str]:
    """The ceilings, which no encoder can exceed, where they are below 1; none if no metric has one."""
    limits = [ceiling(metrics.ceilings, key) for key in keys]
    return ["" if limit is None else share(limit) for limit in limits] if any(limits) else []


def _encoders_table(
    comparison: Comparison,
    title: str,
    titles: Sequence[str],
    cells: Callable[[Evaluation], list[Cell]],
    limits: Sequence[str],
    *,
    remark: str = "",
    problem: str = "not evaluated (see above)",
    upright: int | None = None,
) -> Table:
    rows = [
        Row((_encoder(comparison, row), *cells(row.evaluation)))
        if row.evaluation
        else Row((_encoder(comparison, row), Cell(problem or f"not evaluated: {row.problem}")))
        for row in comparison.rows
    ]
    if limits:
        rows.append(Row(("ceiling", *limits, *[""] * (len(titles) - len(limits))), "limit"))
    return Table((Column("Encoder"), *map(Column, titles)), tuple(rows), title=title, remark=remark, upright=upright)


def _encoder(comparison: Comparison, row: ComparedEncoder) -> Cell:
    return Cell(row.name, "reference" if row.name == comparison.reference.name else "")


def ceiling_and_ties_note(comparison: Comparison) -> str:
    """What ceilings are, and the greatest share of ties of any encoder."""
    first = comparison.evaluations[0]
    limits = any(_ceilings(first.metrics, comparison.metrics))
    meaning = "The ceiling of precision@k is min(k, R) / k, which no encoder can exceed. " if limits else ""
    tied = max(one.metrics.tied_share for one in comparison.evaluations)
    return f"{meaning}At most {ties_note(tied, comparison.seed)}"


def difference_table(tested: Sequence[tuple[str, Mapping[str, Difference]]], key: str) -> Table:
    """One metric's differences from the reference, with intervals on an axis that holds all of them, and p-values.

    ``tested`` are the names of encoders with their differences by metric.
    """
    differences = [(name, found[key]) for name, found in tested if key in found]
    ends = [
        abs(end)
        for _, one in differences
        for end in (one.value, *((one.interval.low, one.interval.high) if one.interval else ()))
    ]
    reach = 0.05 * (1 + int(max(ends, default=0.0) / 0.05))
    table = table_of(
        differences,
        (
            (Column("Encoder"), lambda one: one[0]),
            (Column("", media=Media.PAGE, axis=(-reach, reach)), lambda one: _difference_plot(*one)),
            (Column("Difference"), lambda one: Cell(f"{one[1].value:+.3f}", tone="strong")),
            (Column("95 % interval"), lambda one: Cell(interval_text(one[1].interval, sign="+"), tone="soft")),
            (Column("p"), lambda one: p_value(one[1].p)),
            (Column("p (Holm)"), lambda one: adjusted_p(one[1])),
        ),
    )
    return replace(table, title=metric_name(key))


def _difference_plot(name: str, one: Difference) -> Cell:
    return Cell(f"{name} {one.value:+.3f}", plot=interval_plot(one.value, one.interval))


def adjusted_p(one: Difference) -> Cell:
    """The adjusted p-value of a difference, marked where it shows one."""
    return Cell(p_value(one.adjusted), tone="mark" if one.is_significant else "")


def p_text(p: float | None) -> str:
    """A p-value for a sentence: "p = 0.012", "p < 0.001"."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def p_value(p: float | None) -> str:
    """A p-value with three digits; a dash for None."""
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= _LEAST_P else f"< {_LEAST_P}"


def difference_note(reference: str, tests: int) -> str:
    """How encoders are tested against the one called ``reference``, in all tables of differences together."""
    return (
        f"Differences from {reference}, named first, on the same images; positive values are better. p is the "
        "probability of a difference at least as large, if new images from the same source showed none: two-sided, by "
        f"Student's t with the variance of the intervals, and with Holm's correction for {plural(tests, 'test')} in "
        "all tables of differences. Testing against the best row instead would be selection."
    )


def tests_note(comparison: Comparison) -> str:
    """How encoders are tested, or why they aren't."""
    reference = comparison.reference
    if reference.evaluation is None:
        return (
            f"Nothing is tested, because the reference, {reference.name}, can't be evaluated. Name another encoder "
            "first; taking the best one as the reference would be selection."
        )
    tested = sum(bool(row.differences) for row in comparison.rows)
    if not tested:
        return "There is only one encoder, so nothing is tested."
    return difference_note(reference.name, sum(len(row.differences) for row in comparison.rows))


def published_table() -> Table:
    """The published values."""
    rows = tuple(Row((row.name, f"{row.cat}", f"{row.dog}")) for row in PUBLISHED)
    return Table((Column("Method"), Column("Cat"), Column("Dog")), rows, layout="narrow")
