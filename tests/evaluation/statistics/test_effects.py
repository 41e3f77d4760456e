"""The effect of each gallery image on a query's metrics: the metric, minus that of the ranking without the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.statistics.effects import first_effects, precision_effects
from lookalike.evaluation.statistics.metrics import (
    VOTERS,
    average_precision,
    average_precision_at_r,
    first_metrics,
)

KS = (1, 3, 10)
DEPTH = 10
OWN = 0

rankings = st.lists(st.integers(0, 3), min_size=1, max_size=30).filter(lambda labels: OWN in labels)


def first_places(labels: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the first places are relevant, and their labels, padded."""
    padded = np.full((1, depth), -1)
    padded[0, : len(labels)] = labels[:depth]
    return padded == OWN, padded


def metrics(labels: np.ndarray) -> dict[str, float]:
    """All metrics of one ranking of images with ``labels``."""
    relevant, nearest = first_places(labels, DEPTH)
    ranks = np.flatnonzero(labels == OWN) + 1
    values = first_metrics(relevant, nearest, np.array([OWN]), np.array([len(ranks)]), KS)
    single = {name: float(value[0]) for name, value in values.items()}
    return {**single, "map": average_precision(ranks), "map@r": average_precision_at_r(ranks)}


@given(rankings)
def test_effects_are_those_of_leaving_an_image_out(ranking: list[int]):
    """Every metric of the ranking without an image is the metric minus the image's effect."""
    labels = np.array(ranking)
    total = np.array([np.count_nonzero(labels == OWN)])
    relevant, nearest = first_places(labels, DEPTH + 1)
    effects = first_effects(relevant, nearest, np.array([OWN]), total, KS)
    whole = dict(zip(("map", "map@r"), precision_effects(labels == OWN), strict=True))
    before = metrics(labels)
    for place in range(len(labels)):
        if labels[place] == OWN and total[0] == 1:
            continue
        after = metrics(np.delete(labels, place))
        for name, value in before.items():
            if name in whole:
                effect = whole[name][place]
            elif place < DEPTH:
                effect = effects[name].first[0, place]
            else:
                effect = effects[name].later[0] * (labels[place] == OWN)
            assert effect == pytest.approx(value - after[name], abs=1e-12), (name, place)


def test_the_only_relevant_image_has_no_effect():
    """Without it the query would not be scored at all, so it adds nothing to the query's metrics."""
    labels = np.array([1, OWN, 2])
    relevant, nearest = first_places(labels, DEPTH + 1)
    effects = first_effects(relevant, nearest, np.array([OWN]), np.array([1]), KS)
    assert all(one.first[0, 1] == one.later[0] == 0 for one in effects.values())
    for one in precision_effects(labels == OWN):
        assert one[1] == 0
        assert one[0] < 0  # an irrelevant image before it


def test_without_a_voter_the_next_image_votes():
    """Six of ten votes are for the query's class; without one of them, an eleventh of another class is a tie."""
    labels = np.array([1, *[OWN] * 5, *[1] * 4, 1])
    relevant, nearest = first_places(labels, VOTERS + 1)
    effects = first_effects(relevant, nearest, np.array([OWN]), np.array([5]), (1,))["accuracy"].first[0]
    assert effects.tolist() == [-1, *[0] * 9]  # without the first, class 0 comes first of two that are tied
