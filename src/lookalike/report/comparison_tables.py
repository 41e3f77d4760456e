"""What the forms of a comparison share: its tables as words, a row for every encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import PUBLISHED
from lookalike.evaluation.statistics.sign_flip import MAX_EXACT_GROUPS
from lookalike.report.document.definitions import junk_words, name, rule, ties, units
from lookalike.report.document.pages import share
from lookalike.report.document.tables import CEILING, Table
from lookalike.report.evaluation_text import exclusions_text, interval_text
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.compare import Comparison, Difference
    from lookalike.evaluation.scoring.results import Evaluation

SPEED_NOTE: Final = (
    "Images/s: images decoded and encoded in this run on this machine, other work on it included; a dash where "
    "embeddings came from a gallery."
)


def overall_table(comparison: Comparison) -> Table:
    """Every encoder with its figures over all queries, speed and dimension."""

    def cells(one: Evaluation) -> list[str]:
        figures = [share(one.metrics.micro[key]) for key in comparison.metrics]
        return [*figures, speed(one.images_per_second), f"{one.encoder.dimension:,}"]

    header = ("Encoder", *(name(key) for key in comparison.metrics), "Images/s", "Dimension")
    limit = ceiling_row(comparison.evaluations[0].metrics.ceilings, comparison.metrics, len(header))
    return Table("Overall", header, (*_rows(comparison, header, cells), *limit))


def ceiling_row(ceilings: Mapping[str, float], measures: Sequence[str], width: int) -> list[tuple[str, ...]]:
    """A row of ``width`` cells with what no encoder can exceed; none where that is 1 in any case, as for precision@1.

    ``ceilings`` are by ``ceiling@k``, and ``measures`` are the keys of the columns behind the name.
    """
    cells = [share(limit) if (limit := ceiling(ceilings, key)) is not None else "" for key in measures]
    return [(CEILING, *cells, *[""] * (width - 1 - len(cells)))] if any(cells) else []


def ceiling(ceilings: Mapping[str, float], key: str) -> float | None:
    """The ceiling of precision@k for k above 1; None for every other figure."""
    return None if key == "precision@1" else ceilings.get(key.replace("precision@", "ceiling@"))


def other_tables(comparison: Comparison) -> list[Table]:
    """Every encoder's figures over all queries under each other junk rule that the dataset's columns allow."""
    tables = []
    header = ("Encoder", *(name(key) for key in comparison.metrics), "Queries", "Excluded")
    for place, other in enumerate(comparison.evaluations[0].others):

        def cells(one: Evaluation, place: int = place) -> list[str]:
            found = one.others[place]
            figures = [share(found.micro[key]) for key in comparison.metrics]
            return [*figures, f"{found.scored:,}", f"{found.excluded_count:,}"]

        rows = (*_rows(comparison, header, cells), *ceiling_row(other.ceilings, comparison.metrics, len(header)))
        left_out = (line.strip() for line in exclusions_text(other.excluded))
        remarks = (junk_words(other.junk, comparison.dataset), *left_out)
        tables.append(Table(f"Overall under the junk rule {other.junk}", header, rows, remarks))
    return tables


def fine_print(comparison: Comparison) -> str:
    """What ceilings are, and how much the hash decided for the encoder for which it decided most."""
    tied = max(one.metrics.tied_share for one in comparison.evaluations)
    limits = any(ceiling_row(comparison.evaluations[0].metrics.ceilings, comparison.metrics, len(comparison.metrics)))
    meaning = "The ceiling of precision@k is min(k, R) / k, which no encoder can exceed. " if limits else ""
    return f"{meaning}At most {ties(tied, comparison.seed)}"


def class_table(comparison: Comparison, key: str) -> Table:
    """One figure: a column for every class, and overall."""

    def cells(one: Evaluation) -> list[str]:
        classes = [share(one.metrics.classes[label][key]) for label in comparison.labels]
        return [share(one.metrics.micro[key]), share(one.metrics.macro[key]), *classes]

    header = ("Encoder", "Overall", "Macro", *comparison.labels)
    limits = class_ceilings(comparison, key)
    limit = [(CEILING, *map(share, limits))] if limits else []
    return Table(f"{name(key)} by class", header, (*_rows(comparison, header, cells), *limit))


def class_ceilings(comparison: Comparison, key: str) -> list[float]:
    """The ceilings of ``key`` over queries, over classes, and of each class; nothing where it has none."""
    figures = comparison.evaluations[0].metrics
    overall = ceiling(figures.ceilings, key)
    if overall is None:
        return []
    classes = [
        limit for label in comparison.labels if (limit := ceiling(figures.class_ceilings[label], key)) is not None
    ]
    return [overall, sum(classes) / len(classes), *classes]


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
    return [f"{printable(row.name)} not evaluated: {printable(row.problem)}" for row in comparison.rows if row.problem]


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
    unit = units(comparison.dataset)
    whole = "the images' differences" if unit == "images" else f"whole {unit}' summed differences"
    return (
        f"Differences from {reference.name}, named first, on the same queries; positive is better than it. Two-sided p "
        f"from flipping the signs of {whole} (all patterns up to {MAX_EXACT_GROUPS} {unit}, else 10,000 seeded draws, "
        f"(b + 1) / (B + 1)); Holm's correction for the encoders tested on each figure ({tested})."
        f"{_least_p(comparison)} Testing against the best row instead would be selection. Intervals of differences are "
        "95 %, from the same bootstrap as those of the figures."
    )


def _least_p(comparison: Comparison) -> str:
    """What few groups allow at best: of all patterns of signs, that seen and its opposite are as far from 0."""
    groups = comparison.evaluations[0].metrics.groups
    if groups > MAX_EXACT_GROUPS:
        return ""
    unit = units(comparison.dataset)
    return f" With {plural(groups, unit[:-1], unit)} no p can be below {2.0 ** (1 - groups):.3g}, before correction."


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
    figures = first.metrics
    how = "queries and gallery as its split says" if first.split else "leave-one-out"
    return (
        f"{plural(figures.scored, 'query', 'queries')} of {plural(len(comparison.labels), 'class', 'classes')}, "
        f"{figures.excluded_count:,} excluded, against {plural(figures.gallery, 'image')}, {how}, "
        f"junk: {rule(comparison.junk, comparison.dataset)}"
    )
