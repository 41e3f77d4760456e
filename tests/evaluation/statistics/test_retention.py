"""Retention: the share of a metric above chance that remains under corruption."""

import numpy as np
import pytest

from evaluation.statistics.test_intervals import influence_of, sampling_of
from lookalike.evaluation.statistics.intervals import spread
from lookalike.evaluation.statistics.retention import Measured, Retention, retention

COUNT = 60
SAMPLING = sampling_of([0, 1] * (COUNT // 2))


def measured(values: np.ndarray) -> Measured:
    """The mean of per-query ``values``, with a gallery that makes no difference."""
    return Measured(float(values.mean()), influence_of(values))


def clean_values() -> np.ndarray:
    """Clean metrics of 60 queries, 0.75 on average."""
    return np.random.default_rng(0).beta(6, 2, COUNT)


def retained(corrupted: np.ndarray, clean: np.ndarray, chance: float) -> Retention:
    """The retention of per-query metrics."""
    return retention(measured(corrupted), measured(clean), chance, SAMPLING)


def test_retention_of_a_small_example():
    """It is (corrupted - chance) / (clean - chance) of the means; the raw ratio is corrupted / clean."""
    sampling = sampling_of([0, 0])
    found = retention(measured(np.array([0.5, 0.3])), measured(np.array([0.9, 0.7])), 0.2, sampling)
    assert found.value == pytest.approx((0.4 - 0.2) / (0.8 - 0.2))
    assert found.raw == pytest.approx(0.5)
    assert found.interval is None  # two groups


@pytest.mark.parametrize(("clean", "known"), [(0.549, False), (0.551, True)])
def test_retention_is_undefined_near_chance(clean: float, known: bool):
    """If the clean metric is less than 0.05 above chance, retention is n/a, but not the raw ratio."""
    wave = np.tile([-0.01, 0.01, 0.01, -0.01], COUNT // 4)
    found = retained(0.5 + wave, np.full(COUNT, clean), 0.5)
    assert (found.value is not None) == (found.interval is not None) == (found.influence is not None) == known
    assert found.raw == pytest.approx(0.5 / clean)


def test_retention_without_clean_hits():
    """If the clean metric is 0, there is no ratio."""
    found = retained(np.zeros(COUNT), np.zeros(COUNT), 0.0)
    assert (found.value, found.raw, found.interval) == (None, None, None)


@pytest.mark.parametrize("kept", [1.0, 0.0, -1.0])
def test_full_zero_and_negative_retention(kept: float):
    """Retention is 1 without a loss, 0 at chance level, and negative below it; there is no interval without spread."""
    clean = clean_values()
    found = retained(0.3 + kept * (clean - 0.3), clean, 0.3)
    assert found.value == pytest.approx(kept)
    assert found.interval is None


def test_the_interval_is_paired():
    """Variation that queries have in common cancels out: the interval is narrower than that of the corrupted metric."""
    clean = clean_values()
    corrupted = 0.8 * clean + 0.02 * np.random.default_rng(1).normal(size=COUNT)
    found = retained(corrupted, clean, 0.2)
    assert found.interval.low < found.value < found.interval.high
    assert (found.interval.groups, found.interval.approximate) == (COUNT, False)
    alone = spread(influence_of(corrupted), SAMPLING)
    assert found.interval.high - found.interval.low < 0.6 * alone.quantile * alone.error / (clean.mean() - 0.2)


def test_a_clean_metric_that_may_be_chance_has_no_interval():
    """If it is not significantly above chance, any ratio is possible."""
    clean = np.tile([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], COUNT // 6)
    found = retained(clean[::-1], clean, 0.4)
    assert found.value == pytest.approx(1)
    assert found.interval is None
