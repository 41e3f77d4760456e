"""What the experiments on one dataset show: questions, each answered by a sentence with its figures and intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.experiments.published import PUBLISHED, cats_and_dogs
from lookalike.evaluation.robustness.comparison import ALL_FAMILIES
from lookalike.report.comparison.tables import p_text
from lookalike.report.document.definitions import metric_name
from lookalike.report.document.values import interval_text, percent, percent_interval, share

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.reproduce import Experiment
    from lookalike.evaluation.robustness.results import CorruptionResult, RobustnessMetric
    from lookalike.evaluation.scoring.results import MetricSet
    from lookalike.evaluation.statistics.differences import Difference
    from lookalike.evaluation.statistics.intervals import Interval

METRIC: Final = "map"
"""The metric of the findings: it depends on the whole ranking, and varies least."""

OTHER_BACKGROUND: Final = "background_other_class"
OWN_BACKGROUND: Final = "background_same_class"

Tested = Sequence[tuple[str, "Difference"]]


def findings(experiment: Experiment) -> tuple[tuple[str, str], ...]:
    """The questions that the experiments ask of the dataset, with their answers."""
    return tuple(_findings(experiment))


def _findings(experiment: Experiment) -> Iterator[tuple[str, str]]:
    if cats_and_dogs(experiment.comparison.labels):
        yield "Are cats and dogs told apart as published?", _accuracy(experiment)
    yield "Which encoder finds images of the same class best?", _retrieval(experiment)
    yield "How much of that is left of damaged images?", _interference(experiment)
    if background := _background(experiment):
        yield "Do complex backgrounds mislead the search?", background
    yield "Is the same scene found in other frames?", _angles(experiment)


def _accuracy(experiment: Experiment) -> str:
    """The accuracies of the published encoders that took part; otherwise of the first encoder."""
    labels = cats_and_dogs(experiment.comparison.labels)
    if labels is None:
        return ""
    published = {one.encoder: one for one in PUBLISHED}
    rows = [(row.name, row.evaluation) for row in experiment.comparison.rows if row.evaluation]
    known = [row for row in rows if row[1].encoder.name in published]
    parts = []
    for name, evaluation in known or rows[:1]:
        text = f"{name} {' and '.join(_class_accuracy(evaluation.metrics, label) for label in labels)}"
        if one := published.get(evaluation.encoder.name):
            text += f" (published: {one.cat} % and {one.dog} %)"
        parts.append(text)
    start = "" if known else "None of the published encoders took part. "
    return f"{start}Accuracy for cats and for dogs: {'; '.join(parts)}."


def _class_accuracy(metrics: MetricSet, label: str) -> str:
    interval = metrics.class_intervals[label]["accuracy"]
    return f"{percent(metrics.classes[label]['accuracy'])} %{_percent_in_brackets(interval)}"


def _retrieval(experiment: Experiment) -> str:
    comparison = experiment.comparison
    metrics = comparison.evaluations[0].metrics
    interval = metrics.intervals.get(METRIC)
    text = (
        f"{metric_name(METRIC)} of {comparison.reference.name} is {share(metrics.micro[METRIC])}"
        f"{'' if interval is None else f' ({interval_text(interval)})'}; a random order would give "
        f"{share(metrics.chance[METRIC])}."
    )
    tested = [(row.name, row.differences[METRIC]) for row in comparison.rows if METRIC in row.differences]
    return _with_others(text, tested, ("Better", "Worse"), comparison.reference.name, _by_value)


def _interference(experiment: Experiment) -> str:
    comparison = experiment.robustness
    results = comparison.reference.robustness.results
    name = comparison.reference.name
    if results.overall is None or results.overall[METRIC].retention is None:
        return f"Nothing can be said of {name}: it is at chance on clean images."
    families = [
        (metric.retention, one.name, metric)
        for one in results.families
        if one.metrics is not None
        for metric in [one.metrics[METRIC]]
        if metric.retention is not None
    ]
    (_, least, worst), (_, most, best) = min(families), max(families)
    text = f"{name} retains {_retained(results.overall[METRIC])} of its {metric_name(METRIC)} on average"
    if least != most:
        text += f", least under {least}: {_retained(worst)}, most under {most}: {_retained(best)}"
    tested = [(row.name, row.families[ALL_FAMILIES][METRIC]) for row in comparison.rows if _has(row.families)]
    return _with_others(f"{text}.", tested, ("More, on average", "Less"), name, _by_points)


def _has(differences: Mapping[str, Mapping[str, Difference]], level: str = ALL_FAMILIES) -> bool:
    return METRIC in differences.get(level, {})


def _background(experiment: Experiment) -> str:
    """What another background costs, beside its control; empty if that wasn't measured."""
    comparison = experiment.robustness
    measured = {one.name: one for one in comparison.reference.robustness.results.corruptions}
    if OTHER_BACKGROUND not in measured:
        return ""
    name, other = comparison.reference.name, measured[OTHER_BACKGROUND].metrics[METRIC]
    if other.retention is None:
        return f"Nothing can be said of {name}: it is at chance on clean images."
    text = f"With a background of another class, {name} retains {_retained(other)} of its {metric_name(METRIC)}"
    text += _control(measured.get(OWN_BACKGROUND))
    tested = [
        (row.name, row.corruptions[OTHER_BACKGROUND][METRIC])
        for row in comparison.rows
        if _has(row.corruptions, OTHER_BACKGROUND)
    ]
    return _with_others(f"{text}.", tested, ("More", "Less"), name, _by_points)


def _control(control: CorruptionResult | None) -> str:
    if control is None or control.metrics[METRIC].retention is None:
        return ""
    return f", with one of its own class, the control, {_retained(control.metrics[METRIC])}"


def _angles(experiment: Experiment) -> str:
    comparison = experiment.angles
    if comparison is None:
        return f"Not measured: {experiment.angles_problem}."
    first, name, key = comparison.reference.angles, comparison.reference.name, comparison.metrics[0]
    text = (
        f"The first hit of {name} is another frame of the query's scene for {percent(first.micro[key])} %"
        f"{_percent_in_brackets(first.intervals.get(key))} of queries; at random for {percent(first.chance[key])} %."
    )
    tested = [(row.name, row.differences[key]) for row in comparison.rows if key in row.differences]
    return _with_others(text, tested, ("More often", "Less often"), name, _by_points)


def _retained(one: RobustnessMetric) -> str:
    return f"{percent(one.retention or 0.0)} %{_percent_in_brackets(one.retention_interval)}"


def _percent_in_brackets(interval: Interval | None) -> str:
    return "" if interval is None else f" ({percent_interval(interval)})"


def _with_others(
    text: str, tested: Tested, words: tuple[str, str], reference: str, by: Callable[[Difference], list[str]]
) -> str:
    """``text``, and which encoders differ from the ``reference``; ``by`` writes a difference and its interval."""

    def differences(chosen: Tested) -> str:
        return "; ".join(f"{name} by {_details(by(one), one)}" for name, one in chosen)

    parts = [text]
    for word, sign in zip(words, (1, -1), strict=True):
        differing = [(name, one) for name, one in tested if one.is_significant and sign * one.value > 0]
        parts += [f"{word}: {differences(differing)}."] if differing else []
    alike = [(name, one) for name, one in tested if not one.is_significant]
    parts += [f"No difference from {reference} is shown: {differences(alike)}."] if alike else []
    return " ".join(parts)


def _by_value(one: Difference) -> list[str]:
    return [f"{one.value:+.3f}", *([] if one.interval is None else [interval_text(one.interval, sign="+")])]


def _by_points(one: Difference) -> list[str]:
    """In percentage points, as the shares that are compared."""
    ends = [] if one.interval is None else [percent_interval(one.interval, sign="+")]
    return [f"{percent(one.value, sign='+')} points", *ends]


def _details(written: list[str], one: Difference) -> str:
    value, *details = [*written, *([] if one.adjusted is None else [p_text(one.adjusted)])]
    return f"{value} ({', '.join(details)})" if details else value
