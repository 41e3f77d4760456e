"""Robustness: how an encoder's retrieval holds when pictures are noisy, blurred, badly lit, turned or covered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.weights.cache import cache_folder
from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, SEVERITIES, Corruption
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.robustness.grid import (
    CLEAN,
    SIDES,
    Cell,
    Side,
    chosen,
    grid,
    versions_of,
    without_severities,
)
from lookalike.evaluation.robustness.results import (
    CellResult,
    CorruptionResult,
    FamilyResult,
    Findings,
    Measures,
    Robustness,
)
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.evaluation.robustness.scoring import CellScores, Judge, Values, mean_values, score_cell
from lookalike.evaluation.scoring.checks import check, rules
from lookalike.evaluation.scoring.own_encoder import own_encoder
from lookalike.evaluation.scoring.score import Progress, silent

_DEEPEST: Final = 10


def robustness(
    dataset: Dataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None = None,
    *,
    corruptions: Iterable[str] = (),
    families: Iterable[str] = (),
    severities: Sequence[int] = SEVERITIES,
    side: Side = "query",
    junk: Junk = "group",
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> Robustness:
    """Measure retrieval with pictures damaged in every way asked for.

    ``dataset`` and ``encoder`` are as for :func:`evaluate`. ``corruptions`` and
    ``families`` name what is measured (with the controls that belong to it), everything if neither is given;
    ``severities`` are 1 to 5. ``side`` is what is damaged. Self and junk are those of the clean rows on every side.
    ``seed`` decides all damage, donors, ties and what intervals resample. Vectors are kept below ``folder`` (by default
    in the user's cache), so that a run that is stopped goes on from there; ``progress`` is told the stage, and how many
    of how many are done.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, :class:`~lookalike.errors.DatasetError` for labels that
    can't be used, :class:`~lookalike.errors.EvaluationError` where nothing can be measured,
    :class:`~lookalike.errors.EncoderError`, and :class:`~lookalike.errors.OutputError` where vectors can't be kept.
    """
    if side not in SIDES:
        raise EvaluationError(f"there is no side {side!r}; there are {', '.join(SIDES)}")
    asked = chosen(corruptions, families)
    cells = grid(asked, severities)
    found = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    if encoder is None:
        encoder = own_encoder(found)
    elif not isinstance(encoder, Encoder):
        encoder = load_encoder(encoder)
    tell = progress or silent
    _check_beforehand(found, encoder, junk)
    vectors = encode_grid(
        found,
        encoder,
        versions_of(cells, side),
        seed=seed,
        folder=Path(folder) if folder is not None else cache_folder() / "robustness",
        progress=lambda done, total: tell("encoding", done, total),
    )
    clean = _clean(found, encoder, vectors)
    check(clean, (1,), junk)
    keys, notes = _keys(clean)
    findings, *others = (
        _findings(Judge(clean, junk=rule, keys=keys, seed=seed), vectors, cells, side, tell)
        for rule in rules(found, junk)
    )
    return Robustness(
        encoder=encoder.spec,
        dataset=found,
        rows=vectors.rows,
        digests=vectors.digests,
        skipped=vectors.skipped,
        side=side,
        seed=seed,
        keys=keys,
        severities=tuple(sorted({cell.severity for cell in cells})),
        gallery=len(clean.sides()[1]),
        findings=findings,
        others=tuple(others),
        donors=vectors.donors,
        notes=(
            *found.notes,
            *notes,
            *without_severities(asked, severities),
            *(vectors.donors.notes() if vectors.donors else ()),
        ),
        made=vectors.made,
        total=vectors.total,
        seconds=vectors.seconds,
        folder=vectors.folder,
        stored=vectors.stored,
        provenance=provenance(command),
    )


def _findings(judge: Judge, vectors: GridVectors, cells: Sequence[Cell], side: Side, tell: Progress) -> Findings:
    """All figures under the judge's rule."""
    if not len(judge.scored):
        raise EvaluationError(
            f"under the junk rule {judge.junk} no query has anything to find: there is nothing to measure"
        )
    summary = _Summary(judge, vectors.of(CLEAN))
    for number, cell in enumerate(cells, start=1):
        summary.add(cell, score_cell(judge, vectors, cell, side))
        tell("ranking", number, len(cells))
    families = summary.families(lambda done, total: tell("intervals", done, total))
    return Findings(
        junk=judge.junk,
        scored=len(judge.scored),
        excluded=len(judge.queries) - len(judge.scored),
        exclusions=judge.exclusions,
        groups=judge.groups,
        clean=summary.of_clean(),
        chance={key: float(values.mean()) for key, values in summary.chance.items()},
        families=families,
        overall=summary.overall(),
        tied_share=summary.tied_share,
    )


def _check_beforehand(dataset: Dataset, encoder: Encoder, junk: Junk) -> None:
    """What can't be measured is better known before everything is encoded than after."""
    count = len(dataset.rows)
    check(
        EmbeddedDataset(
            dataset=dataset,
            vectors=np.empty((count, 0), np.float32),
            digests=(b"",) * count,
            rows=dataset.rows,
            skipped=dataset.skipped,
            spec=encoder.spec,
            seconds=0.0,
            images_per_second=0.0,
        ),
        (1,),
        junk,
    )


def _clean(dataset: Dataset, encoder: Encoder, vectors: GridVectors) -> EmbeddedDataset:
    """The pictures in standard form, undamaged: what everything else is set against."""
    return EmbeddedDataset(
        dataset=dataset,
        vectors=vectors.of(CLEAN),
        digests=vectors.digests,
        rows=vectors.rows,
        skipped=vectors.skipped,
        spec=encoder.spec,
        seconds=vectors.seconds,
        images_per_second=0.0,
    )


def _keys(clean: EmbeddedDataset) -> tuple[tuple[str, ...], list[str]]:
    """The figures to take, and what has to be said about those that are left out."""
    gallery = len(clean.sides()[1]) - (0 if clean.dataset.has_split else 1)
    if gallery >= _DEEPEST:
        return ("precision@1", f"precision@{_DEEPEST}", "map"), []
    return ("precision@1", "map"), [f"precision@{_DEEPEST} is left out: a query has only {gallery} pictures to search"]


class _Summary:
    """Collects the cells' figures, and averages them: within corruptions, then families, then over the families.

    All averages are taken query by query, so that paired intervals hold for them as well. Every retention has the same
    denominator, so the retention of such an average is the average of the retentions.
    """

    def __init__(self, judge: Judge, vectors: NDArray[np.float32]) -> None:
        clean = judge.score(vectors, vectors)
        self.chance = judge.chance()
        self._judge = judge
        self._clean = clean.values
        self._ties = [clean.tied_share]
        self._cells: dict[str, dict[Cell, CellScores]] = {}
        self._families: dict[str, Values] = {}

    @property
    def tied_share(self) -> float:
        """The greatest share of tied comparisons in any of the rankings."""
        return max(self._ties)

    def add(self, cell: Cell, scores: CellScores) -> None:
        """Take in what a cell came to; cells come in the order of the catalogue."""
        self._cells.setdefault(cell.corruption, {})[cell] = scores
        self._ties.append(scores.tied_share)

    def of_clean(self) -> Measures:
        """The clean figures."""
        return self._measure(self._clean)

    def families(self, tell: Callable[[int, int], None]) -> tuple[FamilyResult, ...]:
        """Every family that was measured, in the catalogue's order."""
        results, done = [], 0
        for family in FAMILIES:
            corruptions = [CORRUPTIONS[name] for name in self._cells if CORRUPTIONS[name].family == family]
            made = []
            for corruption in corruptions:
                made.append(self._corruption(corruption))
                done += 1
                tell(done, len(self._cells))
            if made:
                results.append(FamilyResult(family, tuple(made), self._family(family, corruptions)))
        return tuple(results)

    def overall(self) -> Measures | None:
        """The mean over the families, once they are there."""
        return self._measure(mean_values(list(self._families.values()))) if self._families else None

    def _family(self, family: str, corruptions: Sequence[Corruption]) -> Measures | None:
        counted = [self._mean_of(corruption.name) for corruption in corruptions if corruption.control_of is None]
        if not counted:
            return None
        self._families[family] = mean_values(counted)
        return self._measure(self._families[family])

    def _corruption(self, corruption: Corruption) -> CorruptionResult:
        cells = tuple(
            CellResult(
                corruption=cell.corruption,
                severity=cell.severity,
                parameters=dict(corruption.parameters(cell.severity)),
                measures=self._measure(scores.values),
                first_hits=scores.first_hits,
            )
            for cell, scores in self._cells[corruption.name].items()
        )
        return CorruptionResult(
            name=corruption.name,
            family=corruption.family,
            summary=corruption.summary,
            control_of=corruption.control_of,
            cells=cells,
            measures=self._measure(self._mean_of(corruption.name)),
        )

    def _mean_of(self, corruption: str) -> Values:
        return mean_values([scores.values for scores in self._cells[corruption].values()])

    def _measure(self, values: Values) -> Measures:
        return self._judge.measure(values, self._clean, self.chance)
