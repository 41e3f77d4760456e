"""The report of a comparison of robustness, as blocks: which encoder resists damage better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.robustness.comparison import ALL_FAMILIES
from lookalike.report.comparison.tables import adjusted_p, p_text, p_value
from lookalike.report.document.blocks import (
    AnyBlock,
    Cards,
    Details,
    Document,
    Figure,
    Heading,
    Links,
    Table,
    Text,
)
from lookalike.report.document.definitions import junk_rule, metric_name, protocol, ties_note
from lookalike.report.document.elements import Card, Cell, Column, Drawing, Media, Row
from lookalike.report.document.values import interval_text, share
from lookalike.report.drawings.dots import Dot, DotRow, dots
from lookalike.report.robustness.definitions import (
    CLEAN,
    RETENTION,
    TARGET_MEANINGS,
    robustness_definitions,
    robustness_interval_notes,
    robustness_notes,
)
from lookalike.report.robustness.figures import corruption_title
from lookalike.report.robustness.tables import retention_cell
from lookalike.report.sections import experiment_document, left_out, notices, terms
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.comparison import ComparedRobustness, Differences, RobustnessComparison
    from lookalike.evaluation.robustness.results import RobustnessMetric, RobustnessMetrics
    from lookalike.evaluation.statistics.differences import Difference

_DIFFERENCE: Final = (
    "Retention of the encoder minus that of the first one, on the same damaged images; positive if it resists better. "
    "Encoders that are better on clean images can lose a larger part and still be ahead."
)


def robustness_comparison_document(comparison: RobustnessComparison, pages: Sequence[tuple[str, str]] = ()) -> Document:
    """What each encoder retains, by family and corruption, with tests against the first; and definitions.

    ``pages`` are the names of encoders with the addresses of their own reports.
    """
    first, key = comparison.reference.robustness, _headline(comparison)
    return experiment_document(
        "Robustness of encoders",
        first.dataset,
        _lead(comparison),
        (
            *notices(robustness_notes(first)),
            Cards(tuple(_card(row, key) for row in comparison.rows), media=Media.PAGE),
            *(Text(text, "normal") for text in _findings(comparison, key)),
            Heading("What is retained", media=Media.PAGE | Media.MARKDOWN),
            Text(
                "Of the advantage over chance on clean images, in percent, with 95 % intervals: 100 is no loss. Means "
                "over the corruptions of a family and over their severities.",
                media=Media.PAGE | Media.MARKDOWN,
            ),
            Figure(
                tuple(retained_drawing(comparison, each) for each in comparison.metric_names),
                media=Media.PAGE | Media.MARKDOWN,
            ),
            Heading(f"{metric_name(key)} by family"),
            Text(_tests_note(comparison, key)),
            families_table(comparison, key),
            Text(CLEAN),
            *_further(comparison, key),
            *_pages(pages),
            Text(RETENTION, media=Media.TEXT),
            Text(robustness_interval_notes(first)),
            Text(f"At most {ties_note(_tied(comparison), first.seed)}"),
            *left_out(first.results.exclusions, first.skipped, "robustness.json"),
            *terms({"Difference": _DIFFERENCE, **robustness_definitions(first, first.results)}),
        ),
        encoders=[("Encoder", row.robustness.encoder) for row in comparison.rows],
        provenance=comparison.provenance,
        seed=first.seed,
        files="robustness.json and robustness.csv",
    )


def _headline(comparison: RobustnessComparison) -> str:
    """The metric of the whole ranking, which varies least."""
    return comparison.metric_names[-1]


def _lead(comparison: RobustnessComparison) -> str:
    first = comparison.reference.robustness
    findings, dataset = first.results, first.dataset
    return (
        f"{len(comparison.rows)} encoders under {plural(len(findings.corruptions), 'corruption')} at severity "
        f"{', '.join(map(str, first.severities))}: {TARGET_MEANINGS[first.target]}. "
        f"{plural(findings.scored, 'query', 'queries')} against {plural(first.gallery, 'image')}, {protocol(dataset)}, "
        f"junk: {junk_rule(findings.junk, dataset)}; {findings.excluded:,} excluded."
    )


def _card(row: ComparedRobustness, key: str) -> Card:
    overall, clean = row.robustness.results.overall, row.robustness.results.clean[key]
    if overall is None or overall[key].retention is None:
        return Card(row.name, "n/a", "", f"{metric_name(key)} on clean images {share(clean.value)}")
    one = overall[key]
    return Card(
        row.name,
        f"{100 * (one.retention or 0):.0f} %",
        "no interval" if one.retention_interval is None else f"{interval_text(one.retention_interval)} (95 %)",
        f"of {metric_name(key)} retained: {share(one.value)} of {share(clean.value)}",
    )


def _findings(comparison: RobustnessComparison, key: str) -> Iterator[str]:
    """What the test of each encoder's mean over families says, as a sentence."""
    reference = comparison.reference.name
    for row in comparison.rows[1:]:
        overall = row.robustness.results.overall
        one = row.families.get(ALL_FAMILIES, {}).get(key)
        if one is None or overall is None or overall[key].retention is None:
            yield f"Nothing can be said of {row.name} and {reference}: one of them is at chance on clean images."
            continue
        more = "more" if one.value > 0 else "less"
        interval = "" if one.interval is None else f", 95 % interval {interval_text(one.interval, sign='+')}"
        difference = f"difference {one.value:+.3f}{interval}, {p_text(one.adjusted)}"
        yield (
            f"{row.name} retains {100 * (overall[key].retention or 0):.1f} % of its {metric_name(key)} on clean "
            f"images, {abs(100 * one.value):.1f} points {more} than {reference} ({difference}): "
            f"{_conclusion(one, row.name, reference)}."
        )


def _conclusion(one: Difference, name: str, reference: str) -> str:
    if one.adjusted is None:
        return "too few groups for a test"
    if not one.is_significant:
        return f"no difference between {name} and {reference} is shown"
    return f"{name} resists this damage {'better' if one.value > 0 else 'less well'}"


def retained_drawing(comparison: RobustnessComparison, key: str) -> Drawing:
    """What each encoder retains of the metric ``key``, by family, with intervals."""
    rows = [
        DotRow(
            name.capitalize(),
            tuple(_dot(row.name, name, metrics[key]) for row, metrics in zip(comparison.rows, every, strict=True)),
            name == ALL_FAMILIES,
        )
        for name, every in _families(comparison)
    ]
    title = f"{metric_name(key)} retained by family and encoder"
    names = [row.name for row in comparison.rows]
    return Drawing(
        f"figure-retained-{key.replace('@', '-')}",
        metric_name(key),
        dots(title, names, rows, x_label=f"{metric_name(key)} retained, %"),
    )


def _dot(encoder: str, family: str, one: RobustnessMetric) -> Dot:
    interval = None if one.retention_interval is None else (one.retention_interval.low, one.retention_interval.high)
    return Dot(
        one.retention,
        interval,
        f"{encoder}, {family}: {share(one.retention)} ({interval_text(one.retention_interval)})",
    )


def _families(comparison: RobustnessComparison) -> Iterator[tuple[str, list[RobustnessMetrics]]]:
    """The metrics of all encoders for each family, and for the mean over families."""
    results = [row.robustness.results for row in comparison.rows]
    for families in zip(*(result.families for result in results), strict=True):
        metrics = [family.metrics for family in families if family.metrics is not None]
        if metrics:
            yield families[0].name, metrics
    overall = [result.overall for result in results if result.overall is not None]
    if overall:
        yield ALL_FAMILIES, overall


def families_table(comparison: RobustnessComparison, key: str) -> Table:
    """Every family, and the mean over them, with a row for each encoder, after the clean images."""
    return _table(comparison, key, list(_families(comparison)), [row.families for row in comparison.rows])


def _corruptions_table(comparison: RobustnessComparison, key: str) -> Table:
    results = [row.robustness.results.corruptions for row in comparison.rows]
    levels = [
        (
            f"{one[0].name} (control of {one[0].control_of})" if one[0].control_of else one[0].name,
            [each.metrics for each in one],
        )
        for one in zip(*results, strict=True)
    ]
    return _table(comparison, key, levels, [row.corruptions for row in comparison.rows], with_clean=False)


def _table(
    comparison: RobustnessComparison,
    key: str,
    levels: Sequence[tuple[str, Sequence[RobustnessMetrics]]],
    differences: Sequence[Differences],
    *,
    with_clean: bool = True,
) -> Table:
    rows: list[Row] = []
    if with_clean:
        rows.append(Row(("Clean images", ""), "group"))
        rows += [
            Row((row.name, Cell(share(clean.value), interval_text(clean.interval)), *[""] * 5))
            for row in comparison.rows
            for clean in [row.robustness.results.clean[key]]
        ]
    for name, every in levels:
        rows.append(Row((corruption_title(name).capitalize(), ""), "group"))
        for row, metrics, tested in zip(comparison.rows, every, differences, strict=True):
            rows.append(_encoder_row(row.name, metrics[key], tested.get(name.partition(" (control")[0], {}).get(key)))
    titles = [metric_name(key), "Retained", "Difference", "95 % interval", "p", "p (Holm)"]
    return Table((Column("Encoder"), *map(Column, titles)), tuple(rows))


def _encoder_row(encoder: str, one: RobustnessMetric, tested: Difference | None) -> Row:
    retained = retention_cell(one)
    if tested is None:
        return Row((encoder, share(one.value), retained, *[""] * 4))
    return Row(
        (
            encoder,
            share(one.value),
            retained,
            Cell(f"{tested.value:+.3f}", tone="strong"),
            Cell(interval_text(tested.interval, sign="+"), tone="soft"),
            p_value(tested.p),
            adjusted_p(tested),
        )
    )


def _further(comparison: RobustnessComparison, key: str) -> Iterator[AnyBlock]:
    """The families by the other metrics, and the corruptions, for pages."""
    others = [one for one in comparison.metric_names if one != key]
    for one in others:
        yield Details(f"{metric_name(one)} by family", (families_table(comparison, one),), media=Media.PAGE)
    count = sum(key in metrics for row in comparison.rows for metrics in row.corruptions.values())
    text = f"Means over the severities of each corruption; p (Holm) is adjusted for the {plural(count, 'test')} here."
    yield Details(
        f"{metric_name(key)} by corruption", (Text(text), _corruptions_table(comparison, key)), media=Media.PAGE
    )


def _pages(pages: Sequence[tuple[str, str]]) -> Iterator[AnyBlock]:
    if pages:
        media = Media.PAGE | Media.MARKDOWN
        yield Heading("Each encoder by itself", media=media)
        text = "heat maps, curves, controls, examples of the damage, all metrics"
        yield Links(tuple((name, file, text) for name, file in pages), media=media)


def _tests_note(comparison: RobustnessComparison, key: str) -> str:
    count = sum(key in metrics for row in comparison.rows for metrics in row.families.values())
    reference = comparison.reference.name
    if not count:
        return f"Nothing is tested, because retention can't be compared with that of {reference}."
    return (
        f"Difference: retention minus that of {reference}, named first, on the same damaged images; positive values "
        "are better. p is the probability of a difference at least as large, if new images from the same source showed "
        "none: two-sided, by Student's t with the variance of the intervals, and with Holm's correction for "
        f"{plural(count, 'test')} of this table."
    )


def _tied(comparison: RobustnessComparison) -> float:
    return max(row.robustness.results.tied_share for row in comparison.rows)
