"""What is refused before anything is scored: cut-offs and rules that would give figures that say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from lookalike.errors import EvaluationError
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.embedded import EmbeddedDataset
from lookalike.evaluation.data.relevance import Junk
from lookalike.text import shown


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


def _pictures(count: int) -> str:
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"
