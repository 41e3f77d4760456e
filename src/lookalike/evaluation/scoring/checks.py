"""Checks before scoring: cut-offs and junk rules that would give meaningless metrics raise errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Junk
from lookalike.text import printable


def sorted_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """``ks`` sorted, without duplicates; raises :class:`~lookalike.errors.EvaluationError` if one is below 1."""
    if not ks or min(ks) < 1:
        raise EvaluationError(f"k must be at least 1, not {', '.join(map(str, ks)) or 'an empty list'}")
    return tuple(sorted(set(ks)))


def junk_rules(dataset: Dataset, junk: Junk) -> tuple[Junk, ...]:
    """The rule ``junk``, then the other rules to report: group and visit if the dataset has visits, none otherwise."""
    columns: tuple[Junk, ...] = ("group", "visit") if dataset.has_groups else ("visit",)
    others = columns if dataset.has_visits else ()
    return (junk, *(rule for rule in others if rule != junk))


def check_evaluation(embedded: EmbeddedDataset, ks: Sequence[int], junk: Junk) -> None:
    """Raise :class:`~lookalike.errors.EvaluationError` where metrics would be meaningless or undefined."""
    name = printable(embedded.dataset.source)
    if junk not in get_args(Junk):
        raise EvaluationError(f"unknown junk rule {junk!r}. Use one of {', '.join(get_args(Junk))}")
    queries, gallery = embedded.split_rows()
    searched = len(gallery) - (0 if embedded.dataset.has_split else 1)
    if not len(queries) or searched < 1:
        raise EvaluationError(
            f"{name}: nothing to evaluate: {_images(len(embedded.skipped))} skipped, {len(queries):,} queries and "
            f"{len(gallery):,} gallery images left"
        )
    if len({embedded.rows[number].label for number in gallery}) < 2:  # noqa: PLR2004  a class and another
        raise EvaluationError(
            f"{name}: all usable gallery images are of one class, so every hit is relevant. Add images of another class"
        )
    if max(ks) > searched:
        raise EvaluationError(
            f"{name}: k = {max(ks):,} is larger than the gallery: each query searches {_images(searched)}. Choose a "
            "smaller k (--k)"
        )
    if junk == "visit" and not embedded.dataset.has_visits:
        raise EvaluationError(
            f"{name}: --junk visit needs a column visit, which the dataset's CSV lacks (path,label,group,visit)"
        )


def _images(count: int) -> str:
    return f"{count:,} image" if count == 1 else f"{count:,} images"
