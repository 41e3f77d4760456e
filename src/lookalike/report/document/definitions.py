"""What metrics mean, in sentences to print beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.statistics.sampling import APPROXIMATE_BELOW, CLASS_GROUPS, MACRO_GROUPS, MIN_GROUPS
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.scoring.results import Evaluation

JUNK: Final = {
    "group": "junk is every image of the query's own group (one scene) with its label",
    "visit": "junk is every image of the query's own visit (one inspection round) with its label",
    "none": "only exact copies of the query are junk",
}
"""What each junk rule removes."""

SIMULATED: Final = "92 to 98 % with 13 groups, 94 to 96 % with 20, and 86 to 94 % with 4 or 5 in a class"
"""The coverage of 95 % intervals with few groups, from docs/statistics.md."""

_NAMES: Final = {
    "precision": "Precision",
    "recall": "Recall",
    "hit_rate": "Hit rate",
    "ndcg": "nDCG",
    "map": "mAP",
    "map@r": "mAP@R",
    "accuracy": "Accuracy",
}


def metric_name(key: str) -> str:
    """A metric's name by its key: ``precision@10`` is Precision@10."""
    stem, _, k = key.partition("@")
    return _NAMES[key] if key in _NAMES else f"{_NAMES[stem]}@{k}"


def metric_keys(ks: Sequence[int]) -> list[str]:
    """The keys of all metrics, in the order of every report."""
    return [
        *(f"precision@{k}" for k in ks),
        "map",
        "map@r",
        *(f"ndcg@{k}" for k in ks),
        *(f"recall@{k}" for k in ks),
        *(f"hit_rate@{k}" for k in ks),
        "accuracy",
    ]


def protocol(dataset: Dataset) -> str:
    """Which images query which."""
    return "queries and gallery from the dataset's split" if dataset.has_split else "leave-one-out"


def junk_meaning(junk: str, dataset: Dataset) -> str:
    """What the rule ``junk`` removes from this dataset's rankings."""
    if junk == "group" and not dataset.has_groups:
        return f"{JUNK['none']}, because no groups are given"
    return JUNK[junk]


def junk_rule(junk: str, dataset: Dataset) -> str:
    """The name of the rule ``junk``, or what is left of it if the dataset has no such column."""
    if junk == "group" and not dataset.has_groups:
        return "exact copies only (no groups given)"
    return junk


def independent_units(dataset: Dataset) -> str:
    """What counts as independent: groups, visits if only they are known, or single images."""
    if dataset.has_groups:
        return "groups"
    return "visits" if dataset.has_visits else "images"


def definitions(junk: str, dataset: Dataset) -> dict[str, str]:
    """What each term means, for metrics of ``dataset`` under the rule ``junk``."""
    return {
        "Query and gallery": (
            "Queries and gallery are those of the dataset's split. "
            if dataset.has_split
            else "Every image is the query once, and all others are its gallery (leave-one-out). "
        )
        + "The query's own row is never in its gallery. Images with its label are relevant, all others are wrong.",
        "Junk": "Neither right nor wrong, and removed before ranks are counted. Here "
        f"{junk_meaning(junk, dataset)}. Exact copies of the query are junk under every rule; images of its group with "
        "another label stay, and count as wrong.",
        **_TERMS,
    }


_TERMS: Final = {
    "R": "The number of relevant images in a query's gallery once junk is removed. Queries with R = 0 can't be "
    "answered: they are left out of every mean, and counted.",
    "Precision@k": "Relevant images among the first k, divided by k in every case. Its ceiling is min(k, R) / k.",
    "Recall@k": "Relevant images among the first k, divided by R. Its ceiling is min(k, R) / R.",
    "Ceiling": "The greatest value that any encoder could reach, averaged over queries; given where it is below 1.",
    "Hit rate@k": "Share of queries with any relevant image among the first k (Recall@k in metric learning).",
    "nDCG@k": "Sum over the first k ranks i of rel_i / log2(i + 1), divided by the sum of the best order, which has "
    "relevant images in the first min(k, R) ranks.",
    "AP and mAP": "AP is the sum of precision@i over the ranks i of all relevant images, divided by R, on the full "
    "ranking; mAP is its mean.",
    "mAP@R": "Mean of the sum over ranks i up to R of rel_i times precision@i, divided by R.",
    "Accuracy": "Share of queries whose label wins the vote of their 10 nearest images; if labels have equally many "
    "votes, the one whose nearest member comes first wins.",
    "Micro and macro": "Mean over queries, and mean over classes of each class's own mean.",
    "Chance": "The expected value for a random order of the same galleries, computed exactly and averaged over "
    "queries; for accuracy, the vote of 10 images drawn at random.",
    "Ties": "Equal similarities are ordered by SHA-256(seed, query row, gallery row), independent of path and class; "
    "their share among neighbours in the rankings is reported.",
}


def interval_notes(groups: int, dataset: Dataset) -> str:
    """What the 95 % intervals are, and how reliable they are with so many ``groups`` (or visits, or images)."""
    unit = independent_units(dataset)
    alone = f"an image without a {unit[:-1]} is one of its own"
    if unit == "images":
        alone = "neither groups nor visits are given"
    text = (
        f"Intervals are 95 % confidence intervals for new images from the same source: for other {unit} like these "
        f"({groups:,} here; {alone}), both as queries and as gallery. They follow from how much each of the {unit} "
        "moves a metric."
    )
    if groups < MIN_GROUPS:
        return f"{text} With fewer than {MIN_GROUPS} {unit} there is no interval and no test."
    approximate = (
        f"With fewer than {APPROXIMATE_BELOW} {unit}, or {CLASS_GROUPS} in a class, they are approximate, and marked "
        f"~: in simulations, the coverage of 95 % intervals was {SIMULATED}."
    )
    few = f" There is none of the mean over classes where a class has fewer than {MACRO_GROUPS} {unit}."
    return f"{text} {approximate}{few}"


def ties_note(share: float, seed: int) -> str:
    """How many neighbours in the rankings were ties; ``share`` is 0 to 1."""
    return f"{100 * share:.3g} % of neighbours were ties, ordered by a hash with seed {seed}."


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader should know before the metrics of ``evaluation``."""
    return [*evaluation.dataset.notes, *evaluation_notes(evaluation)]


def evaluation_notes(evaluation: Evaluation) -> list[str]:
    """The same without the dataset's own notes."""
    metrics = evaluation.metrics
    lines = no_groups_notes(metrics.junk, evaluation.dataset)
    if metrics.short:
        k = max(evaluation.ks)
        lines.append(
            f"{plural(metrics.short, 'query has', 'queries have')} fewer than {plural(k, 'image')} to search once "
            f"junk is removed; precision@{k} still divides by {k}."
        )
    return lines


def no_groups_notes(junk: str, dataset: Dataset) -> list[str]:
    """What metrics under the rule ``junk`` are worth if no groups are given; nothing if they are."""
    if junk != "group" or dataset.has_groups:
        return []
    return [
        "No groups are given: images of one scene count as right answers, which makes metrics better than they are for "
        "new scenes" + ("; under the junk rule visit, reported below, they don't." if dataset.has_visits else ".")
    ]
