"""Metrics by query and by class, and their means."""

import numpy as np
import pytest

from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import averages, metric_names, query_metrics, required_depth


def dataset(labels: list[int], seed: int = 0) -> tuple[np.ndarray, Relevance]:
    """Random unit vectors, and a relevance without junk other than self."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(labels), 6))
    alone = np.full(len(labels), MISSING)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, Relevance(RowCodes(np.array(labels), alone, alone, np.arange(len(labels))))


def test_metric_names_match_the_computed_metrics():
    """The keys of per-query metrics are those of metric_names, for any k."""
    assert metric_names([1, 10]) == (
        *("precision@1", "precision@10", "recall@1", "recall@10"),
        *("hit_rate@1", "hit_rate@10", "ndcg@1", "ndcg@10", "map", "map@r", "accuracy"),
    )
    vectors, relevance = dataset([0, 0, 1, 1, 2])
    values = query_metrics(rank_gallery(vectors, vectors, relevance, k=10), [1, 3], relevance.rows.labels)
    assert tuple(values) == metric_names([1, 3])
    for metrics in values.values():
        assert metrics.dtype == np.float64
        assert np.isfinite(metrics).tolist() == [True] * 4 + [False]


def test_too_shallow_rankings_raise_an_error():
    """Metrics at 20, and the majority vote of ten, need as many places."""
    assert required_depth([1, 20]) == 20
    assert required_depth([1]) == 10
    vectors, relevance = dataset([0, 0, 1])
    with pytest.raises(ValueError, match="20 places, not 10"):
        query_metrics(rank_gallery(vectors, vectors, relevance, k=10), [20], relevance.rows.labels)


def test_k_may_exceed_the_gallery():
    """Precision still divides by k, and recall is complete."""
    vectors, relevance = dataset([0, 0, 0, 1])
    values = query_metrics(rank_gallery(vectors, vectors, relevance, k=50), [50], relevance.rows.labels)
    assert values["precision@50"][:3] == pytest.approx([2 / 50] * 3)
    assert values["recall@50"][:3].tolist() == [1, 1, 1]


def test_macro_weights_classes_equally():
    """The micro mean is over queries, the macro mean over the classes with a scored query."""
    values = {"x": np.array([1.0, 0.0, 0.0, 0.0, 1.0, np.nan, np.nan])}
    labels = np.array(["cat", "cat", "cat", "cat", "dog", "dog", "owl"])
    found = averages(values, labels, np.isfinite(values["x"]))
    assert found.micro == {"x": pytest.approx(0.4)}
    assert found.classes == {"cat": {"x": 0.25}, "dog": {"x": 1.0}}
    assert found.macro == {"x": pytest.approx(0.625)}
    assert found.excluded == {"cat": 0, "dog": 1, "owl": 1}


def test_means_without_scored_queries_are_nan():
    """If no query is scored there are no classes, and the means are nan."""
    found = averages({"x": np.array([np.nan])}, np.array([3]), np.array([False]))
    assert np.isnan(found.micro["x"])
    assert np.isnan(found.macro["x"])
    assert found.classes == {}
    assert found.excluded == {3: 1}
