"""The report of an evaluation, as blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import AnyBlock, Cards, Document, Facts, Heading, SideBySide, Table, Text
from lookalike.report.document.definitions import (
    definitions,
    interval_notes,
    junk_meaning,
    junk_rule,
    metric_keys,
    metric_name,
    notes,
    protocol,
    ties_note,
)
from lookalike.report.document.elements import Card, Cell, Column, Media, Row
from lookalike.report.document.values import interval_plot, interval_text, share
from lookalike.report.evaluation.images import extreme_rankings, failure_images
from lookalike.report.sections import (
    ceiling,
    class_means,
    exclusions_text,
    experiment_document,
    heat,
    left_out,
    metric_card,
    metrics_table,
    notices,
    sentence,
    terms,
)
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.scoring.results import Confusion, Evaluation, MetricSet

# A confusion matrix of more classes is unreadable; the most frequent confusions are listed instead.
_CONFUSION_CLASSES: Final = 30
_CONFUSIONS: Final = 8


def evaluation_document(evaluation: Evaluation) -> Document:
    """Metrics with intervals, classes, confusions, the best and the worst queries, and definitions."""
    metrics, dataset = evaluation.metrics, evaluation.dataset
    return experiment_document(
        "Evaluation",
        dataset,
        _lead(evaluation),
        (
            *notices(notes(evaluation)),
            Facts((("encoder", str(evaluation.encoder)), ("junk", metrics.junk)), media=Media.TERMINAL),
            Text(sentence(junk_meaning(metrics.junk, dataset)), media=Media.TERMINAL),
            Cards(tuple(_card(metrics, key) for key in _headline(evaluation.ks)), media=Media.PAGE),
            *_all_metrics(evaluation),
            *_classes(metrics, evaluation.ks),
            *_confusion(metrics.confusion),
            *failure_images(evaluation),
            *extreme_rankings(evaluation),
            *left_out(metrics.excluded, evaluation.skipped, "evaluation.json"),
            *terms(definitions(metrics.junk, dataset)),
        ),
        encoders=(("Encoder", evaluation.encoder),),
        provenance=evaluation.provenance,
        seed=evaluation.seed,
        files="evaluation.json and queries.csv",
    )


def _headline(ks: Sequence[int]) -> list[str]:
    """The keys of the metrics that sum an evaluation up."""
    return [*dict.fromkeys((f"precision@{min(ks)}", f"precision@{max(ks)}")), "map", "accuracy"]


def _lead(evaluation: Evaluation) -> str:
    metrics, dataset = evaluation.metrics, evaluation.dataset
    text = (
        f"{plural(metrics.scored, 'query', 'queries')} of "
        f"{plural(len(metrics.scored_by_class), 'class', 'classes')} against {plural(metrics.gallery, 'image')}, "
        f"{protocol(dataset)}, junk: {junk_rule(metrics.junk, dataset)}; {metrics.excluded_count:,} excluded"
    )
    text += f"; {plural(len(evaluation.skipped), 'file')} skipped" if evaluation.skipped else ""
    return f"{text}. Encoder {evaluation.encoder.name}."


def _card(metrics: MetricSet, key: str) -> Card:
    limit = ceiling(metrics.ceilings, key)
    remark = f"macro {share(metrics.macro[key])}" + ("" if limit is None else f" · ceiling {share(limit)}")
    return metric_card(key, metrics.micro[key], metrics.intervals.get(key), remark)


def _all_metrics(evaluation: Evaluation) -> Iterator[AnyBlock]:
    metrics, dataset = evaluation.metrics, evaluation.dataset
    yield Heading("All metrics")
    yield Text(
        "From 0 to 1: mean over queries (micro) with its 95 % interval, mean over classes (macro), and what a random "
        "order would give.",
        media=Media.PAGE,
    )
    yield _metrics(metrics, metric_keys(evaluation.ks))
    yield Text(interval_notes(metrics.groups, dataset))
    yield Text(ties_note(metrics.tied_share, evaluation.seed))
    for other in evaluation.others:
        yield Heading(f"Under the junk rule {other.junk}", 3)
        excluded = f"; {exclusions_text(other.excluded)}" if other.excluded else ""
        yield Text(
            f"{sentence(junk_meaning(other.junk, dataset))} {plural(other.scored, 'query', 'queries')}, "
            f"{other.excluded_count:,} excluded{excluded}."
        )
        yield _metrics(other, [*(f"precision@{k}" for k in evaluation.ks), "map", "accuracy"])


def _metrics(metrics: MetricSet, keys: Sequence[str]) -> Table:
    return metrics_table(
        keys,
        (metrics.micro, metrics.intervals),
        [("Macro", metrics.macro, metrics.macro_intervals)],
        chance=metrics.chance,
        ceilings=metrics.ceilings,
    )


def _classes(metrics: MetricSet, ks: Sequence[int]) -> Iterator[AnyBlock]:
    k, plotted = max(ks), f"precision@{min(ks)}"
    keys = [
        *(f"precision@{each}" for each in ks),
        *("map", "map@r", f"ndcg@{k}", f"recall@{k}", f"hit_rate@{k}", "accuracy"),
    ]
    in_text = {plotted, f"precision@{k}", f"recall@{k}", "map", "accuracy"}
    excluded = Counter[str]()
    for one in metrics.excluded:
        excluded[one.label] += one.count
    yield Heading("By class")
    yield Text(
        f"Each class's own queries. The plot is of {metric_name(plotted)} with its 95 % interval and the class's "
        "ceiling.",
        media=Media.PAGE,
    )
    columns = (
        *(Column("Class"), Column("Queries")),
        Column("", media=Media.PAGE, axis=(0.0, 1.0), on_pages="hidden on phones"),
        *(Column(metric_name(key), media=Media.ALL if key in in_text else Media.PAGE) for key in keys[:1]),
        Column("95 % interval", media=Media.TEXT),
        *(Column(metric_name(key), media=Media.ALL if key in in_text else Media.PAGE) for key in keys[1:]),
    )
    rows = [_class(metrics, label, plotted, keys, excluded[label]) for label in sorted({*metrics.classes, *excluded})]
    rows += class_means(keys, metrics.macro, metrics.micro, metrics.scored, before=[""], after=1)
    yield Table(columns, tuple(rows))


def _class(metrics: MetricSet, label: str, plotted: str, keys: Sequence[str], excluded: int) -> Row:
    means = metrics.classes.get(label)
    if means is None:
        return Row((label, Cell("0", f"of {excluded:,}"), "nothing to find for any of its queries (R = 0)"))
    queries = metrics.scored_by_class[label]
    interval = metrics.class_intervals[label].get(plotted)
    plot = interval_plot(means[plotted], interval, ceiling=ceiling(metrics.class_ceilings[label], plotted))
    return Row(
        (
            label,
            Cell(f"{queries:,}", f"of {queries + excluded:,}" if excluded else ""),
            Cell(f"{label} {share(means[plotted])}", plot=plot),
            heat(means[plotted]),
            interval_text(interval),
            *(heat(means[key]) for key in keys[1:]),
        )
    )


def _confusion(confusion: Confusion) -> Iterator[AnyBlock]:
    """Queries by their class and that of their first hit, as a matrix and as the most frequent confusions."""
    labels, counts = confusion.labels, confusion.counts
    sums = counts.sum(axis=1)
    small = len(labels) <= _CONFUSION_CLASSES
    yield Heading("Confusions")
    yield Text(
        "Queries by their class (rows) and the class of their first hit (columns). "
        f"{int(counts.trace()):,} of {int(counts.sum()):,} first hits are right."
        + ("" if small else f" The matrix of {len(labels):,} classes is in evaluation.json.")
    )
    matrix = Table(
        (Column("Query's class"), *(Column(label) for label in labels)),
        tuple(
            Row((label, *(_confusion_cell(int(count), count / sums[i], right=i == j) for j, count in enumerate(row))))
            for i, (label, row) in enumerate(zip(labels, counts, strict=True))
            if sums[i]
        ),
        layout="matrix",
        media=Media.PAGE,
    )
    confusions = sorted(
        (-int(counts[i, j]), label, other, counts[i, j] / sums[i])
        for i, label in enumerate(labels)
        for j, other in enumerate(labels)
        if i != j and counts[i, j]
    )
    pairs = Table(
        (Column("Query's class", "words"), Column("taken for", "words"), Column("queries"), Column("of class")),
        tuple(
            Row((label, other, f"{-count:,}", f"{100 * part:.0f} %"))
            for count, label, other, part in confusions[: _CONFUSIONS if small else 5 * _CONFUSIONS]
        ),
    )
    yield SideBySide((*((matrix,) if small else ()), *((pairs,) if confusions else ())))


def _confusion_cell(count: int, part: float, *, right: bool) -> Cell:
    return Cell(f"{count:,}", tone="" if right else "wrong", heat=part) if count else Cell("·", tone="soft")
