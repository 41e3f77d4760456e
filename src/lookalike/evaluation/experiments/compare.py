"""Compare several encoders on one dataset, testing each against the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, check_name, load_encoder
from lookalike.encoders.weights import locate
from lookalike.errors import EncoderError, EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.experiments.evaluate import KS, evaluate
from lookalike.evaluation.scoring.averages import compared_metrics
from lookalike.evaluation.scoring.checks import sorted_ks
from lookalike.evaluation.scoring.encoder_names import distinct_names
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.statistics.differences import Difference, difference, holm
from lookalike.evaluation.statistics.intervals import interval_ends
from lookalike.notebook import Records, Tabular
from lookalike.progress import StageProgress

EncoderChoice = Encoder | EmbeddedDataset | str | os.PathLike[str]
"""A loaded encoder, a name in the catalogue, the path of a checkpoint, or the dataset embedded by an encoder."""


@dataclass(frozen=True, slots=True)
class ComparedEncoder:
    """One row of a comparison: an encoder with its evaluation, or with the ``problem`` why there is none.

    ``differences`` are those from the reference, by metric; empty for the reference itself and where either has no
    evaluation.
    """

    name: str
    evaluation: Evaluation | None
    problem: str | None
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Comparison(Tabular):
    """The result of :func:`compare`: several encoders on one dataset.

    ``rows`` are in the requested order; the first is the reference. ``metrics`` are the keys of the metrics that are
    compared and tested.
    """

    dataset: Dataset
    rows: tuple[ComparedEncoder, ...]
    metrics: tuple[str, ...]
    junk: Junk
    seed: int
    provenance: Provenance

    def to_records(self) -> Records:
        """One record for each encoder and metric, with the difference from the first encoder; or with its problem."""
        return [record for row in self.rows for record in self._records_of(row)]

    def _records_of(self, row: ComparedEncoder) -> Iterator[dict[str, Any]]:
        for key in self.metrics:
            found = None if row.evaluation is None else row.evaluation.metrics
            difference = row.differences.get(key)
            yield {
                "encoder": row.name,
                "metric": key,
                "value": None if found is None else found.micro[key],
                **interval_ends(None if found is None else found.intervals.get(key)),
                "difference": None if difference is None else difference.value,
                **interval_ends(None if difference is None else difference.interval, "difference_"),
                "p": None if difference is None else difference.adjusted,
                "problem": row.problem,
            }

    @property
    def reference(self) -> ComparedEncoder:
        """The row that the others are tested against: always the first, to avoid selection bias."""
        return self.rows[0]

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations of the rows that have one, in order; at least one."""
        return tuple(row.evaluation for row in self.rows if row.evaluation is not None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes with a scored query, sorted."""
        return tuple(sorted({label for one in self.evaluations for label in one.metrics.classes}))


def compare(
    dataset: Dataset | str | os.PathLike[str],
    encoders: Sequence[EncoderChoice] | None = None,
    *,
    ks: Sequence[int] = KS,
    junk: Junk = "group",
    seed: int = 0,
    cache: EmbeddingCache | None = None,
    progress: StageProgress | None = None,
    load: Callable[[str | os.PathLike[str]], Encoder] = load_encoder,
) -> Comparison:
    """Evaluate each of ``encoders`` on ``dataset``, and test all against the first.

    The default for ``encoders`` is the whole catalogue, starting with the best one available. An encoder that can't be
    loaded (``load`` raises :class:`~lookalike.errors.EncoderError`) is listed with the reason. The other arguments and
    the errors are those of :func:`evaluate`; in addition, :class:`~lookalike.errors.UnknownEncoderError` is raised for
    an unknown name, and :class:`~lookalike.errors.EvaluationError` where an encoder is given twice or none can be
    loaded.
    """
    ks = sorted_ks(ks)
    labelled = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    choices = known_encoders() if encoders is None else list(encoders)
    check_choices(choices)
    rows = [
        _evaluate_encoder(labelled, choice, load, cache, ks=ks, junk=junk, seed=seed, progress=progress)
        for choice in choices
    ]
    if all(row.evaluation is None for row in rows):
        raise EvaluationError(f"no encoder can be loaded: {'; '.join(row.problem or '' for row in rows)}")
    metrics = compared_metrics(ks)
    return Comparison(
        dataset=labelled,
        rows=tuple(_with_differences(_with_unique_names(rows), metrics)),
        metrics=metrics,
        junk=junk,
        seed=seed,
        provenance=provenance(),
    )


def known_encoders() -> list[str]:
    """The names in the catalogue: first the best one available, then others available here, then the rest."""
    best = locate.best_available().name
    rows = sorted(catalog.CATALOG, key=lambda row: (row.name != best, locate.weights_path(row) is None))
    return [row.name for row in rows]


def check_choices(choices: Sequence[EncoderChoice]) -> None:
    """Raise errors for invalid choices before hours of work: none, one given twice, and unknown names."""
    if not choices:
        raise EvaluationError("no encoder to compare. Name at least one")
    names = [os.fspath(choice) for choice in choices if not isinstance(choice, Encoder | EmbeddedDataset)]
    names = [locate.best_available().name if name == "auto" else name for name in names]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"the encoder {name} is given twice")
        check_name(name)


def _evaluate_encoder(
    dataset: Dataset,
    choice: EncoderChoice,
    load: Callable[[str | os.PathLike[str]], Encoder],
    cache: EmbeddingCache | None,
    *,
    ks: Sequence[int],
    junk: Junk,
    seed: int,
    progress: StageProgress | None,
) -> ComparedEncoder:
    name = choice.spec.name if isinstance(choice, Encoder | EmbeddedDataset) else os.fspath(choice)

    def report(stage: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{name}: {stage}", done, total)

    def embed(choice: Encoder | str | os.PathLike[str]) -> EmbeddedDataset:
        encoder = choice if isinstance(choice, Encoder) else load(choice)
        return embed_dataset(
            dataset, encoder, cache=cache, progress=lambda done, total: report("encoding", done, total)
        )

    try:
        embedded = choice if isinstance(choice, EmbeddedDataset) else embed(choice)
        evaluation = evaluate(embedded, ks=ks, junk=junk, seed=seed, progress=report)
    except EncoderError as error:
        return ComparedEncoder(name, None, str(error), {})
    return ComparedEncoder(embedded.spec.name, evaluation, None, {})


def _with_unique_names(rows: Sequence[ComparedEncoder]) -> list[ComparedEncoder]:
    """The rows with distinguishing details added to equal names; raises an error for an encoder given twice."""
    names = iter(distinct_names([row.evaluation.encoder for row in rows if row.evaluation]))
    return [replace(row, name=next(names)) if row.evaluation else row for row in rows]


def _with_differences(rows: Sequence[ComparedEncoder], metrics: Sequence[str]) -> list[ComparedEncoder]:
    """The rows with their differences from the first, p-values adjusted for all tests of the table."""
    reference = rows[0].evaluation
    if reference is None:
        return [*rows]
    found = [
        {key: _difference(reference, row.evaluation, key) for key in metrics} if place and row.evaluation else {}
        for place, row in enumerate(rows)
    ]
    adjusted = iter(holm([one.p for differences in found for one in differences.values()]))
    return [
        replace(row, differences={key: replace(one, adjusted=next(adjusted)) for key, one in differences.items()})
        for row, differences in zip(rows, found, strict=True)
    ]


def _difference(reference: Evaluation, other: Evaluation, key: str) -> Difference:
    if other.rows != reference.rows:
        raise EvaluationError("the images changed during the comparison. Run it again")
    theirs, ours = other.metrics, reference.metrics
    return difference(theirs.micro[key] - ours.micro[key], theirs.influences[key] - ours.influences[key], ours.sampling)
