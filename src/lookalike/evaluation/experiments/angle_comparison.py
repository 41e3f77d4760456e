"""Compare how well several encoders find other frames of the same scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.experiments.angle_results import Angles
from lookalike.evaluation.experiments.angles import KS, measure_angles
from lookalike.evaluation.ranking.near_duplicates import NEAR_THRESHOLD
from lookalike.evaluation.scoring.encoder_names import distinct_names
from lookalike.evaluation.statistics.differences import Difference, difference, holm
from lookalike.evaluation.statistics.intervals import interval_ends
from lookalike.notebook import Records, Tabular
from lookalike.progress import StageProgress


@dataclass(frozen=True, slots=True, eq=False)
class ComparedAngles:
    """The result of one encoder, called ``name``; ``differences`` from the first are by metric, empty for itself."""

    name: str
    angles: Angles
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True, eq=False)
class AnglesComparison(Tabular):
    """The result of :func:`compare_angles`; ``metrics`` are the keys of those that are tested."""

    rows: tuple[ComparedAngles, ...]
    metrics: tuple[str, ...]
    provenance: Provenance

    @property
    def reference(self) -> ComparedAngles:
        """The encoder that the others are tested against: always the first, to avoid selection bias."""
        return self.rows[0]

    def to_records(self) -> Records:
        """One record for each encoder and tested metric, with the difference from the first encoder."""
        return [record for row in self.rows for record in self._records_of(row)]

    def _records_of(self, row: ComparedAngles) -> Iterator[dict[str, Any]]:
        for key in self.metrics:
            one = row.differences.get(key)
            yield {
                "encoder": row.name,
                "metric": key,
                "value": row.angles.micro[key],
                **interval_ends(row.angles.intervals.get(key)),
                "difference": None if one is None else one.value,
                **interval_ends(None if one is None else one.interval, "difference_"),
                "p": None if one is None else one.adjusted,
            }


def compare_angles(
    embedded: Sequence[EmbeddedDataset],
    near: EmbeddedDataset | None = None,
    *,
    threshold: float = NEAR_THRESHOLD,
    ks: Sequence[int] = KS,
    seed: int = 0,
    progress: StageProgress | None = None,
) -> AnglesComparison:
    """Measure each of ``embedded``, the same dataset embedded by several encoders, and test all against the first.

    ``near`` is the dataset embedded by the encoder that defines near duplicates, by default the first. ``progress`` is
    called with the name of an encoder and the numbers of queries ranked and in total. The other arguments and errors
    are those of :func:`measure_angles`; in addition, :class:`~lookalike.errors.EvaluationError` is raised for fewer
    than two encoders, where one is given twice, and where the images differ.
    """
    distinct_names([one.spec for one in embedded])
    if len(embedded) < 2:  # noqa: PLR2004  one and another
        raise EvaluationError("name at least two encoders to compare")
    if any(one.rows != embedded[0].rows for one in embedded):
        raise EvaluationError("the images changed during the comparison. Run it again")

    def measure(one: EmbeddedDataset) -> Angles:
        def tell(done: int, total: int) -> None:
            if progress is not None:
                progress(one.spec.name, done, total)

        return measure_angles(one, near or embedded[0], threshold=threshold, ks=ks, seed=seed, progress=tell)

    return compared_angles(list(map(measure, embedded)))


def compared_angles(results: Sequence[Angles]) -> AnglesComparison:
    """The comparison of ``results``, at least one, each of another encoder on the same images."""
    names = distinct_names([one.encoder for one in results])
    metrics = headline(results[0].ks)
    found = [
        {} if result is results[0] else {key: _difference(results[0], result, key) for key in metrics}
        for result in results
    ]
    adjusted = iter(holm([one.p for own in found for one in own.values()]))
    tested = [{key: replace(one, adjusted=next(adjusted)) for key, one in own.items()} for own in found]
    return AnglesComparison(tuple(map(ComparedAngles, names, results, tested)), metrics, provenance())


def headline(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of the metrics that say most: whether the first hits are right, and whether all frames are found."""
    first, last = min(ks), max(ks)
    return tuple(dict.fromkeys((f"precision@{first}", f"hit_rate@{last}", f"recall@{last}", "map")))


def _difference(reference: Angles, other: Angles, key: str) -> Difference:
    influence = other.influences[key] - reference.influences[key]
    return difference(other.micro[key] - reference.micro[key], influence, reference.sampling)
