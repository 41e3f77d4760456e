"""Every metric against independent libraries and against its invariants."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, ndcg_score
from sklearn.neighbors import KNeighborsClassifier

from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import averages, metric_names, query_metrics
from lookalike.evaluation.statistics import metrics

REFERENCE = json.loads((Path(__file__).parents[2] / "data" / "reference_metrics.json").read_text("utf-8"))
KS = REFERENCE["ks"]
EXACTLY = 1e-9

RANKINGS = arrays(np.bool_, st.integers(1, 60))
FOUND = RANKINGS.filter(lambda relevant: relevant.any())


def all_metrics(relevant: np.ndarray, ks: list[int] | range = KS) -> dict[str, float]:
    """All metrics of one full ranking, bool (n,), except accuracy, which needs labels."""
    total = np.array(np.count_nonzero(relevant))
    ranks = np.flatnonzero(relevant) + 1
    values: dict[str, Any] = {"map": metrics.average_precision(ranks), "map@r": metrics.average_precision_at_r(ranks)}
    for k in ks:
        values[f"precision@{k}"] = metrics.precision_at(relevant, total, k)
        values[f"recall@{k}"] = metrics.recall_at(relevant, total, k)
        values[f"hit_rate@{k}"] = metrics.hit_rate_at(relevant, total, k)
        values[f"ndcg@{k}"] = metrics.ndcg_at(relevant, total, k)
    return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize("library", ["ranx", "torchmetrics"])
@pytest.mark.parametrize("case", REFERENCE["rankings"], ids=lambda case: f"{len(case['relevant'])}")
def test_metrics_agree_with_other_libraries(case: dict, library: str):
    """Precision, recall, hit rate, nDCG and AP of random and adversarial rankings, to 1e-9."""
    ours = all_metrics(np.array(list(case["relevant"])) == "1")
    assert len(case[library]) == 13
    for name, value in case[library].items():
        assert ours[name] == pytest.approx(value, abs=EXACTLY), name


@pytest.mark.parametrize("case", REFERENCE["embeddings"], ids=lambda case: f"{len(set(case['labels']))}-classes")
def test_leave_one_out_agrees_with_metric_learning(case: dict):
    """From vectors to means over queries and classes, as in pytorch-metric-learning; one class has R = 1."""
    labels = np.array(case["labels"])
    vectors = np.array(case["vectors"], np.float64)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    alone = np.full(len(labels), MISSING)
    rankings = rank_gallery(
        unit, unit, Relevance(RowCodes(labels, alone, alone, np.arange(len(labels)))), k=len(labels)
    )
    found = averages(query_metrics(rankings, [1], labels), labels, rankings.R > 0)
    theirs = case["pytorch-metric-learning"]
    for prefix, means in (("", found.micro), ("macro_", found.macro)):
        assert means["map@r"] == pytest.approx(theirs[f"{prefix}mean_average_precision_at_r"], abs=EXACTLY)
        assert means["map"] == pytest.approx(theirs[f"{prefix}mean_average_precision"], abs=EXACTLY)
        assert means["precision@1"] == pytest.approx(theirs[f"{prefix}precision_at_1"], abs=EXACTLY)


@given(FOUND, st.integers(1, 61))
def test_ap_and_ndcg_agree_with_scikit_learn(relevant: np.ndarray, k: int):
    """AP of any ranking, and nDCG at any depth, to 1e-9."""
    scores = np.arange(len(relevant), 0, -1)
    ours = all_metrics(relevant, [k])
    assert ours["map"] == pytest.approx(average_precision_score(relevant, scores), abs=EXACTLY)
    if len(relevant) > 1:  # of a single document scikit-learn won't hear
        theirs = ndcg_score([relevant], [scores], k=k, ignore_ties=True)
        assert ours[f"ndcg@{k}"] == pytest.approx(theirs, abs=EXACTLY)


@pytest.mark.slow
@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_ap_agrees_with_scikit_learn_with_ties(dimension: int, number: int, seed: int):
    """With many equal vectors, AP is scikit-learn's for the order after breaking ties."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, 2, (number, dimension)).astype(np.float64) + 0.25
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels, alone = rng.integers(0, 3, number), np.full(number, MISSING)
    rankings = rank_gallery(unit, unit, Relevance(RowCodes(labels, alone, alone, np.arange(number))), k=number)
    for query in np.flatnonzero(rankings.R):
        wanted = labels[rankings.rows[query, :-1]] == labels[query]
        theirs = average_precision_score(wanted, -np.arange(number - 1))
        assert rankings.ap[query] == pytest.approx(theirs, abs=EXACTLY)
        assert rankings.first_relevant[query] == wanted.argmax() + 1


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_agrees_with_scikit_learn(seed: int):
    """Leave-one-out with ten neighbours by cosine: the same class wherever the majority is unique."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 80)
    vectors = rng.normal(size=(3, 8))[labels] + rng.normal(size=(80, 8))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    alone = np.full(80, MISSING)
    rankings = rank_gallery(unit, unit, Relevance(RowCodes(labels, alone, alone, np.arange(80))), k=10)
    voted = metrics.vote(labels[rankings.rows])
    right = query_metrics(rankings, [1], labels)["accuracy"]
    compared = 0
    for query in range(80):
        others = np.arange(80) != query
        judge = KNeighborsClassifier(10, metric="cosine", algorithm="brute").fit(unit[others], labels[others])
        shares = np.sort(judge.predict_proba(unit[[query]])[0])
        if shares[-1] > shares[-2]:
            compared += 1
            assert voted[query] == judge.predict(unit[[query]])[0]
            assert right[query] == (voted[query] == labels[query])
    assert compared > 60


def test_tied_votes_go_to_the_nearest_class():
    """Of classes with equally many votes, the one with the nearest image wins; -1 does not vote."""
    votes = np.array([[2, 1, 1, 2, 5], [1, 2, 2, 1, 5], [4, 4, 3, 3, 3], [-1, -1, -1, 7, 6], [-1, -1, -1, -1, -1]])
    assert metrics.vote(votes).tolist() == [2, 1, 3, 7, -1]
    assert metrics.vote(votes[:, :0]).tolist() == [-1] * 5


def test_metrics_of_a_small_ranking():
    """A ranking relevant, wrong, relevant, relevant of R = 4, the fourth relevant image farther down."""
    relevant = np.array([True, False, True, True, False, False, False, True])
    ours = all_metrics(relevant, [1, 3, 10])
    assert ours["precision@3"] == pytest.approx(2 / 3)
    assert ours["precision@10"] == 0.4
    ceilings = metrics.ceilings(np.array([4, 0]), [3, 10])
    assert {key: limit[0] for key, limit in ceilings.items()} == {
        "precision@3": 1,
        "precision@10": 0.4,
        "recall@3": 0.75,
        "recall@10": 1,
    }
    assert all(np.isnan(limit[1]) for limit in ceilings.values())
    assert ours["recall@3"] == 0.5
    assert ours["hit_rate@1"] == 1
    assert ours["map"] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 8) / 4)
    assert ours["map@r"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 4)
    assert ours["ndcg@3"] == pytest.approx((1 + 1 / 2) / (1 + 1 / np.log2(3) + 1 / 2))


def test_metrics_are_nan_without_relevant_images():
    """Where R = 0 every metric is nan, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(np.isnan(value) for value in all_metrics(np.zeros(5, np.bool_)).values())
        assert np.isnan(metrics.accuracy(np.array([[1, 1]]), np.array([1]), np.array([0]))).all()


def test_k_is_at_least_one():
    """Metrics at k = 0 raise an error."""
    with pytest.raises(ValueError, match="at least 1"):
        metrics.precision_at(np.array([True]), np.array(1), 0)


@given(FOUND, st.integers(1, 70))
def test_metrics_are_in_range(relevant: np.ndarray, k: int):
    """Every metric is from 0 to 1, and precision@k and recall@k do not exceed their ceilings."""
    ours = all_metrics(relevant, [k])
    assert all(0 <= value <= 1 + 1e-12 for value in ours.values())
    for key, limit in metrics.ceilings(np.array([np.count_nonzero(relevant)]), [k]).items():
        assert not ours[key] > limit[0]
    assert ours["map@r"] <= ours["map"] + 1e-12


@given(FOUND)
def test_recall_and_hit_rate_grow_with_k(relevant: np.ndarray):
    """Recall and hit rate do not decrease with k."""
    ours = all_metrics(relevant, range(1, len(relevant) + 1))
    for name in ("recall", "hit_rate"):
        values = [ours[f"{name}@{k}"] for k in range(1, len(relevant) + 1)]
        assert values == sorted(values)
        assert values[-1] == 1


@given(FOUND, st.data())
def test_moving_a_hit_up_lowers_no_metric(relevant: np.ndarray, data: st.DataObject):
    """Swapping a hit with a wrong image before it lowers no metric and raises AP."""
    hits = np.flatnonzero(relevant)
    later = data.draw(st.sampled_from(hits.tolist()))
    wrong = np.flatnonzero(~relevant[:later]).tolist()
    if wrong:
        better = relevant.copy()
        better[[data.draw(st.sampled_from(wrong)), later]] = True, False
        before, after = all_metrics(relevant), all_metrics(better)
        assert all(after[name] >= before[name] - 1e-12 for name in before)
        assert after["map"] > before["map"]


@given(FOUND)
def test_only_a_perfect_ranking_scores_1(relevant: np.ndarray):
    """AP, AP@R and nDCG are 1 if and only if all relevant images come first."""
    perfect = np.sort(relevant)[::-1]
    for name in ("map", "map@r", f"ndcg@{len(relevant)}"):
        assert all_metrics(perfect, [len(relevant)])[name] == pytest.approx(1, abs=1e-12)
        assert (all_metrics(relevant, [len(relevant)])[name] > 1 - 1e-9) == (relevant == perfect).all()


@given(st.lists(RANKINGS, min_size=1, max_size=8), st.integers(1, 12))
def test_many_rankings_at_once(rankings: list[np.ndarray], k: int):
    """A padded matrix of first places gives the metrics of its rows."""
    padded = np.zeros((len(rankings), 60), np.bool_)
    for row, relevant in zip(padded, rankings, strict=True):
        row[: len(relevant)] = relevant
    total = padded.sum(axis=1)
    for measure in (metrics.precision_at, metrics.recall_at, metrics.hit_rate_at, metrics.ndcg_at):
        together = measure(padded, total, k)
        single = [measure(row, np.array(np.count_nonzero(row)), k) for row in rankings]
        np.testing.assert_allclose(together, single, atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_changes_no_metric(seed: int):
    """Without ties, shuffling the rows of the dataset shuffles the metrics of the queries with them."""
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(50, 12))
    unit = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    labels, order, alone = rng.integers(0, 4, 50), rng.permutation(50), np.full(50, MISSING)

    def values(vectors: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        relevance = Relevance(RowCodes(labels, alone, alone, np.arange(50)))
        return query_metrics(rank_gallery(vectors, vectors, relevance, k=10), [1, 10], labels)

    straight, shuffled = values(unit, labels), values(unit[order], labels[order])
    assert list(straight) == list(metric_names([1, 10]))
    for name, figures_of in straight.items():
        np.testing.assert_array_equal(figures_of[order], shuffled[name], err_msg=name)
