"""Figures by query and by class, and their means."""

import numpy as np
import pytest

from lookalike.evaluation.data.relevance import ALONE, Relevance, Rows
from lookalike.evaluation.ranking.full_ranking import rank_gallery
from lookalike.evaluation.scoring.averages import averages, deepest, figure_names, per_query


def dataset(labels: list[int], seed: int = 0) -> tuple[np.ndarray, Relevance]:
    """Unit vectors at random, and nothing but self as junk."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(labels), 6))
    alone = np.full(len(labels), ALONE)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, Relevance(Rows(np.array(labels), alone, alone, np.arange(len(labels))))


def test_every_figure_has_its_name():
    """Per-query figures have the names of the means, whatever is asked at which k."""
    assert figure_names([1, 10]) == (
        *("precision@1", "precision@10", "ceiling@1", "ceiling@10", "recall@1", "recall@10"),
        *("hit_rate@1", "hit_rate@10", "ndcg@1", "ndcg@10", "map", "map@r", "accuracy"),
    )
    vectors, relevance = dataset([0, 0, 1, 1, 2])
    values = per_query(rank_gallery(vectors, vectors, relevance, k=10), [1, 3], relevance.rows.labels)
    assert tuple(values) == figure_names([1, 3])
    for figures in values.values():
        assert figures.dtype == np.float64
        assert np.isfinite(figures).tolist() == [True] * 4 + [False]


def test_rankings_have_to_be_deep_enough():
    """Figures at 20, and the ten votes for a class, need as many places."""
    assert deepest([1, 20]) == 20
    assert deepest([1]) == 10
    vectors, relevance = dataset([0, 0, 1])
    with pytest.raises(ValueError, match="20 places, not 10"):
        per_query(rank_gallery(vectors, vectors, relevance, k=10), [20], relevance.rows.labels)


def test_k_may_exceed_the_gallery():
    """Precision divides by k all the same, recall is complete."""
    vectors, relevance = dataset([0, 0, 0, 1])
    values = per_query(rank_gallery(vectors, vectors, relevance, k=50), [50], relevance.rows.labels)
    assert values["precision@50"][:3] == pytest.approx([2 / 50] * 3)
    assert values["ceiling@50"][:3] == pytest.approx([2 / 50] * 3)
    assert values["recall@50"][:3].tolist() == [1, 1, 1]


def test_first_places_alone_give_no_ap():
    """Without the full ranking AP is nan, and all other figures are the same."""
    vectors, relevance = dataset([0, 1] * 20)
    full, fast = (
        per_query(rank_gallery(vectors, vectors, relevance, k=10, full=full), [1, 10], relevance.rows.labels)
        for full in (True, False)
    )
    for name in full:
        if name.startswith("map"):
            assert np.isnan(fast[name]).all()
        else:
            np.testing.assert_array_equal(full[name], fast[name])


def test_macro_counts_every_class_alike():
    """The micro mean is over queries, the macro mean over those classes that have a scored query."""
    values = {"x": np.array([1.0, 0.0, 0.0, 0.0, 1.0, np.nan, np.nan])}
    labels = np.array(["cat", "cat", "cat", "cat", "dog", "dog", "owl"])
    found = averages(values, labels, np.isfinite(values["x"]))
    assert found.micro == {"x": pytest.approx(0.4)}
    assert found.classes == {"cat": {"x": 0.25}, "dog": {"x": 1.0}}
    assert found.macro == {"x": pytest.approx(0.625)}
    assert found.excluded == {"cat": 0, "dog": 1, "owl": 1}


def test_means_of_nothing_are_nan():
    """Where no query is scored there are no classes, and no means."""
    found = averages({"x": np.array([np.nan])}, np.array([3]), np.array([False]))
    assert np.isnan(found.micro["x"])
    assert np.isnan(found.macro["x"])
    assert found.classes == {}
    assert found.excluded == {3: 1}
