"""An evaluation for a terminal: tables of figures, and everything that was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.report.document.definitions import interval_notes, junk_words, notes, order, ties
from lookalike.report.document.pages import share
from lookalike.text import plural, printable

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import Evaluation, Exclusion, MetricSet
    from lookalike.evaluation.statistics.intervals import Interval
    from lookalike.images.files import Skipped

_SHOWN_FILES: Final = 20


def evaluation_text(evaluation: Evaluation) -> str:
    """Lines for people: what was evaluated, what was left out, all figures with intervals, and each class's."""
    figures = evaluation.metrics
    return "\n".join(
        [
            *_heading(evaluation),
            "",
            *_overall(figures, order(evaluation.ks)),
            "",
            *_classes(figures, evaluation.ks),
            *(line for other in evaluation.others for line in ("", *_other(other, evaluation.ks))),
            "",
            interval_notes(figures.groups, evaluation.dataset),
            ties(figures.tied_share, evaluation.seed),
        ]
    )


def table(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of ``rows`` in columns as wide as they need, the first ``left`` columns flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def interval_text(interval: Interval | None) -> str:
    """An interval for people, ``~`` where it is approximate, a dash where there is none."""
    if interval is None:
        return "-"
    return f"{'~' if interval.approximate else ''}{interval.low:.3f} to {interval.high:.3f}"


def skipped_lines(skipped: Sequence[Skipped]) -> Iterator[str]:
    """Every skipped file with its reason; of very many, the first, and how many more there are."""
    if skipped:
        yield f"{plural(len(skipped), 'file')} skipped:"
    for one in skipped[:_SHOWN_FILES]:
        yield f"  {printable(one.path)}: {one.reason}"
    if len(skipped) > _SHOWN_FILES:
        yield f"  and {len(skipped) - _SHOWN_FILES:,} more: --json and --out list them all"


def exclusions_text(excluded: Sequence[Exclusion]) -> Iterator[str]:
    """Queries that have nothing to find, by class and reason."""
    for one in excluded:
        yield f"  excluded: {one.count:,} of {printable(one.label)}: {one.reason}"


def exclusion_lines(evaluation: Evaluation) -> Iterator[str]:
    """Everything that a reader has to know of what isn't in the figures."""
    yield from exclusions_text(evaluation.metrics.excluded)
    yield from (f"note: {note}" for note in notes(evaluation))
    yield from skipped_lines(evaluation.skipped)


def _heading(evaluation: Evaluation) -> Iterator[str]:
    figures, dataset = evaluation.metrics, evaluation.dataset
    classes = len({row.label for row in evaluation.rows})
    how = "queries and gallery as its split says" if evaluation.split else "leave-one-out"
    images = f"{plural(len(evaluation.rows), 'image')} of {plural(classes, 'class', 'classes')}"
    yield f"{printable(dataset.name)}: {images}, {how}"
    yield f"junk {figures.junk}: {junk_words(figures.junk, dataset).removeprefix('junk is ')}"
    yield f"encoder {evaluation.encoder}"
    yield (
        f"{plural(figures.scored, 'query', 'queries')}, {figures.excluded_count:,} excluded, "
        f"{plural(figures.gallery, 'image')} in the gallery"
    )
    yield from exclusion_lines(evaluation)


def _overall(figures: MetricSet, keys: Sequence[str]) -> list[str]:
    header = ["FIGURE", "MICRO", "95 % INTERVAL", "MACRO", "95 % INTERVAL", "CHANCE", "CEILING"]
    rows = [
        [
            key,
            share(figures.micro[key]),
            interval_text(figures.intervals.get(key)),
            share(figures.macro[key]),
            interval_text(figures.macro_intervals.get(key)),
            share(figures.chance.get(key)),
            share(figures.ceilings.get(key.replace("precision", "ceiling"))) if key.startswith("precision") else "",
        ]
        for key in keys
    ]
    return table([header, *rows])


def _classes(figures: MetricSet, ks: Sequence[int]) -> list[str]:
    first = f"precision@{min(ks)}"
    keys = [*dict.fromkeys((f"precision@{max(ks)}", f"recall@{max(ks)}")), "map", "accuracy"]
    if min(ks) == max(ks):
        keys.remove(first)
    header = ["CLASS", "QUERIES", first.upper(), "95 % INTERVAL", *(key.upper() for key in keys)]
    rows = [
        [
            printable(label),
            f"{figures.scored_by_class[label]:,}",
            share(means[first]),
            interval_text(figures.class_intervals[label].get(first)),
            *(share(means[key]) for key in keys),
        ]
        for label, means in sorted(figures.classes.items())
    ]
    return table([header, *rows])


def _other(figures: MetricSet, ks: Sequence[int]) -> list[str]:
    keys = [*(f"precision@{k}" for k in ks), "map", "accuracy"]
    lines = _overall(figures, keys)
    queries = plural(figures.scored, "query", "queries")
    heading = f"under the junk rule {figures.junk}: {queries}, {figures.excluded_count:,} excluded"
    return [heading, *exclusions_text(figures.excluded), *lines]
