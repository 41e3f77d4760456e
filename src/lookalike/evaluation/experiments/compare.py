"""Compare: several encoders on one dataset, each tested against the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import catalog
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.spec import EncoderSpec
from lookalike.encoders.weights import locate
from lookalike.errors import EncoderError, EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import Provenance, provenance
from lookalike.evaluation.data.relevance import Junk, codes
from lookalike.evaluation.experiments.evaluate import KS, evaluate
from lookalike.evaluation.scoring.checks import ranks
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import Progress
from lookalike.evaluation.statistics.intervals import Interval, intervals
from lookalike.evaluation.statistics.sign_flip import holm, sign_flip_p

Choice = Encoder | str | os.PathLike[str]
"""An encoder that is loaded, a name of the catalogue, or a checkpoint's path."""


class Embed(Protocol):
    """Makes a dataset's embeddings, as :func:`~lookalike.evaluation.data.embedded.embed_dataset` does."""

    def __call__(
        self, dataset: Dataset, encoder: Encoder, /, *, progress: Callable[[int, int], None] | None = None
    ) -> EmbeddedDataset:
        """The embeddings of ``dataset`` by ``encoder``; ``progress`` is told how many of how many files are done."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an encoder's figure is from the reference's, on the same queries.

    ``value`` is the mean of the queries' differences (positive: better than the reference), ``interval`` its 95 %
    interval (None with fewer than ten groups). ``p`` is two-sided, from flipping the signs of whole groups;
    ``adjusted`` is p after Holm's correction for the number of encoders tested on this figure.
    """

    value: float
    interval: Interval | None
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class ComparedEncoder:
    """One row: an encoder with its evaluation, or with the ``problem`` for which it has none.

    ``differences`` are from the reference, by the figure's key; empty for the reference itself, and where there is
    nothing to compare with.
    """

    name: str
    evaluation: Evaluation | None
    problem: str | None
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several encoders on one dataset: :func:`compare` makes one.

    ``rows`` stand in the order asked for; the first is the reference. ``measures`` are the keys of the figures that are
    compared and tested.
    """

    dataset: Dataset
    rows: tuple[ComparedEncoder, ...]
    measures: tuple[str, ...]
    junk: Junk
    seed: int
    provenance: Provenance

    @property
    def reference(self) -> ComparedEncoder:
        """The row that the others are tested against: always the first, for picking the best would be selection."""
        return self.rows[0]

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Those of the rows that have one, in their order; at least one."""
        return tuple(row.evaluation for row in self.rows if row.evaluation is not None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that have a scored query, sorted."""
        return tuple(sorted({label for one in self.evaluations for label in one.figures.classes}))


def compare(
    dataset: Dataset | str | os.PathLike[str],
    encoders: Sequence[Choice] | None = None,
    *,
    ks: Sequence[int] = KS,
    junk: Junk = "group",
    seed: int = 0,
    progress: Progress | None = None,
    command: str | None = None,
    load: Callable[[str | os.PathLike[str]], Encoder] = load_encoder,
    embed: Embed = embed_dataset,
) -> Comparison:
    """Evaluate each of ``encoders`` on ``dataset``, and test all against the first.

    Without ``encoders`` it is all that the catalogue knows, the best on this machine first. One that can't be made
    ready (``load`` raises :class:`~lookalike.errors.EncoderError`) keeps a row that says why. ``embed`` makes the
    embeddings. The other arguments are :func:`evaluate`'s, and so are the errors; in addition
    :class:`~lookalike.errors.UnknownEncoderError` is raised for a name that nobody knows, and
    :class:`~lookalike.errors.EvaluationError` where an encoder is named twice or none can be made ready.
    """
    ks = ranks(ks)
    found = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    chosen = everything_known() if encoders is None else list(encoders)
    _check_names(chosen)
    rows = [_evaluated(found, choice, load, embed, ks=ks, junk=junk, seed=seed, progress=progress) for choice in chosen]
    if all(row.evaluation is None for row in rows):
        raise EvaluationError(f"no encoder can be made ready; {'; '.join(row.problem or '' for row in rows)}")
    measures = compared(ks)
    return Comparison(
        dataset=found,
        rows=tuple(_tested(_told_apart(rows), measures, seed=seed)),
        measures=measures,
        junk=junk,
        seed=seed,
        provenance=provenance(command),
    )


def compared(ks: Sequence[int]) -> tuple[str, ...]:
    """The keys of the figures that encoders are compared by."""
    return (*dict.fromkeys((f"precision@{min(ks)}", f"precision@{max(ks)}")), "map", "accuracy")


def everything_known() -> list[str]:
    """The catalogue's names: the best on this machine first, then the others that are here, then those that aren't."""
    best = locate.best_ready().name
    rows = sorted(catalog.CATALOG, key=lambda row: (row.name != best, locate.locate(row) is None))
    return [row.name for row in rows]


def _check_names(chosen: Sequence[Choice]) -> None:
    """Refuse at once what would otherwise be found out hours later."""
    if not chosen:
        raise EvaluationError("name at least one encoder to compare")
    names = [os.fspath(choice) for choice in chosen if not isinstance(choice, Encoder)]
    names = [locate.best_ready().name if name == "auto" else name for name in names]
    for name in names:
        if names.count(name) > 1:
            raise EvaluationError(f"the encoder {name} is named twice")
        if not Path(name).exists():
            catalog.find(name)


def _evaluated(
    dataset: Dataset,
    choice: Choice,
    load: Callable[[str | os.PathLike[str]], Encoder],
    embed: Embed,
    *,
    ks: Sequence[int],
    junk: Junk,
    seed: int,
    progress: Progress | None,
) -> ComparedEncoder:
    name = choice.spec.name if isinstance(choice, Encoder) else os.fspath(choice)

    def tell(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{name}: {what}", done, total)

    try:
        encoder = choice if isinstance(choice, Encoder) else load(choice)
        embedded = embed(dataset, encoder, progress=lambda done, total: tell("encoding", done, total))
        evaluation = evaluate(embedded, ks=ks, junk=junk, seed=seed, progress=tell)
    except EncoderError as error:
        return ComparedEncoder(name, None, str(error), {})
    return ComparedEncoder(encoder.spec.name, evaluation, None, {})


def _told_apart(rows: Sequence[ComparedEncoder]) -> list[ComparedEncoder]:
    """Rows of the same name with what they differ in behind it; two that are one encoder are refused."""
    specs = [row.evaluation.encoder for row in rows if row.evaluation]
    for spec in specs:
        if specs.count(spec) > 1:
            raise EvaluationError(f"the encoder {spec} is named twice")
    return [replace(row, name=_full_name(row.evaluation.encoder, specs)) if row.evaluation else row for row in rows]


def _full_name(spec: EncoderSpec, specs: Sequence[EncoderSpec]) -> str:
    namesakes = [_identity(other) for other in specs if other.name == spec.name]
    differing = [part for part, *others in zip(_identity(spec), *namesakes, strict=True) if len(set(others)) > 1]
    return f"{spec.name} ({', '.join(differing)})" if differing else spec.name


def _identity(spec: EncoderSpec) -> tuple[str, ...]:
    """What tells encoders of one name apart, in words."""
    return (spec.precision, f"{spec.view} view", f"weights {spec.weights_sha256[:6]}")


def _tested(rows: Sequence[ComparedEncoder], measures: Sequence[str], *, seed: int) -> list[ComparedEncoder]:
    """The same rows with their differences from the first, corrected figure by figure."""
    reference = rows[0].evaluation
    others = [(place, row.evaluation) for place, row in enumerate(rows) if place and row.evaluation]
    if reference is None:
        return [*rows]
    found: dict[int, dict[str, Difference]] = {place: {} for place, _ in others}
    for key in measures:
        plain = [_difference(reference, evaluation, key, seed=seed) for _, evaluation in others]
        adjusted = holm([difference.p for difference in plain])
        for (place, _), difference, p in zip(others, plain, adjusted, strict=True):
            found[place][key] = replace(difference, adjusted=p)
    return [replace(row, differences=found.get(place, {})) for place, row in enumerate(rows)]


def _difference(reference: Evaluation, other: Evaluation, key: str, *, seed: int) -> Difference:
    table = reference.figures.table
    if other.rows != reference.rows:
        raise EvaluationError("the photographs changed while encoders were compared; compare again")
    scored = np.flatnonzero(table.relevant > 0)
    rows = [reference.rows[number] for number in table.rows[scored]]
    units = codes([row.group if reference.dataset.has_groups else row.visit for row in rows])
    differences = (other.figures.table.values[key] - table.values[key])[scored]
    p = sign_flip_p(differences, units, seed=seed)
    interval = _interval(differences, units, codes([row.label for row in rows]), seed=seed)
    return Difference(float(differences.mean()), interval, p, p)


def _interval(
    differences: NDArray[np.float64], units: NDArray[np.int64], labels: NDArray[np.int64], *, seed: int
) -> Interval | None:
    """The interval of the mean of ``differences`` (q,), -1 to 1: that of a figure from 0 to 1, stretched to fit."""
    found = intervals({"": (differences + 1) / 2}, units, labels, seed=seed)[""]
    return None if found is None else replace(found, low=2 * found.low - 1, high=2 * found.high - 1)
