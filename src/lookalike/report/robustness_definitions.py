"""What the figures of damaged images mean, in words to print beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lookalike.evaluation.corruptions import CORRUPTIONS, STANDARD_SIDE
from lookalike.report.document.definitions import definitions, interval_notes, without_groups

if TYPE_CHECKING:
    from lookalike.evaluation.robustness.results import Robustness, RuleResults

SIDES: Final = {
    "query": "the queries are damaged, the gallery is clean",
    "gallery": "every gallery image is damaged, the queries are clean",
    "both": "queries and gallery are damaged, each with random numbers of its own",
    "mixed": "each gallery image is damaged with probability 0.5; every query is asked twice, clean and damaged, and "
    "its figures are the means of both",
}
"""What is damaged on each side, in words."""

_SHARED: Final = ("Query and gallery", "Junk", "R", "Precision@k", "AP and mAP", "Chance", "Ties")


def robustness_definitions(robustness: Robustness, findings: RuleResults) -> dict[str, str]:
    """What each term means, for the figures of ``findings``."""
    shared = definitions(findings.junk, robustness.dataset)
    lending = any(CORRUPTIONS[one.name].donor for one in findings.corruptions)
    return {
        **{term: shared[term] for term in _SHARED},
        "Side": f"What is damaged. Here {SIDES[robustness.target]}. Self and junk are those of the clean rows.",
        **_TERMS,
        **({"Lent surround": _LENT} if lending else {}),
        **({"First hits of a mixed gallery": _MIXED} if robustness.target == "mixed" else {}),
    }


_TERMS: Final = {
    "Standard form": "Every image is first made upright and scaled to "
    f"{STANDARD_SIDE} pixels along its shorter side, "
    "clean ones too, so the clean figures here can differ a little from those of an evaluation of the files as they "
    "are. Lengths of damage are fractions of that side.",
    "Corruption and severity": "A corruption is a named damage whose parameters rise from severity 1 to 5; 0 is clean. "
    "Its random numbers come from the seed, the image's content and the corruption's name, and are the same at every "
    "severity, so that only the damage rises and not also the luck.",
    "Retention": "(damaged - chance) / (clean - chance): the share of what the encoder does better than chance that is "
    "left. 1 is no loss, 0 is chance; it can lie outside both. A ratio of means, not a mean of ratios; n/a where clean "
    "- chance is below 0.05. The raw ratio damaged / clean stands beside it.",
    "Averages": "First over the severities of a corruption, then over the corruptions of a family, then over families; "
    "each counts the same at its level. They are taken query by query, so intervals are paired throughout.",
    "Control": "Does all that its corruption does but the thing that is studied: the same crop and resampling without "
    "the tilt, as much covered but not the middle, a surround of the same class. Controls are shown beside their "
    "corruption, and are in no mean.",
}

_LENT: Final = (
    "The image that lends a surround is drawn from another class and group (for the control: the same class, another "
    "group). Lender and borrower are junk to one another, unless nothing else is left to find: they share a surround "
    "pixel by pixel, and finding that would say nothing about backgrounds."
)

_MIXED: Final = (
    "Share of first hits that are damaged, where the query is damaged and where it is clean. Where condition doesn't "
    "matter both equal the share of the gallery that is damaged. Pull is their difference: 0 where condition doesn't "
    "matter, 1 where it alone decides. Wrong alike is the share of wrong first hits that are in the query's own "
    "condition: half of them would be by chance."
)


def robustness_notes(robustness: Robustness) -> list[str]:
    """What a reader should know before the figures."""
    return [*robustness.notes, *without_groups(robustness.results.junk, robustness.dataset)]


def robustness_interval_notes(robustness: Robustness) -> str:
    """What the intervals are, those of retention included."""
    return (
        f"{interval_notes(robustness.results.groups, robustness.dataset)} For retention the same are resampled for "
        "damaged and clean figures, so what is common to both cancels out."
    )
