"""Evaluate: how well an encoder retrieves pictures of a query's class, with intervals, chance and ceilings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.data.provenance import provenance
from lookalike.evaluation.data.relevance import Junk
from lookalike.evaluation.scoring.checks import check, ranks, rules
from lookalike.evaluation.scoring.own_encoder import own_encoder
from lookalike.evaluation.scoring.results import Evaluation
from lookalike.evaluation.scoring.score import Progress, score, silent
from lookalike.text import shown

KS: Final = (1, 5, 10)
"""The ranks at which figures are taken unless the caller says otherwise."""


def evaluate(
    dataset: Dataset | EmbeddedDataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None = None,
    *,
    ks: Sequence[int] = KS,
    junk: Junk = "group",
    seed: int = 0,
    progress: Progress | None = None,
    command: str | None = None,
) -> Evaluation:
    """Evaluate ``encoder`` (one that is loaded, or what :func:`~lookalike.load_encoder` takes) on ``dataset``.

    ``dataset`` is what :func:`~lookalike.evaluation.data.load.load_dataset` takes or gives; or an embedded one, whose
    encoder needn't be named again. Without an encoder, that is the one of the gallery that the pictures lie in, else
    the best on this machine. ``ks`` are the ranks k of precision@k and the like, each at least 1; ``junk`` is which
    pictures of a query's own scene count neither way; ``seed`` decides the order of ties and what intervals resample:
    the same input and seed give the same figures. ``command`` is the command line to report.

    Raises :class:`~lookalike.errors.DatasetError` for labels that can't be used,
    :class:`~lookalike.errors.EvaluationError` where a k is larger than the gallery, a junk rule has no column to go by,
    or nothing can be scored, and :class:`~lookalike.errors.EncoderError` for an encoder that can't be made ready.
    """
    ks = ranks(ks)
    tell = progress or silent
    embedded = _embedded(dataset, encoder, tell)
    check(embedded, ks, junk)
    figures, *others = (
        score(embedded, rule, ks=ks, seed=seed, progress=tell) for rule in rules(embedded.dataset, junk)
    )
    if not figures.scored:
        raise EvaluationError(
            f"{shown(embedded.dataset.source)}: none of its {figures.left_out:,} queries has anything to find; for one "
            f"of {shown(figures.excluded[0].label)}, {figures.excluded[0].reason}"
        )
    return Evaluation(
        encoder=embedded.spec,
        dataset=embedded.dataset,
        rows=embedded.rows,
        skipped=embedded.skipped,
        split=embedded.dataset.has_split,
        ks=ks,
        seed=seed,
        figures=figures,
        others=tuple(others),
        images_per_second=embedded.images_per_second or None,
        provenance=provenance(command),
    )


def _embedded(
    dataset: Dataset | EmbeddedDataset | str | os.PathLike[str],
    encoder: Encoder | str | os.PathLike[str] | None,
    tell: Progress,
) -> EmbeddedDataset:
    if isinstance(dataset, EmbeddedDataset):
        named = encoder.spec if isinstance(encoder, Encoder) else encoder
        if named not in (None, dataset.spec, dataset.spec.name):
            raise EvaluationError(
                f"these embeddings are {dataset.spec}'s, not {named}'s: embed the dataset with the encoder that is to "
                "be evaluated"
            )
        return dataset
    found = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    if encoder is None:
        encoder = own_encoder(found)
    elif not isinstance(encoder, Encoder):
        encoder = load_encoder(encoder)
    return embed_dataset(found, encoder, progress=lambda done, total: tell("encoding", done, total))
