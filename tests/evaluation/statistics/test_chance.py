"""Chance levels against the mean over all orders of the gallery."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes
from lookalike.evaluation.statistics import metrics
from lookalike.evaluation.statistics.chance import chance_levels, expected_average_precision


def relevance_of(relevant: int, size: int) -> Relevance:
    """One query in a gallery of ``size`` images, ``relevant`` of which are relevant."""
    labels = np.array([0] * (relevant + 1) + [1] * (size - relevant))
    alone = np.full(size + 1, MISSING)
    return Relevance(RowCodes(labels, alone, alone, np.arange(size + 1)), queries=np.array([0]))


@pytest.mark.parametrize("size", range(1, 9))
def test_expectations_are_means_over_all_orders(size: int):
    """For every R, each expected metric is its mean over all placements of the relevant images."""
    for total in range(1, size + 1):
        orders = np.zeros((0, size), np.bool_)
        for places in combinations(range(size), total):
            orders = np.vstack([orders, np.isin(np.arange(size), places)])
        R = np.full(len(orders), total)  # noqa: N806
        levels = chance_levels(relevance_of(total, size), ks := [1, 2, 3, 10])
        means = {
            "map": np.mean([metrics.average_precision(np.flatnonzero(order) + 1) for order in orders]),
            "map@r": np.mean([metrics.average_precision_at_r(np.flatnonzero(order) + 1) for order in orders]),
            "accuracy": np.mean(metrics.vote(np.where(orders[:, :10], 0, 1)) == 0),
        }
        for k in ks:
            means[f"precision@{k}"] = metrics.precision_at(orders, R, k).mean()
            means[f"recall@{k}"] = metrics.recall_at(orders, R, k).mean()
            means[f"hit_rate@{k}"] = metrics.hit_rate_at(orders, R, k).mean()
            means[f"ndcg@{k}"] = metrics.ndcg_at(orders, R, k).mean()
        assert levels.keys() == means.keys()
        for name, mean in means.items():
            assert levels[name] == pytest.approx(mean, abs=1e-12), (name, total, size)


@pytest.mark.parametrize(
    "labels", [[0, 0, 0, 1, 1, 2, 2, MISSING], [0, 0, 1, 1, 2, 3], [0, 0, 0, 0, 1, 1, 2], [0, 0, MISSING, MISSING]]
)
def test_the_chance_of_accuracy_is_the_vote_in_all_orders(labels: list[int]):
    """Ties are shared, and images without a label don't vote."""
    codes, alone = np.array(labels), np.full(len(labels), MISSING)
    relevance = Relevance(RowCodes(codes, alone, alone, np.arange(len(labels))))
    found = chance_levels(relevance, [1])["accuracy"]
    for query in np.flatnonzero(relevance.R > 0):
        orders = np.array(list(permutations(np.delete(codes, query))))
        assert found[query] == pytest.approx(np.mean(metrics.vote(orders[:, :10]) == codes[query]))


def test_the_chance_of_accuracy_with_scenes_copies_and_missing_labels():
    """It is the mean over many random orders of each query's own gallery, without junk."""
    rng = np.random.default_rng(0)
    labels = np.repeat([MISSING, 0, 1, 2, 3, 4], [6, 30, 20, 10, 10, 5])
    rows = RowCodes(labels, rng.integers(0, 30, 81), np.full(81, MISSING), rng.integers(0, 60, 81))
    relevance = Relevance(rows)
    found = chance_levels(relevance, [1])["accuracy"]
    for query in (8, 40, 60, 70, 80):
        kept = np.setdiff1d(np.arange(81), relevance.excluded(query))
        orders = labels[kept][rng.random((40_000, len(kept))).argsort(axis=1)[:, :10]]
        share = np.mean(metrics.vote(orders) == labels[query])
        assert found[query] == pytest.approx(share, abs=5 * np.sqrt(found[query] / 40_000))


def test_queries_without_relevant_images_have_no_chance_level():
    """Where R = 0, chance levels are nan, like the metrics; other queries keep theirs."""
    alone = np.full(3, MISSING)
    levels = chance_levels(Relevance(RowCodes(np.array([0, 0, 1]), alone, alone, np.arange(3))), [1])
    for values in levels.values():
        assert np.isfinite(values[:2]).all()
        assert np.isnan(values[2])
    assert levels["precision@1"][:2].tolist() == [0.5, 0.5]


def test_chance_levels_without_scored_queries():
    """No error is raised where no query has a relevant image."""
    alone = np.full(2, MISSING)
    levels = chance_levels(Relevance(RowCodes(np.array([0, 1]), alone, alone, np.arange(2))), [1, 10])
    assert all(np.isnan(values).all() for values in levels.values())


@given(st.integers(1, 500), st.integers(0, 24_500))
def test_the_expected_ap_is_within_its_bounds(relevant: int, wrong: int):
    """It is at least the share of relevant images, and 1 if all images are relevant."""
    size = relevant + wrong
    (expected,) = expected_average_precision(np.array([relevant]), np.array([size]))
    assert relevant / size - 1e-12 <= expected <= 1 + 1e-12
    assert (expected == pytest.approx(1)) == (wrong == 0)
