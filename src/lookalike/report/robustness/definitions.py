"""What metrics of corrupted images mean, in sentences to print beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE
from lookalike.report.document.definitions import definitions, interval_notes, no_groups_notes

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import Robustness, RuleResults

TARGET_MEANINGS: Final = {
    "query": "the queries are corrupted, the gallery is clean",
    "gallery": "every gallery image is corrupted, the queries are clean",
    "both": "queries and gallery are corrupted, each with its own random numbers",
    "mixed": "each gallery image is corrupted with probability 0.5; every query runs twice, clean and corrupted, and "
    "its metrics are the means of both",
}
"""What each target corrupts."""

RETENTION: Final = (
    "Retention = (corrupted - chance) / (clean - chance): 1 is no loss, 0 is chance. Means are over severities, then "
    "corruptions, then families; controls are in no mean."
)

CLEAN: Final = (
    f"All images are scaled to {STANDARD_SIDE} pixels along their shorter side first, clean ones too, so clean metrics "
    "can differ slightly from those that evaluate gives for the files themselves."
)
"""Why a clean metric here is not the one of an evaluation, to stand beside it."""

_SHARED_TERMS: Final = ("Query and gallery", "Junk", "R", "Precision@k", "AP and mAP", "Chance", "Ties")
_TERMS: Final = {
    "Standard form": f"Every image is first made upright and scaled to {STANDARD_SIDE} pixels along its shorter side, "
    "clean ones too, so the clean metrics here can differ slightly from those of an evaluation of the original files. "
    "Lengths in corruptions are fractions of that side.",
    "Corruption and severity": "A corruption is a named damage whose parameters rise from severity 1 to 5; 0 is clean. "
    "Its random numbers come from the seed, the image's content and the corruption's name, and are the same at every "
    "severity, so that only the strength of the damage changes.",
    "Retention": "(corrupted - chance) / (clean - chance): the part of the encoder's advantage over chance that is "
    "left. 1 is no loss, 0 is chance; it can be outside that range. A ratio of means, not a mean of ratios; n/a if "
    "clean - chance is below 0.05. The raw ratio is corrupted / clean.",
    "Averages": "First over the severities of a corruption, then over the corruptions of a family, then over families, "
    "with equal weights at each level. They are taken for each query, so intervals are paired throughout.",
    "Control": "The same as its corruption without the effect that is studied: the same crop and resampling without "
    "the tilt, an equally large cover away from the middle, a background of the same class. Controls are listed beside "
    "their corruption, and are in no mean.",
}
_DONORS: Final = (
    "The image that provides a background is drawn from another class and group (for the control: the same class, "
    "another group). It is junk for the image that gets it, and the other way round, unless nothing else is left to "
    "find: they share a background pixel by pixel, so finding each other says nothing about backgrounds. The clean "
    "metric that such a corruption is compared with leaves out the same images."
)
_MIXED: Final = (
    "Share of first hits that are corrupted, for corrupted and for clean queries. If the condition doesn't matter, "
    "both equal the share of the gallery that is corrupted. Pull is their difference: 0 if the condition doesn't "
    "matter, 1 if it alone decides. Wrong alike is the share of wrong first hits that are in the query's own "
    "condition: half of them would be by chance."
)


def robustness_definitions(robustness: Robustness, findings: RuleResults) -> dict[str, str]:
    """What each term means, for the metrics of ``findings``."""
    shared = definitions(findings.junk, robustness.dataset)
    donors = any(CORRUPTIONS[one.name].donor for one in findings.corruptions)
    return {
        **{term: shared[term] for term in _SHARED_TERMS},
        "Target": f"What is corrupted. Here {TARGET_MEANINGS[robustness.target]}. Self and junk are those of the "
        "clean rows.",
        **_TERMS,
        **({"Background donors": _DONORS} if donors else {}),
        **({"First hits of a mixed gallery": _MIXED} if robustness.target == "mixed" else {}),
    }


def robustness_notes(robustness: Robustness) -> list[str]:
    """What a reader should know before the metrics."""
    return [*robustness.notes, *no_groups_notes(robustness.results.junk, robustness.dataset)]


def robustness_interval_notes(robustness: Robustness) -> str:
    """What the intervals are, including those of retention."""
    return (
        f"{interval_notes(robustness.results.groups, robustness.dataset)} For retention, what "
        "corrupted and clean metrics have in common cancels out; there is no interval where the clean metric is not "
        "significantly above chance."
    )
