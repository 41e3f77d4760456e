"""The result of a robustness run: metrics for every cell of the grid, their means, and how they were obtained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookalike.encoders.spec import EncoderSpec
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.robustness.donors import DonorPlan
from lookalike.evaluation.robustness.grid import Target
from lookalike.evaluation.statistics.intervals import Influence, Interval, interval_ends
from lookalike.evaluation.statistics.sampling import Sampling
from lookalike.images.files import Skipped
from lookalike.notebook import Records, Tabular

if TYPE_CHECKING:
    from lookalike.evaluation.data.relevance import Junk
    from lookalike.evaluation.scoring.results import Exclusion


@dataclass(frozen=True, slots=True)
class RobustnessMetric:
    """One metric, with what it retains of its value on clean images.

    ``value`` is the mean over scored queries, 0 to 1, with its ``interval``. ``clean`` is that of clean images, and
    ``chance`` that of a random order, with the same images left out. ``retention`` is (value - chance) /
    (clean - chance), None where clean - chance is below 0.05; ``retention_interval`` is its paired interval, also None
    where clean is not significantly above chance. ``raw_ratio`` is value / clean, None where clean is 0. Intervals are
    None with fewer than ten groups. ``retention_influence`` is that of groups on retention, for differences between
    encoders; None where retention is, and for single cells.
    """

    value: float
    interval: Interval | None
    clean: float
    chance: float
    retention: float | None
    retention_interval: Interval | None
    raw_ratio: float | None
    retention_influence: Influence | None = field(default=None, repr=False, compare=False)


RobustnessMetrics = Mapping[str, RobustnessMetric]
"""Metrics by name: ``precision@1``, ``precision@10``, ``map``."""


@dataclass(frozen=True, slots=True)
class FirstHits:
    """The first hits in a gallery of which half is corrupted; shares from 0 to 1, nan if there is nothing to count.

    ``gallery_share`` is the share of gallery images that are corrupted. ``corrupted_query_share`` and
    ``clean_query_share`` are the shares of first hits that are corrupted, for corrupted and for clean queries.
    ``wrong_same_condition`` is the share of wrong first hits that are in the same condition as the query (both clean or
    both corrupted).
    """

    gallery_share: float
    corrupted_query_share: float
    clean_query_share: float
    wrong_same_condition: float

    @property
    def pull(self) -> float:
        """``corrupted_query_share`` - ``clean_query_share``: 0 if condition has no effect, 1 if it alone decides."""
        return self.corrupted_query_share - self.clean_query_share


@dataclass(frozen=True, slots=True)
class CellResult:
    """One corruption at one severity; ``first_hits`` is None unless the target is ``mixed``."""

    corruption: str
    severity: int
    parameters: Mapping[str, float]
    metrics: RobustnessMetrics
    first_hits: FirstHits | None = None


@dataclass(frozen=True, slots=True)
class CorruptionResult:
    """One corruption: its cells, and ``metrics`` of every query's mean over them.

    ``control_of`` names the corruption that this one is a control of, None if it is not a control.
    """

    name: str
    family: str
    summary: str
    control_of: str | None
    cells: tuple[CellResult, ...]
    metrics: RobustnessMetrics


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """A family of corruptions, controls included, and ``metrics`` of the mean over those that are not controls.

    ``metrics`` is None if only controls were measured.
    """

    name: str
    corruptions: tuple[CorruptionResult, ...]
    metrics: RobustnessMetrics | None


@dataclass(frozen=True, slots=True, eq=False)
class RuleResults:
    """All results under one junk rule.

    ``scored`` queries have metrics; ``excluded`` queries have none because no relevant image is left (R = 0), counted
    by class and reason in ``exclusions``. Queries are of ``groups`` groups (visits if only those are known), described
    by ``sampling``.
    ``clean`` and ``chance`` are the reference values; ``overall`` is the mean over families, None if only controls were
    measured. ``tied_share`` is the largest share of tied comparisons in any ranking.
    """

    junk: Junk
    scored: int
    excluded: int
    exclusions: tuple[Exclusion, ...]
    groups: int
    sampling: Sampling = field(repr=False)
    clean: RobustnessMetrics
    chance: Mapping[str, float]
    families: tuple[FamilyResult, ...]
    overall: RobustnessMetrics | None
    tied_share: float

    @property
    def corruptions(self) -> tuple[CorruptionResult, ...]:
        """All corruptions, controls included, family by family."""
        return tuple(corruption for family in self.families for corruption in family.corruptions)

    def ranked(self, metric_name: str) -> tuple[CorruptionResult, ...]:
        """The corruptions without controls, by rising value of a metric: the most harmful one first."""
        measured = (corruption for corruption in self.corruptions if corruption.control_of is None)
        return tuple(sorted(measured, key=lambda corruption: corruption.metrics[metric_name].value))


@dataclass(frozen=True, slots=True, eq=False)
class Robustness(Tabular):
    """How well an encoder's retrieval works when images are corrupted.

    ``rows`` are the usable images, ``skipped`` the others; ``gallery`` is the number of images searched. ``results``
    are under the requested junk rule, ``others`` under the other rules that the dataset's columns allow;
    ``metric_names`` are the metrics in them. ``donors`` holds the background donors, None if no corruption needed any.
    ``notes`` say what was left out or could not follow the rules. ``encoded_count`` of the ``vector_count`` vectors
    were encoded in this run, in ``seconds``; the others were in the cache.
    """

    encoder: EncoderSpec
    dataset: Dataset
    rows: tuple[Row, ...] = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    target: Target
    seed: int
    metric_names: tuple[str, ...]
    severities: tuple[int, ...]
    gallery: int
    results: RuleResults
    others: tuple[RuleResults, ...]
    donors: DonorPlan | None = field(repr=False)
    notes: tuple[str, ...]
    encoded_count: int
    vector_count: int
    seconds: float
    provenance: Provenance

    def to_records(self) -> Records:
        """One record for each metric of every cell, corruption and family, of clean images, and of the overall mean."""
        found = self.results
        return [
            {
                **place,
                "metric": key,
                "value": measure.value,
                **interval_ends(measure.interval),
                "clean": measure.clean,
                "chance": measure.chance,
                "retention": measure.retention,
                **interval_ends(measure.retention_interval, "retention_"),
                "raw_ratio": measure.raw_ratio,
            }
            for place, measures in _levels(found)
            for key, measure in measures.items()
        ]


def _levels(found: RuleResults) -> Iterator[tuple[dict[str, object], RobustnessMetrics]]:
    """The metrics at each level, and what they are of."""

    def place(
        level: str, family: str = "", corruption: CorruptionResult | None = None, severity: int | None = None
    ) -> dict[str, object]:
        return {
            "level": level,
            "family": family,
            "corruption": "" if corruption is None else corruption.name,
            "severity": severity,
            "control_of": "" if corruption is None else corruption.control_of or "",
        }

    yield place("clean", severity=0), found.clean
    for family in found.families:
        for corruption in family.corruptions:
            for cell in corruption.cells:
                yield place("cell", family.name, corruption, cell.severity), cell.metrics
            yield place("corruption", family.name, corruption), corruption.metrics
        if family.metrics is not None:
            yield place("family", family.name), family.metrics
    if found.overall is not None:
        yield place("overall"), found.overall
