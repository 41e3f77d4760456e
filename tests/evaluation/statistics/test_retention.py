"""Retention: the share of a metric above chance that remains under corruption."""

import numpy as np
import pytest

from lookalike.evaluation.statistics.bootstrap import confidence_limits, group_sums
from lookalike.evaluation.statistics.intervals import intervals
from lookalike.evaluation.statistics.retention import retention


def scenes(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clean metrics of three correlated queries per scene, with groups and labels."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(number), 3)
    return np.clip(rng.beta(6, 2, number)[group] + 0.05 * rng.normal(size=len(group)), 0, 1), group, group % 2


def test_retention_of_a_small_example():
    """It is (corrupted - chance) / (clean - chance) of the means; the raw ratio is corrupted / clean."""
    found = retention(
        np.array([0.5, 0.3]), np.array([0.9, 0.7]), np.array([0.2, 0.2]), np.arange(2), np.zeros(2, int), seed=0
    )
    assert found.value == pytest.approx((0.4 - 0.2) / (0.8 - 0.2))
    assert found.raw == pytest.approx(0.5)
    assert found.interval is None  # two groups


def test_retention_is_undefined_near_chance():
    """If the clean metric is less than 0.05 above chance, retention is n/a, but not the raw ratio."""
    groups, labels, wave = np.arange(40), np.zeros(40, int), np.tile([-0.01, 0.01], 20)
    for clean, known in ((0.549, False), (0.551, True)):
        found = retention(0.5 + wave, np.full(40, clean), np.full(40, 0.5), groups, labels, seed=0)
        assert (found.value is not None) == known
        assert (found.interval is not None) == known
        assert found.raw == pytest.approx(0.5 / clean)


def test_retention_without_clean_hits_or_queries():
    """If the clean metric is 0, or no query is scored, there is no ratio."""
    zeros, none = np.zeros(3), np.full(3, np.nan)
    found = retention(zeros, zeros, zeros, np.arange(3), np.zeros(3, int), seed=0)
    assert (found.value, found.raw, found.interval) == (None, None, None)
    found = retention(zeros, none, zeros, np.arange(3), np.zeros(3, int), seed=0)
    assert (found.value, found.raw, found.interval) == (None, None, None)


def test_full_zero_and_negative_retention():
    """Retention is 1 without a loss, 0 at chance level, and negative below it; there is no interval without spread."""
    clean, groups, labels = scenes(40)
    chance = np.full(len(clean), 0.3)
    for corrupted, value in ((clean, 1), (chance, 0), (2 * chance - clean, -1)):
        found = retention(corrupted, clean, chance, groups, labels, seed=0)
        assert found.value == pytest.approx(value)
        assert found.interval is None


def test_the_interval_is_paired():
    """Variation that scenes have in common cancels out: the interval is narrower than that of the corrupted metric."""
    clean, groups, labels = scenes(60)
    rng = np.random.default_rng(1)
    corrupted = np.clip(0.8 * clean + 0.02 * rng.normal(size=len(clean)), 0, 1)
    chance = np.full(len(clean), 0.2)
    found = retention(corrupted, clean, chance, groups, labels, seed=0)
    assert found.interval.low < found.value < found.interval.high
    assert (found.interval.groups, found.interval.approximate) == (60, False)
    alone = intervals({"x": corrupted}, groups, labels, seed=0)["x"]
    assert found.interval.high - found.interval.low < 0.3 * (alone.high - alone.low) / (clean.mean() - 0.2)


def test_queries_with_missing_values_are_ignored():
    """If clean, corrupted or chance is nan, the query is ignored in all three."""
    clean, groups, labels = scenes(40)
    corrupted, chance = clean * 0.9, np.full(len(clean), 0.1)
    whole = retention(corrupted[6:], clean[6:], chance[6:], groups[6:], labels[6:], seed=0)
    corrupted[:3], clean[3:6] = np.nan, np.nan
    assert retention(corrupted, clean, chance, groups, labels, seed=0) == whole


def test_intervals_of_retention_cover_the_truth():
    """In 200 datasets of 40 scenes the interval covers the true retention about 190 times."""
    rng = np.random.default_rng(12)
    inside = 0
    for case in range(200):
        success = rng.beta(6, 2, 40)  # 0.75 on average
        groups = np.repeat(np.arange(40), 4)
        clean, corrupted = ((rng.random(160) < share * success[groups]).astype(float) for share in (1, 0.6))
        found = retention(corrupted, clean, np.full(160, 0.25), groups, groups % 2, seed=case)
        inside += found.interval.low <= (0.45 - 0.25) / (0.75 - 0.25) <= found.interval.high
    assert 0.87 <= inside / 200 <= 0.995


def test_draws_without_clean_hits_give_finite_limits():
    """If few scenes have a clean hit, some draws have none; the limits are finite nevertheless."""
    clean = np.zeros(30)
    clean[:3] = 1
    kept = np.array([0.4, 0.5, 0.6, *np.zeros(27)])
    found = retention(kept, clean, np.zeros(30), np.arange(30), np.zeros(30, int), seed=0)
    assert found.value == pytest.approx(0.5)
    assert np.isfinite([found.interval.low, found.interval.high]).all()
    groups = group_sums(np.zeros((30, 1)), np.arange(30), np.zeros(30, int))
    assert np.isfinite(confidence_limits(groups, lambda totals: totals[:, 0, :1], seed=0, draws=100)).all()
