"""The figures of a robustness run: the heat map of corruption x severity, and curves for each family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lookalike.report.document.definitions import name
from lookalike.report.document.pages import share
from lookalike.report.drawings.curves import Curve, curves
from lookalike.report.drawings.heat_map import HeatGroup, HeatRow, Shade, heat_map
from lookalike.report.evaluation_text import interval_text

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import CorruptionResult, FamilyResult, Robustness, RobustnessMetric

_ABSENT: Final = Shade(None, absent=True)


def robustness_heat_map(robustness: Robustness, key: str) -> str:
    """Retention of the figure ``key``, in percent, for every corruption and severity, as SVG."""
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
        f"Retention of {name(key)} by corruption and severity, in percent",
        groups,
        [str(severity) for severity in severities],
        total=None if overall is None else _shade(overall[key], "mean over families"),
        legend=("0 %", "100 % retained"),
    )


def robustness_curves(robustness: Robustness, family: FamilyResult, key: str) -> str:
    """The figure ``key`` over the severities for each corruption of a family, from clean on, as SVG."""
    clean = robustness.results.clean[key].value
    lines = [
        Curve(
            _words(corruption.name),
            ((0, clean), *((cell.severity, cell.metrics[key].value) for cell in corruption.cells)),
            None if corruption.control_of is None else _words(corruption.control_of),
        )
        for corruption in family.corruptions
    ]
    return curves(
        f"{name(key)} over severity: {family.name}",
        lines,
        (0, *robustness.severities),
        chance=robustness.results.chance[key],
        x_label="severity",
    )


def _row(corruption: CorruptionResult, severities: tuple[int, ...], key: str) -> HeatRow:
    cells = {cell.severity: cell for cell in corruption.cells}
    shades = (
        _shade(cells[severity].metrics[key], f"{_words(corruption.name)}, severity {severity}")
        if severity in cells
        else _ABSENT
        for severity in severities
    )
    mean = _shade(corruption.metrics[key], f"{_words(corruption.name)}, mean")
    return HeatRow(_words(corruption.name), tuple(shades), mean, corruption.control_of is not None)


def _shade(measure: RobustnessMetric, what: str) -> Shade:
    kept = (
        "n/a"
        if measure.retention is None
        else f"{share(measure.retention)} ({interval_text(measure.retention_interval)})"
    )
    return Shade(measure.retention, f"{what}: {share(measure.value)}, retention {kept}")


def _words(corruption: str) -> str:
    return corruption.replace("_", " ")
