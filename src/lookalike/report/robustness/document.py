"""The report of a robustness run, as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lookalike.report.document.blocks import AnyBlock, Cards, Definitions, Details, Document, Facts, Heading, Text
from lookalike.report.document.definitions import junk_meaning, junk_rule, metric_name, protocol, ties_note
from lookalike.report.document.elements import Card, Media
from lookalike.report.document.values import interval_text, share
from lookalike.report.robustness.definitions import (
    CLEAN,
    RETENTION,
    TARGET_MEANINGS,
    robustness_definitions,
    robustness_interval_notes,
    robustness_notes,
)
from lookalike.report.robustness.figures import RobustnessFigures, corruption_title, robustness_figures
from lookalike.report.robustness.tables import cells_table, controls_table, example_tables, families_table, mixed_table
from lookalike.report.sections import exclusions_text, experiment_document, left_out, notices, on_pages, sentence, terms
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.examples import Example
    from lookalike.evaluation.robustness.results import Robustness, RuleResults
    from lookalike.evaluation.statistics.intervals import Interval


def robustness_document(robustness: Robustness, examples: Sequence[Example] = (), example_path: str = "") -> Document:
    """Heat maps, curves, controls, every severity of the ``examples``, all metrics, and definitions.

    ``examples`` are of the image ``example_path``.
    """
    findings, keys = robustness.results, robustness.metric_names
    return experiment_document(
        "Robustness",
        robustness.dataset,
        _lead(robustness),
        (
            *notices(robustness_notes(robustness)),
            Facts((("encoder", str(robustness.encoder)), ("target", robustness.target)), media=Media.TERMINAL),
            Cards(tuple(_card(findings, key) for key in keys), media=Media.PAGE),
            Text(f"Means over all families of corruptions, with 95 % intervals.{_extremes(findings, keys[0])}"),
            Text(CLEAN),
            Heading("Means", media=Media.TEXT),
            replace(families_table(findings, keys, corruptions=True), media=Media.TEXT),
            *_figures(robustness_figures(robustness)),
            *_controls(robustness),
            *_examples(robustness, examples, example_path),
            *_all_metrics(robustness),
            Text(RETENTION, media=Media.TEXT),
            Text(robustness_interval_notes(robustness)),
            Text(f"At most {ties_note(findings.tied_share, robustness.seed)}"),
            Text(_vectors(robustness), media=Media.TERMINAL),
            *left_out(findings.exclusions, robustness.skipped, "robustness.json"),
            *terms(robustness_definitions(robustness, findings)),
        ),
        encoders=(("Encoder", robustness.encoder), ("Vectors", f"{robustness.vector_count:,}")),
        provenance=robustness.provenance,
        seed=robustness.seed,
        files="robustness.json and robustness.csv",
    )


def _lead(robustness: Robustness) -> str:
    findings, dataset = robustness.results, robustness.dataset
    return (
        f"{plural(len(findings.corruptions), 'corruption')} at severity {', '.join(map(str, robustness.severities))}: "
        f"{TARGET_MEANINGS[robustness.target]}. {plural(findings.scored, 'query', 'queries')} against "
        f"{plural(robustness.gallery, 'image')}, {protocol(dataset)}, junk: {junk_rule(findings.junk, dataset)}; "
        f"{findings.excluded:,} excluded. Encoder {robustness.encoder.name}."
    )


def _card(findings: RuleResults, key: str) -> Card:
    clean, chance = findings.clean[key], findings.chance[key]
    overall = None if findings.overall is None else findings.overall[key]
    corrupted = "" if overall is None else f", corrupted {share(overall.value)}"
    retention = None if overall is None else overall.retention
    return Card(
        f"{metric_name(key)} retained",
        "n/a" if retention is None else f"{100 * retention:.0f} %",
        _in_percent(None if overall is None else overall.retention_interval),
        f"clean {share(clean.value)} ({interval_text(clean.interval)}){corrupted}, chance {share(chance)}",
    )


def _in_percent(interval: Interval | None) -> str:
    if interval is None:
        return "no interval"
    return f"{'~' if interval.approximate else ''}{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def _extremes(findings: RuleResults, key: str) -> str:
    """The corruptions that cost most and least of a metric; empty for fewer than two."""
    ranked = findings.ranked(key)
    if len(ranked) < 2:  # noqa: PLR2004  a most and a least
        return ""
    most, least = ((corruption_title(one.name), share(one.metrics[key].value)) for one in (ranked[0], ranked[-1]))
    return (
        f" For {metric_name(key)}, {most[0]} costs most (mean over its severities {most[1]}), {least[0]} least "
        f"({least[1]})."
    )


def _figures(plots: RobustnessFigures) -> Iterator[AnyBlock]:
    (first, curves), *others = plots.curves.items()
    return on_pages(
        Heading("Retention"),
        Text(
            "In percent, (corrupted - chance) / (clean - chance): 100 is no loss, 0 is chance. Rows are corruptions, "
            "columns severities; the last column is the mean over severities, with each family's mean beside its name. "
            "Rows in italics are controls, and in no mean. Point at a cell for the metric and its 95 % interval, which "
            "are also in the tables of all metrics."
        ),
        plots.maps,
        Heading("Curves"),
        Text(
            f"{metric_name(first)} from clean images on, a line for each corruption; dashed lines are controls, in the "
            "colour of their corruption. The dotted line is chance."
        ),
        curves,
        *(Details(f"The same for {metric_name(key)}", (figure,)) for key, figure in others),
    )


def _controls(robustness: Robustness) -> Iterator[AnyBlock]:
    table = controls_table(robustness.results, robustness.metric_names)
    if table.rows:
        yield from on_pages(
            Heading("Corruptions and their controls"),
            Text(
                "A control does everything that its corruption does except the effect that is studied, so the "
                "difference between the two is the cost of that effect. Means over severities: the metric, and "
                "retention with its 95 % interval."
            ),
            table,
        )
    if robustness.target == "mixed":
        yield from on_pages(
            Heading("Does condition outrank content?"),
            Text(
                "Half of the gallery is corrupted. Share of first hits that are corrupted, for corrupted and for clean "
                "queries, and the pull, their difference: 0 if condition doesn't matter, 1 if it alone decides. Wrong "
                "alike: share of wrong first hits in the query's own condition."
            ),
            mixed_table(robustness.results),
        )


def _examples(robustness: Robustness, examples: Sequence[Example], path: str) -> Iterator[AnyBlock]:
    if not examples:
        return iter(())
    return on_pages(
        Heading("Examples of the damage"),
        Text(f"Every severity of one image ({path}), as passed to the encoder: same scaling, same random numbers."),
        *example_tables(examples, robustness.severities),
    )


def _all_metrics(robustness: Robustness) -> Iterator[AnyBlock]:
    findings, keys = robustness.results, robustness.metric_names
    families = (
        Details(
            family.name.capitalize(),
            (
                Definitions(tuple((corruption_title(one.name), one.summary) for one in family.corruptions)),
                cells_table(family, keys),
            ),
            opened=len(findings.families) == 1,
        )
        for family in findings.families
    )
    text = (
        "Metric with its 95 % interval, retention with its 95 % interval, and the raw ratio corrupted / clean; "
        "robustness.csv has the same values."
    )
    yield from on_pages(Heading("All metrics"), Text(text), *families)
    for other in robustness.others:
        yield Heading(f"Under the junk rule {other.junk}", 3)
        meaning = sentence(junk_meaning(other.junk, robustness.dataset))
        excluded = f"; {exclusions_text(other.exclusions)}" if other.exclusions else ""
        yield Text(f"{meaning} {plural(other.scored, 'query', 'queries')}, {other.excluded:,} excluded{excluded}.")
        yield families_table(other, keys)


def _vectors(robustness: Robustness) -> str:
    """How many vectors were computed, and how fast."""
    if not robustness.encoded_count:
        return f"All {robustness.vector_count:,} vectors had been computed before."
    speed = f", {robustness.encoded_count / robustness.seconds:.1f} per second" if robustness.seconds > 0 else ""
    return (
        f"{robustness.encoded_count:,} of {robustness.vector_count:,} vectors computed in this run{speed}, and kept in "
        "the cache."
    )
