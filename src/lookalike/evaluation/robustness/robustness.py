"""Robustness: how well retrieval works when images are noisy, blurred, badly lit, rotated or occluded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Final

import numpy as np

from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import SEVERITIES
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.robustness.averages import Averages
from lookalike.evaluation.robustness.estimate import Announce
from lookalike.evaluation.robustness.grid import CLEAN, Grid, Target
from lookalike.evaluation.robustness.results import Robustness, RuleResults
from lookalike.evaluation.robustness.runner import GridVectors, encode_grid
from lookalike.evaluation.robustness.scoring import CellScorer, score_cell
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
    cache: EmbeddingCache | None = None,
    announce: Announce | None = None,
    progress: StageProgress | None = None,
    load: Callable[..., Encoder] = load_encoder,
) -> Robustness:
    """Measure retrieval under every selected corruption and severity.

    ``dataset`` and ``encoder`` are as for :func:`evaluate`. ``corruptions`` and ``families`` select what is measured,
    together with its controls; everything if neither is given. ``severities`` are 1 to 5. ``target`` is what is
    corrupted. Self and junk always follow from the clean rows. ``seed`` determines all corruptions, donors and tie
    breaks. Vectors are kept in ``cache`` (by default the user's), so an interrupted run resumes. ``announce`` is told
    how long the encoding will take, if that isn't short; ``progress`` is called with the stage and the counts done and
    total.

    Raises :class:`~lookalike.errors.UnknownCorruptionError`, :class:`~lookalike.errors.DatasetError` for unusable
    labels, :class:`~lookalike.errors.EvaluationError` if nothing can be measured,
    :class:`~lookalike.errors.EncoderError`, and :class:`~lookalike.errors.CacheError` if vectors can't be kept.
    """
    grid = Grid.of(corruptions, families, severities, target)
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset)
    if encoder is None:
        encoder = default_encoder(dataset, load)
    elif not isinstance(encoder, Encoder):
        encoder = load(encoder)
    with nullcontext(cache) if cache is not None else EmbeddingCache.of_user() as kept:
        (result,) = measure_each(
            dataset, [encoder], grid, kept, junk=junk, seed=seed, announce=announce, progress=progress
        )
    return result


def measure_each(
    dataset: Dataset,
    encoders: Sequence[Encoder],
    grid: Grid,
    cache: EmbeddingCache,
    *,
    junk: Junk,
    seed: int,
    announce: Announce | None = None,
    progress: StageProgress | None = None,
) -> tuple[Robustness, ...]:
    """The robustness of each of the ``encoders`` on the same corrupted images; as :func:`measure_robustness`."""
    report = progress or ignore_progress
    _check_before_encoding(dataset, encoders[0], junk)
    vectors = encode_grid(
        dataset,
        encoders,
        grid.versions,
        seed=seed,
        cache=cache,
        announce=announce,
        progress=lambda done, total: report("encoding", done, total),
    )

    def measure(encoder: Encoder, own: GridVectors) -> Robustness:
        def tell(stage: str, done: int, total: int) -> None:
            report(stage if len(encoders) == 1 else f"{encoder.spec.name}: {stage}", done, total)

        return _measure(dataset, encoder, own, grid, junk=junk, seed=seed, report=tell)

    return tuple(map(measure, encoders, vectors))


def _measure(
    dataset: Dataset,
    encoder: Encoder,
    vectors: GridVectors,
    grid: Grid,
    *,
    junk: Junk,
    seed: int,
    report: StageProgress,
) -> Robustness:
    clean = _clean_images(dataset, encoder, vectors)
    check_evaluation(clean, (1,), junk)
    metric_names, notes = _metric_names(clean)
    results, *others = (
        _rule_results(CellScorer(clean, junk=rule, metric_names=metric_names, seed=seed), vectors, grid, report)
        for rule in junk_rules(dataset, junk)
    )
    return Robustness(
        encoder=encoder.spec,
        dataset=dataset,
        rows=vectors.rows,
        digests=vectors.digests,
        skipped=vectors.skipped,
        target=grid.target,
        seed=seed,
        metric_names=metric_names,
        severities=grid.severities,
        gallery=len(clean.split_rows()[1]),
        results=results,
        others=tuple(others),
        donors=vectors.donors,
        notes=(
            *dataset.notes,
            *notes,
            *grid.notes,
            *(vectors.donors.notes() if vectors.donors else ()),
        ),
        encoded_count=vectors.encoded_count,
        vector_count=vectors.vector_count,
        seconds=vectors.seconds,
        provenance=provenance(),
    )


def _rule_results(scorer: CellScorer, vectors: GridVectors, grid: Grid, report: StageProgress) -> RuleResults:
    """All results under the scorer's junk rule."""
    if not len(scorer.scored):
        raise EvaluationError(
            f"nothing to measure: under the junk rule {scorer.junk}, no query has a relevant image in the gallery"
        )
    averages = Averages(scorer)
    for number, cell in enumerate(grid.cells, start=1):
        averages.add(cell, score_cell(scorer, vectors, cell, grid.target))
        report("ranking", number, len(grid.cells))
    families = averages.families()
    return RuleResults(
        junk=scorer.junk,
        scored=len(scorer.scored),
        excluded=len(scorer.queries) - len(scorer.scored),
        exclusions=scorer.exclusions,
        groups=scorer.groups,
        sampling=scorer.sampling,
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
