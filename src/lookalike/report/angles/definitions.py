"""What "same scene, other frame" measures, and what its terms mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lookalike.report.document.definitions import definitions, metric_keys

if TYPE_CHECKING:
    from lookalike.evaluation.experiments.angle_results import Angles

KIND: Final = "same scene, other frame"

_SHARED_TERMS: Final = ("Precision@k", "Recall@k", "Hit rate@k", "nDCG@k", "AP and mAP", "mAP@R", "Ties")


def angle_keys(ks: Sequence[int]) -> list[str]:
    """The keys of the metrics, in the order of every report; there is no vote on a scene."""
    return [key for key in metric_keys(ks) if key != "accuracy"]


def meanings(angles: Angles) -> dict[str, str]:
    """What each term means here."""
    usual = definitions("none", angles.dataset)
    return {
        "Same scene, other frame": "A group is one scene. For each query that has a group, the other frames of its "
        "group are relevant, whatever their label; all other images are wrong. This measures retrieval from another "
        "angle only if the frames of a group were taken from different places.",
        "Junk": "The query itself, its exact copies, and its near duplicates: images whose cosine with it is above "
        f"{angles.threshold:g} by {angles.near_encoder.name}, which is the same whatever encoder is measured. They are "
        "removed before ranks are counted, because finding them says nothing about another angle.",
        "R": "The number of other frames of its scene in a query's gallery once junk is removed. Queries with R = 0 "
        "can't be answered: they are left out of every mean, and counted.",
        **{term: usual[term] for term in _SHARED_TERMS},
        "Micro, by scene, macro": "Mean over queries; mean over scenes of each scene's own mean; and mean over classes "
        "of each class's own mean. Large scenes weigh more in the first.",
        "Chance": "The expected value for a random order of the same galleries, computed exactly and averaged over "
        "queries.",
    }
