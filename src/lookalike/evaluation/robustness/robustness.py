"""Robustness: how well retrieval works when images are noisy, blurred, badly lit, rotated or occluded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.encoders.weights.cache import cache_folder
from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import CORRUPTIONS, FAMILIES, SEVERITIES
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.robustness.grid import (
    CLEAN,
    TARGETS,
    Cell,
    Target,
    grid,
    select_corruptions,
    severity_notes,
    versions_of,
)
from lookalike.evaluation.robustness.results import (
    CellResult,
    CorruptionResult,
    FamilyResult,
    Robustness,
    RobustnessMetrics,
    RuleResults,
)
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.evaluation.robustness.scoring import CellScorer, CellScores, Compared, mean_of, score_cell
from lookalike.evaluation.scoring.checks import check_evaluation, junk_rules
from lookalike.evaluation.scoring.default_encoder import default_encoder
from lookalike.evaluation.scoring.score import ignore_progress
from lookalike.progress import StageProgress

_MAX_K: Final = 10


def measure_robustness(
    dataset: Dataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None = None,
    *,
    corruptions: Iterable[str] = (),
    families: Iterable[str] = (),
    severities: Sequence[int] = SEVERITIES,
    target: Target = "query",
    junk: Junk = "group",
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    progress: StageProgress | None = None,
    load: Callable[..., Encoder] = load_encoder,
) -> Robustness:
    """Measure retrieval under every selected corruption and severity.

    ``dataset`` and ``encoder`` are as for :func:`evaluate`. ``corruptions`` and ``families`` select what is measured,
    together with its controls; everything if neither is given. ``severities`` are 1 to 5. ``target`` is what is
    corrupted. Self and junk always follow from the clean rows. ``seed`` determines all corruptions, donors and tie
    breaks. Vectors are stored below ``folder`` (by default in the user's cache), so an interrupted run resumes;
    ``progress`` is called with the stage and the counts done and total.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, :class:`~lookalike.errors.DatasetError` for unusable
    labels, :class:`~lookalike.errors.EvaluationError` if nothing can be measured,
    :class:`~lookalike.errors.EncoderError`, and :class:`~lookalike.errors.OutputError` if vectors can't be stored.
    """
    if target not in TARGETS:
        raise EvaluationError(f"unknown target {target!r}: choose from {', '.join(TARGETS)}")
    selected = select_corruptions(corruptions, families)
    cells = grid(selected, severities)
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset)
    if encoder is None:
        encoder = default_encoder(dataset, load)
    elif not isinstance(encoder, Encoder):
        encoder = load(encoder)
    report = progress or ignore_progress
    _check_before_encoding(dataset, encoder, junk)
    vectors = encode_grid(
        dataset,
        encoder,
        versions_of(cells, target),
        seed=seed,
        folder=Path(folder) if folder is not None else cache_folder() / "robustness",
        progress=lambda done, total: report("encoding", done, total),
    )
    clean = _clean_images(dataset, encoder, vectors)
    check_evaluation(clean, (1,), junk)
    metric_names, notes = _metric_names(clean)
    results, *others = (
        _rule_results(
            CellScorer(clean, junk=rule, metric_names=metric_names, seed=seed), vectors, cells, target, report
        )
        for rule in junk_rules(dataset, junk)
    )
    return Robustness(
        encoder=encoder.spec,
        dataset=dataset,
        rows=vectors.rows,
        digests=vectors.digests,
        skipped=vectors.skipped,
        target=target,
        seed=seed,
        metric_names=metric_names,
        severities=tuple(sorted({cell.severity for cell in cells})),
        gallery=len(clean.split_rows()[1]),
        results=results,
        others=tuple(others),
        donors=vectors.donors,
        notes=(
            *dataset.notes,
            *notes,
            *severity_notes(selected, severities),
            *(vectors.donors.notes() if vectors.donors else ()),
        ),
        encoded_count=vectors.encoded_count,
        vector_count=vectors.vector_count,
        seconds=vectors.seconds,
        folder=vectors.folder,
        stored_bytes=vectors.stored_bytes,
        provenance=provenance(),
    )


def _rule_results(
    scorer: CellScorer, vectors: GridVectors, cells: Sequence[Cell], target: Target, report: StageProgress
) -> RuleResults:
    """All results under the scorer's junk rule."""
    if not len(scorer.scored):
        raise EvaluationError(
            f"nothing to measure: under the junk rule {scorer.junk}, no query has a relevant image in the gallery"
        )
    averages = _Averages(scorer)
    for number, cell in enumerate(cells, start=1):
        averages.add(cell, score_cell(scorer, vectors, cell, target))
        report("ranking", number, len(cells))
    families = averages.families()
    return RuleResults(
        junk=scorer.junk,
        scored=len(scorer.scored),
        excluded=len(scorer.queries) - len(scorer.scored),
        exclusions=scorer.exclusions,
        groups=scorer.groups,
        clean=averages.clean(),
        chance=scorer.reference().chance,
        families=families,
        overall=averages.overall(),
        tied_share=scorer.tied_share,
    )


def _check_before_encoding(dataset: Dataset, encoder: Encoder, junk: Junk) -> None:
    """Run the checks that need no embeddings, so that errors are raised before the long encoding."""
    count = len(dataset.rows)
    check_evaluation(
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


def _clean_images(dataset: Dataset, encoder: Encoder, vectors: GridVectors) -> EmbeddedDataset:
    """The clean images in standard form, which everything is compared with."""
    return EmbeddedDataset(
        dataset=dataset,
        vectors=vectors.for_version(CLEAN),
        digests=vectors.digests,
        rows=vectors.rows,
        skipped=vectors.skipped,
        spec=encoder.spec,
        seconds=vectors.seconds,
        images_per_second=0.0,
    )


def _metric_names(clean: EmbeddedDataset) -> tuple[tuple[str, ...], list[str]]:
    """The metrics to compute, and a note about one that is left out."""
    gallery = len(clean.split_rows()[1]) - (0 if clean.dataset.has_split else 1)
    if gallery >= _MAX_K:
        return ("precision@1", f"precision@{_MAX_K}", "map"), []
    return ("precision@1", "map"), [f"precision@{_MAX_K} is left out: each query has only {gallery} images to search"]


class _Averages:
    """Averages the metrics of cells: first within corruptions, then within families, then over families.

    So do the influences of groups, so that intervals hold for averages too, and what the metrics are compared with:
    the retention of an average is a ratio of averages.
    """

    def __init__(self, scorer: CellScorer) -> None:
        self._scorer = scorer
        self._open: list[tuple[Cell, CellScores]] = []
        self._corruptions: dict[str, list[CorruptionResult]] = {}
        self._means: dict[str, list[Compared]] = {}

    def add(self, cell: Cell, scores: CellScores) -> None:
        """Add the scores of a cell; those of a corruption come one after the other."""
        if self._open and self._open[0][0].corruption != cell.corruption:
            self._close()
        self._open.append((cell, scores))

    def clean(self) -> RobustnessMetrics:
        """The metrics on clean images."""
        reference = self._scorer.reference()
        return self._scorer.summarise(Compared(reference.clean, reference))

    def families(self) -> tuple[FamilyResult, ...]:
        """Every measured family, in catalogue order, once all cells were added."""
        self._close()
        return tuple(
            FamilyResult(family, tuple(self._corruptions[family]), self._family(family))
            for family in FAMILIES
            if family in self._corruptions
        )

    def overall(self) -> RobustnessMetrics | None:
        """The mean over the families."""
        if not self._means:
            return None
        return self._scorer.summarise(mean_of([mean_of(means) for means in self._means.values()]))

    def _family(self, family: str) -> RobustnessMetrics | None:
        return self._scorer.summarise(mean_of(self._means[family])) if family in self._means else None

    def _close(self) -> None:
        """Average the cells of one corruption, and release them."""
        if not self._open:
            return
        corruption = CORRUPTIONS[self._open[0][0].corruption]
        mean = mean_of([scores.compared for _, scores in self._open])
        result = CorruptionResult(
            name=corruption.name,
            family=corruption.family,
            summary=corruption.summary,
            control_of=corruption.control_of,
            cells=tuple(
                CellResult(
                    corruption=cell.corruption,
                    severity=cell.severity,
                    parameters=dict(corruption.parameters(cell.severity)),
                    metrics=self._scorer.summarise(scores.compared),
                    first_hits=scores.first_hits,
                )
                for cell, scores in self._open
            ),
            metrics=self._scorer.summarise(mean),
        )
        self._corruptions.setdefault(corruption.family, []).append(result)
        if corruption.control_of is None:
            self._means.setdefault(corruption.family, []).append(mean)
        self._open = []
