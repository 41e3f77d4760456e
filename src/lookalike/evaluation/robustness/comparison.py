"""Compare how several encoders resist the same damage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import SEVERITIES
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.robustness.estimate import Announce
from lookalike.evaluation.robustness.grid import Grid, Target
from lookalike.evaluation.robustness.results import Robustness, RobustnessMetric, RobustnessMetrics
from lookalike.evaluation.robustness.robustness import measure_each
from lookalike.evaluation.scoring.encoder_names import distinct_names
from lookalike.evaluation.statistics.differences import Difference, difference, holm
from lookalike.evaluation.statistics.intervals import interval_ends
from lookalike.evaluation.statistics.sampling import Sampling
from lookalike.notebook import Records, Tabular
from lookalike.progress import StageProgress

ALL_FAMILIES = "all families"
"""The name of the mean over families."""

Differences = Mapping[str, Mapping[str, Difference]]
"""Differences of retention, by the name of a family or a corruption, and by metric."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRobustness:
    """The robustness of one encoder, called ``name``, with the differences of its retention from the first one's.

    ``families`` are those of families and of the mean over them, ``corruptions`` those of corruptions; both are empty
    for the first encoder, and lack what can't be compared because one of both retains nothing that could be measured.
    Those of one metric are a table of their own: p-values are adjusted for all tests of all encoders in it.
    """

    name: str
    robustness: Robustness
    families: Differences
    corruptions: Differences


@dataclass(frozen=True, slots=True, eq=False)
class RobustnessComparison(Tabular):
    """The result of :func:`compare_robustness`: several encoders on the same corrupted images."""

    rows: tuple[ComparedRobustness, ...]
    provenance: Provenance

    @property
    def reference(self) -> ComparedRobustness:
        """The encoder that the others are tested against: always the first, to avoid selection bias."""
        return self.rows[0]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics of all encoders."""
        return self.reference.robustness.metric_names

    def to_records(self) -> Records:
        """The records of every encoder, with the difference of its retention from the first encoder's."""
        return [record for row in self.rows for record in _records(row)]


def compare_robustness(
    dataset: Dataset | str | os.PathLike[str],
    encoders: Sequence[Encoder | str | os.PathLike[str]],
    *,
    corruptions: Iterable[str] = (),
    families: Iterable[str] = (),
    severities: Sequence[int] = SEVERITIES,
    target: Target = "query",
    junk: Junk = "group",
    seed: int = 0,
    cache: EmbeddingCache | None = None,
    announce: Announce | None = None,
    progress: StageProgress | None = None,
    load: Callable[[str | os.PathLike[str]], Encoder] = load_encoder,
) -> RobustnessComparison:
    """Measure how well retrieval by each of ``encoders`` resists damage, and test all against the first.

    Every image is decoded and corrupted once for all encoders. The other arguments and the errors are those of
    :func:`measure_robustness`; in addition, :class:`~lookalike.errors.EvaluationError` is raised for fewer than two
    encoders, and where one is given twice.
    """
    grid = Grid.of(corruptions, families, severities, target)
    labelled = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    loaded = [one if isinstance(one, Encoder) else load(one) for one in encoders]
    distinct_names([one.spec for one in loaded])
    if len(loaded) < 2:  # noqa: PLR2004  one and another
        raise EvaluationError("name at least two encoders to compare")
    with nullcontext(cache) if cache is not None else EmbeddingCache.of_user() as kept:
        results = measure_each(labelled, loaded, grid, kept, junk=junk, seed=seed, announce=announce, progress=progress)
    return compared_robustness(results)


def compared_robustness(results: Sequence[Robustness]) -> RobustnessComparison:
    """The comparison of ``results``, at least one, each of another encoder on the same corrupted images."""
    names = distinct_names([one.encoder for one in results])
    return RobustnessComparison(
        tuple(map(ComparedRobustness, names, results, _tested(results, _families), _tested(results, _corruptions))),
        provenance(),
    )


def _families(robustness: Robustness) -> Iterator[tuple[str, RobustnessMetrics]]:
    """The metrics of every family, and their mean."""
    for family in robustness.results.families:
        if family.metrics is not None:
            yield family.name, family.metrics
    if robustness.results.overall is not None:
        yield ALL_FAMILIES, robustness.results.overall


def _corruptions(robustness: Robustness) -> Iterator[tuple[str, RobustnessMetrics]]:
    for corruption in robustness.results.corruptions:
        yield corruption.name, corruption.metrics


def _tested(
    results: Sequence[Robustness], levels: Callable[[Robustness], Iterator[tuple[str, RobustnessMetrics]]]
) -> list[Differences]:
    """The differences of each result from the first at all ``levels``, with p-values adjusted for those of a metric."""
    reference, sampling = dict(levels(results[0])), results[0].results.sampling
    found: list[dict[str, dict[str, Difference]]] = [
        {}
        if result is results[0]
        else {name: _compare(reference[name], metrics, sampling) for name, metrics in levels(result)}
        for result in results
    ]
    adjusted = {
        key: iter(holm([level[key].p for own in found for level in own.values() if key in level]))
        for key in results[0].metric_names
    }
    return [
        {
            name: {key: replace(one, adjusted=next(adjusted[key])) for key, one in level.items()}
            for name, level in own.items()
        }
        for own in found
    ]


def _compare(reference: RobustnessMetrics, other: RobustnessMetrics, sampling: Sampling) -> dict[str, Difference]:
    """The differences of retention by metric, where both have one."""
    pairs = ((key, reference[key], metric) for key, metric in other.items())
    found = ((key, _difference(first, second, sampling)) for key, first, second in pairs)
    return {key: one for key, one in found if one is not None}


def _difference(first: RobustnessMetric, second: RobustnessMetric, sampling: Sampling) -> Difference | None:
    if first.retention is None or second.retention is None:
        return None
    if first.retention_influence is None or second.retention_influence is None:
        return None
    influence = second.retention_influence - first.retention_influence
    return difference(second.retention - first.retention, influence, sampling)


def _records(row: ComparedRobustness) -> Iterator[dict[str, Any]]:
    tested: dict[str, tuple[Differences, str]] = {
        "overall": (row.families, ""),
        "family": (row.families, "family"),
        "corruption": (row.corruptions, "corruption"),
    }
    for record in row.robustness.to_records():
        differences, column = tested.get(record["level"], ({}, ""))
        name = record[column] if column else ALL_FAMILIES
        one = differences.get(name, {}).get(record["metric"])
        yield {
            "encoder": row.name,
            **record,
            "difference": None if one is None else one.value,
            **interval_ends(None if one is None else one.interval, "difference_"),
            "p": None if one is None else one.adjusted,
        }
