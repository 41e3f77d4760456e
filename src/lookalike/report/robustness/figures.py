"""The figures of a robustness run: heat maps of corruption x severity, and curves for each family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lookalike.report.document.blocks import Figure
from lookalike.report.document.definitions import metric_name
from lookalike.report.document.elements import Drawing, Media
from lookalike.report.document.values import interval_text, share
from lookalike.report.drawings.curves import Curve, curves
from lookalike.report.drawings.heat_map import HeatGroup, HeatRow, Shade, heat_map

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import CorruptionResult, FamilyResult, Robustness, RobustnessMetric

_ABSENT: Final = Shade(None, absent=True)


@dataclass(frozen=True, slots=True)
class RobustnessFigures:
    """A heat map for each metric side by side, and by metric the curves of every family side by side."""

    maps: Figure
    curves: Mapping[str, Figure]


def robustness_figures(robustness: Robustness) -> RobustnessFigures:
    """All figures of a run, drawn once for every report that has them."""
    media = Media.PAGE | Media.MARKDOWN
    maps = (
        Drawing(f"figure-robustness-{key.replace('@', '-')}", metric_name(key), retention_map(robustness, key))
        for key in robustness.metric_names
    )
    return RobustnessFigures(
        Figure(tuple(maps), media=media),
        {
            key: Figure(
                tuple(
                    Drawing(
                        f"figure-curves-{family.name}", family.name.capitalize(), family_curves(robustness, family, key)
                    )
                    for family in robustness.results.families
                ),
                media=media,
            )
            for key in robustness.metric_names
        },
    )


def retention_map(robustness: Robustness, key: str) -> str:
    """Retention of the metric ``key``, in percent, for every corruption and severity, as SVG."""
    findings, severities = robustness.results, robustness.severities
    groups = [
        HeatGroup(
            family.name.capitalize(),
            tuple(_row(corruption, severities, key) for corruption in family.corruptions),
            None if family.metrics is None else _shade(family.metrics[key], f"{family.name}, mean"),
        )
        for family in findings.families
    ]
    overall = findings.overall
    return heat_map(
        f"Retention of {metric_name(key)} by corruption and severity, in percent",
        groups,
        [str(severity) for severity in severities],
        total=None if overall is None else _shade(overall[key], "mean over families"),
        legend=("0 %", "100 % retained"),
    )


def family_curves(robustness: Robustness, family: FamilyResult, key: str) -> str:
    """The metric ``key`` over severity, from clean images on, for each corruption of a family, as SVG."""
    return curves(
        f"{metric_name(key)} over severity: {family.name}",
        [_curve(corruption, key) for corruption in family.corruptions],
        (0, *robustness.severities),
        chance=robustness.results.chance[key],
        x_label="severity",
    )


def _curve(corruption: CorruptionResult, key: str) -> Curve:
    cells = ((cell.severity, cell.metrics[key].value) for cell in corruption.cells)
    control_of = None if corruption.control_of is None else corruption_title(corruption.control_of)
    return Curve(corruption_title(corruption.name), ((0, corruption.metrics[key].clean), *cells), control_of)


def corruption_title(name: str) -> str:
    """A corruption's name without underscores."""
    return name.replace("_", " ")


def _row(corruption: CorruptionResult, severities: tuple[int, ...], key: str) -> HeatRow:
    cells = {cell.severity: cell for cell in corruption.cells}
    title = corruption_title(corruption.name)
    shades = (
        _shade(cells[severity].metrics[key], f"{title}, severity {severity}") if severity in cells else _ABSENT
        for severity in severities
    )
    mean = _shade(corruption.metrics[key], f"{title}, mean")
    return HeatRow(title, tuple(shades), mean, corruption.control_of is not None)


def _shade(measure: RobustnessMetric, what: str) -> Shade:
    kept = (
        "n/a"
        if measure.retention is None
        else f"{share(measure.retention)} ({interval_text(measure.retention_interval)})"
    )
    return Shade(measure.retention, f"{what}: {share(measure.value)}, retention {kept}")
