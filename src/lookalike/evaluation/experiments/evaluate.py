"""Evaluate how well an encoder retrieves images of the query's class, with intervals, chance levels and ceilings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from lookalike.embedding.vector_cache import EmbeddingCache
from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.scoring.checks import check_evaluation, junk_rules, sorted_ks
from lookalike.evaluation.scoring.default_encoder import default_encoder
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import ignore_progress, score
from lookalike.progress import StageProgress
from lookalike.text import printable

KS: Final = (1, 5, 10)
"""The default cut-offs k of precision@k and the like."""


def evaluate(
    dataset: Dataset | EmbeddedDataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None = None,
    *,
    ks: Sequence[int] = KS,
    junk: Junk = "group",
    seed: int = 0,
    cache: EmbeddingCache | None = None,
    progress: StageProgress | None = None,
    load: Callable[..., Encoder] = load_encoder,
) -> Evaluation:
    """Evaluate ``encoder`` (a loaded one, or an argument for :func:`~lookalike.load_encoder`) on ``dataset``.

    ``dataset`` is an argument or a result of :func:`~lookalike.evaluation.data.load.load_dataset`, or an embedded
    dataset, which needs no encoder. The default encoder is that of the gallery that contains the images, or the best
    one available. ``ks`` are the cut-offs k of precision@k and the like, each at least 1. ``junk`` is the rule for
    images that count neither as relevant nor as wrong. ``seed`` determines the order of ties: the same input and
    seed give the same metrics. Embeddings are taken from ``cache``, and kept there. ``load`` loads an encoder by its
    name.

    Raises :class:`~lookalike.errors.DatasetError` for invalid labels, :class:`~lookalike.errors.EvaluationError` where
    a k is larger than the gallery, the dataset lacks the column of the junk rule or no query can be scored, and
    :class:`~lookalike.errors.EncoderError` for an encoder that can't be loaded.
    """
    ks = sorted_ks(ks)
    progress = progress or ignore_progress
    embedded = _embed(dataset, encoder, cache, progress, load)
    check_evaluation(embedded, ks, junk)
    metrics, *others = (
        score(embedded, rule, ks=ks, seed=seed, progress=progress) for rule in junk_rules(embedded.dataset, junk)
    )
    if not metrics.scored:
        raise EvaluationError(
            f"{printable(embedded.dataset.source)}: none of {metrics.excluded_count:,} queries has a relevant image. "
            f"Class {printable(metrics.excluded[0].label)}: {metrics.excluded[0].reason}"
        )
    return Evaluation(
        encoder=embedded.spec,
        dataset=embedded.dataset,
        rows=embedded.rows,
        skipped=embedded.skipped,
        split=embedded.dataset.has_split,
        ks=ks,
        seed=seed,
        metrics=metrics,
        others=tuple(others),
        images_per_second=embedded.images_per_second or None,
        provenance=provenance(),
    )


def _embed(
    dataset: Dataset | EmbeddedDataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None,
    cache: EmbeddingCache | None,
    progress: StageProgress,
    load: Callable[..., Encoder],
) -> EmbeddedDataset:
    if isinstance(dataset, EmbeddedDataset):
        requested = encoder.spec if isinstance(encoder, Encoder) else encoder
        if requested not in (None, dataset.spec, dataset.spec.name):
            raise EvaluationError(
                f"the dataset is embedded with {dataset.spec}, not with {requested}. Embed it with that encoder"
            )
        return dataset
    labelled = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    if encoder is None:
        encoder = default_encoder(labelled, load)
    elif not isinstance(encoder, Encoder):
        encoder = load(encoder)
    return embed_dataset(labelled, encoder, cache=cache, progress=lambda done, total: progress("encoding", done, total))
