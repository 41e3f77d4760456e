"""What the forms of a comparison share: its tables as words, a row for every encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.published import PUBLISHED
from lookalike.picture_files import shown
from lookalike.report.definitions import name, ties
from lookalike.report.evaluation_text import interval_text
from lookalike.report.pages import share

if TYPE_CHECKING:
    from lookalike.evaluation.compare import Comparison, Difference
    from lookalike.evaluation.results import Evaluation

SPEED_NOTE: Final = (
    "Images/s: pictures decoded and encoded in this run on this machine, other work on it included; a dash where "
    "embeddings came from a gallery."
)


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, and rows of cells; a row of an encoder that couldn't be evaluated has dashes."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def overall_table(comparison: Comparison) -> Table:
    """Every encoder with its figures over all queries, speed and dimension."""

    def cells(one: Evaluation) -> list[str]:
        figures = [share(one.figures.micro[key]) for key in comparison.measures]
        return [*figures, speed(one.images_per_second), f"{one.encoder.dimension:,}"]

    header = ("Encoder", *(name(key) for key in comparison.measures), "Images/s", "Dimension")
    return Table("Overall", header, _rows(comparison, header, cells))


def other_tables(comparison: Comparison) -> list[Table]:
    """Every encoder's figures over all queries under each other junk rule that the dataset's columns allow."""
    tables = []
    header = ("Encoder", *(name(key) for key in comparison.measures), "Queries", "Excluded")
    for place, other in enumerate(comparison.evaluations[0].others):

        def cells(one: Evaluation, place: int = place) -> list[str]:
            found = one.others[place]
            figures = [share(found.micro[key]) for key in comparison.measures]
            return [*figures, f"{found.scored:,}", f"{found.left_out:,}"]

        tables.append(Table(f"Overall under the junk rule {other.junk}", header, _rows(comparison, header, cells)))
    return tables


def fine_print(comparison: Comparison) -> str:
    """The ceilings of precision@k, which no encoder can exceed, and the ties that a hash decided."""
    figures = comparison.evaluations[0].figures
    ks = (key for key in comparison.measures if key.startswith("precision@"))
    ceilings = (f"{name(key)} {share(figures.ceilings[key.replace('precision', 'ceiling')])}" for key in ks)
    tied = max(one.figures.tied_share for one in comparison.evaluations)
    return f"Ceilings, min(k, R) / k: {', '.join(ceilings)}. At most {ties(tied, comparison.seed)}"


def class_table(comparison: Comparison, key: str) -> Table:
    """One figure: a column for every class, and overall."""

    def cells(one: Evaluation) -> list[str]:
        classes = [share(one.figures.classes[label][key]) for label in comparison.labels]
        return [share(one.figures.micro[key]), share(one.figures.macro[key]), *classes]

    header = ("Encoder", "Overall", "Macro", *comparison.labels)
    return Table(f"{name(key)} by class", header, _rows(comparison, header, cells))


def _rows(
    comparison: Comparison, header: Sequence[str], cells: Callable[[Evaluation], list[str]]
) -> tuple[tuple[str, ...], ...]:
    nothing = ["-"] * (len(header) - 1)
    return tuple((row.name, *(cells(row.evaluation) if row.evaluation else nothing)) for row in comparison.rows)


def differences_table(comparison: Comparison) -> Table:
    """Every encoder's differences from the reference, with intervals and p-values."""
    return Table(
        f"Against {comparison.reference.name}",
        ("Encoder", "Figure", "Difference", "95 % interval", "p", "p (Holm)"),
        tuple(
            (row.name, name(key), f"{one.value:+.3f}", interval_of(one), p_value(one.p), p_value(one.adjusted))
            for row in comparison.rows
            for key, one in row.differences.items()
        ),
    )


def published_table() -> Table:
    """The published figures."""
    return Table("Accuracy in %", ("Method", "Cat", "Dog"), tuple((p.name, f"{p.cat}", f"{p.dog}") for p in PUBLISHED))


def problems(comparison: Comparison) -> list[str]:
    """The encoders that couldn't be evaluated, with the reason and the way to get them."""
    return [f"{shown(row.name)} not evaluated: {shown(row.problem)}" for row in comparison.rows if row.problem]


def test_remarks(comparison: Comparison) -> str:
    """How encoders are tested, or why they aren't."""
    reference = comparison.reference
    if reference.evaluation is None:
        return (
            f"{reference.name}, named first and so the reference, can't be evaluated: nothing is tested. Name another "
            "encoder first; taking the best one as the reference would be selection."
        )
    tested = sum(bool(row.differences) for row in comparison.rows)
    if not tested:
        return "One encoder only: there is nothing to test it against."
    return (
        f"Differences from {reference.name}, named first, on the same queries; positive is better than it. Two-sided p "
        "from flipping the signs of whole groups' summed differences (all patterns up to 14 groups, else 10,000 seeded "
        f"draws, (b + 1) / (B + 1)); Holm's correction for the encoders tested on each figure ({tested}). Testing "
        "against the best row instead would be selection. Intervals of differences are 95 %, from the same bootstrap "
        "as those of the figures."
    )


def interval_of(difference: Difference) -> str:
    """The interval of a difference, with signs; a dash where there is none."""
    found = difference.interval
    if found is None:
        return interval_text(None)
    return f"{'~' if found.approximate else ''}{found.low:+.3f} to {found.high:+.3f}"


def p_value(p: float) -> str:
    """A p-value: three digits, or as below the least that can be told."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"  # noqa: PLR2004  below, three digits would be 0


def speed(images_per_second: float | None) -> str:
    """A speed; a dash where nothing was encoded."""
    return "-" if images_per_second is None else f"{images_per_second:.1f}"


def summary(comparison: Comparison) -> str:
    """What was compared on what, in a line."""
    first = comparison.evaluations[0]
    figures = first.figures
    how = "queries and gallery as its split says" if first.split else "leave-one-out"
    return (
        f"{figures.scored:,} queries of {len(comparison.labels):,} classes, {figures.left_out:,} excluded, against "
        f"{figures.gallery:,} pictures, {how}, junk: {comparison.junk}"
    )
