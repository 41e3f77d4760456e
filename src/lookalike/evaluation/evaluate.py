"""Evaluate: how well an encoder retrieves pictures of a query's class, with intervals, chance and ceilings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, get_args

from lookalike.encoders.encoder import Encoder, load_encoder
from lookalike.errors import EvaluationError
from lookalike.evaluation.dataset import Dataset
from lookalike.evaluation.datasets import load_dataset
from lookalike.evaluation.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.provenance import provenance
from lookalike.evaluation.relevance import Junk
from lookalike.evaluation.results import Evaluation
from lookalike.evaluation.scoring import Progress, score, silent
from lookalike.gallery.gallery import Gallery
from lookalike.picture_files import shown

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

    ``dataset`` is what :func:`~lookalike.evaluation.datasets.load_dataset` takes or gives; or an embedded one, whose
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


def ranks(ks: Sequence[int]) -> tuple[int, ...]:
    """``ks`` sorted, each once; raises :class:`~lookalike.errors.EvaluationError` unless all are at least 1."""
    if not ks or min(ks) < 1:
        raise EvaluationError(f"k must be at least 1, in {', '.join(map(str, ks)) or 'an empty list'}")
    return tuple(sorted(set(ks)))


def rules(dataset: Dataset, junk: Junk) -> tuple[Junk, ...]:
    """The rule ``junk``, and those reported beside it: group and visit, each where there is such a column.

    Where there are groups alone, the rule asked for is the only one.
    """
    columns: tuple[Junk, ...] = ("group", "visit") if dataset.has_groups else ("visit",)
    others = columns if dataset.has_visits else ()
    return (junk, *(rule for rule in others if rule != junk))


def check(embedded: EmbeddedDataset, ks: Sequence[int], junk: Junk) -> None:
    """Raise :class:`~lookalike.errors.EvaluationError` for what would give figures that say nothing."""
    name = shown(embedded.dataset.source)
    if junk not in get_args(Junk):
        raise EvaluationError(f"there is no junk rule {junk!r}; there are {', '.join(get_args(Junk))}")
    queries, gallery = embedded.sides()
    searched = len(gallery) - (0 if embedded.dataset.has_split else 1)
    if not len(queries) or searched < 1:
        raise EvaluationError(
            f"{name}: with {_pictures(len(embedded.skipped))} skipped, {len(queries):,} queries and {len(gallery):,} "
            "pictures to search are left: there is nothing to evaluate"
        )
    if len({embedded.rows[number].label for number in gallery}) < 2:  # noqa: PLR2004  a class and another
        raise EvaluationError(
            f"{name}: the pictures to search that could be used are all of one class, where every hit is right and no "
            "figure says anything"
        )
    if max(ks) > searched:
        raise EvaluationError(
            f"{name}: k = {max(ks):,} is larger than the gallery, in which a query has {_pictures(searched)} to find; "
            f"choose a k up to that (--k)"
        )
    if junk == "visit" and not embedded.dataset.has_visits:
        raise EvaluationError(
            f"{name}: --junk visit needs a column visit in the dataset's CSV (path,label,group,visit); it has none"
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


def own_encoder(dataset: Dataset) -> Encoder:
    """The encoder of the gallery that the pictures lie in; where they lie in none, the best on this machine."""
    if dataset.gallery is None:
        return load_encoder("auto")
    with Gallery.open(dataset.gallery) as gallery:
        return gallery.encoder


def _pictures(count: int) -> str:
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"
