"""What every figure means, in words to print beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lookalike.evaluation.statistics.intervals import APPROXIMATE_BELOW, MIN_GROUPS
from lookalike.text import plural

if TYPE_CHECKING:
    from lookalike.evaluation.data.dataset import Dataset
    from lookalike.evaluation.scoring.results import Evaluation

JUNK: Final = {
    "group": "junk is every image of the query's own group (one scene) with its label",
    "visit": "junk is every image of the query's own visit (one inspection round) with its label",
    "none": "junk is nothing but exact copies of the query",
}
"""What each junk rule takes out, in words."""

NAMES: Final = {
    "precision": "Precision",
    "recall": "Recall",
    "hit_rate": "Hit rate",
    "ndcg": "nDCG",
    "map": "mAP",
    "map@r": "mAP@R",
    "accuracy": "Accuracy",
}
"""The figures' names by the stem of their keys."""


def name(key: str) -> str:
    """A figure's key in words: ``precision@10`` is Precision@10."""
    stem, _, k = key.partition("@")
    return NAMES[key] if key in NAMES else f"{NAMES[stem]}@{k}"


def order(ks: Sequence[int]) -> list[str]:
    """The keys of all figures in the order in which they are shown."""
    return [
        *(f"precision@{k}" for k in ks),
        "map",
        "map@r",
        *(f"ndcg@{k}" for k in ks),
        *(f"recall@{k}" for k in ks),
        *(f"hit_rate@{k}" for k in ks),
        "accuracy",
    ]


def junk_words(junk: str, dataset: Dataset) -> str:
    """What the rule ``junk`` takes out of this dataset's rankings, in words."""
    if junk == "group" and not dataset.has_groups:
        return f"{JUNK['none']}, for no groups are given"
    return JUNK[junk]


def rule(junk: str, dataset: Dataset) -> str:
    """The rule ``junk`` by its name, or what is left of it where the dataset has no such column."""
    if junk == "group" and not dataset.has_groups:
        return "exact copies only (no groups given)"
    return junk


def units(dataset: Dataset) -> str:
    """What intervals and tests take whole: groups, visits where only they are known, else single images."""
    if dataset.has_groups:
        return "groups"
    return "visits" if dataset.has_visits else "images"


def definitions(junk: str, dataset: Dataset) -> dict[str, str]:
    """What each term means, for figures of ``dataset`` under the rule ``junk``."""
    return {
        "Query and gallery": (
            "Queries and gallery are as the dataset's split says. "
            if dataset.has_split
            else "Every image is the query once; all others are its gallery (leave-one-out). "
        )
        + "The query's own row is never in its gallery. Images with its label are relevant, all others wrong.",
        "Junk": "Neither right nor wrong, and removed before ranks are counted. Here "
        f"{junk_words(junk, dataset)}. {_ALWAYS_JUNK}",
        **_TERMS,
    }


_ALWAYS_JUNK: Final = (
    "Exact copies of the query are junk under every rule; images of its group with another label stay, and count as "
    "wrong."
)
_TERMS: Final = {
    "R": "How many relevant images a query's gallery has once junk is removed. Queries with R = 0 can't be answered: "
    "they are left out of every mean, and counted.",
    "Precision@k": "Relevant images among the first k, divided by k always. Its ceiling is min(k, R) / k.",
    "Recall@k": "Relevant images among the first k, divided by R.",
    "Hit rate@k": "Share of queries with any relevant image among the first k (metric learning's Recall@k).",
    "nDCG@k": "Sum over the first k ranks i of rel_i / log2(i + 1), divided by what the best order would give, "
    "relevant images in the first min(k, R) ranks.",
    "AP and mAP": "AP is the sum of precision@i over the ranks i of all relevant images, divided by R, on the full "
    "ranking; mAP is its mean.",
    "mAP@R": "Mean of the sum over ranks i up to R of rel_i times precision@i, divided by R.",
    "Accuracy": "Share of queries whose label wins the vote of their 10 nearest images; where labels have "
    "equally many votes, the one whose nearest member comes first wins.",
    "Micro and macro": "Mean over queries; and mean over classes of each class's own mean.",
    "Chance": "What a random order of the same galleries would give, computed exactly and averaged over queries; "
    "beside accuracy, the probability that one image drawn at random has the query's label.",
    "Ties": "Equal similarities are put in the order of SHA-256(seed, query row, gallery row), so that neither path "
    "nor class decides; their share among neighbours in the rankings is printed.",
}


def interval_notes(groups: int, dataset: Dataset) -> str:
    """What the 95 % intervals are, and how far they can be trusted with so many ``groups`` (or visits, or images)."""
    unit = units(dataset)
    alone = f"an image without a {unit[:-1]} is one of its own"
    if unit == "images":
        alone = "neither groups nor visits are given"
    text = (
        f"Intervals are 95 %, from a seeded bootstrap that resamples {unit} ({groups:,} here; {alone}) "
        "within their dominant class and keeps each query's figures: they are conditional on this gallery, and speak "
        "of other queries like these, not of other galleries."
    )
    if groups < MIN_GROUPS:
        return f"{text} With fewer than {MIN_GROUPS} {unit} there is no interval."
    if groups < APPROXIMATE_BELOW:
        return f"{text} With {MIN_GROUPS} to {APPROXIMATE_BELOW - 1} {unit} they are approximate, and marked so."
    return text


def ties(share: float, seed: int) -> str:
    """How many comparisons in the rankings were ties, and who decided them; ``share`` is 0 to 1."""
    return f"{100 * share:.3g} % of neighbours were ties, ordered by a hash with seed {seed}."


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader should know before the figures of ``evaluation``."""
    return [*evaluation.dataset.notes, *remarks(evaluation)]


def remarks(evaluation: Evaluation) -> list[str]:
    """What a reader should know before the figures of ``evaluation``, beyond what its dataset's own notes say."""
    figures, found = evaluation.metrics, without_groups(evaluation.metrics.junk, evaluation.dataset)
    if figures.short:
        k = max(evaluation.ks)
        found.append(
            f"{plural(figures.short, 'query has', 'queries have')} fewer than {plural(k, 'image')} to search once "
            f"junk is removed; precision@{k} divides by {k} all the same."
        )
    return found


def without_groups(junk: str, dataset: Dataset) -> list[str]:
    """What figures under the rule ``junk`` are worth where no groups are given; nothing where they are."""
    if junk != "group" or dataset.has_groups:
        return []
    return [
        "No groups are given: images of one scene, if there are any, count as right answers, which makes figures "
        "better than they are for new scenes"
        + ("; under the junk rule visit, which stands below, they don't." if dataset.has_visits else ".")
    ]
