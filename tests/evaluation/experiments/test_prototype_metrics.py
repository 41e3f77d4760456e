"""On the labelled images, metrics agree with those of a prototype that used the same encoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lookalike import load_encoder
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.evaluate import evaluate

pytestmark = [pytest.mark.labelled, pytest.mark.slow]

WITHIN = 0.01

# The prototype's metrics are known to three digits. For macro precision@1 on rail the rounding matters: 0.8173 differs
# by 0.0103 from the printed 0.807, but by 0.0099 from an unrounded 0.8074. The difference is due to two of 360 queries.
# The rounding of the crop's half pixel alone changes the first hit of one of them, and such choices move this metric
# between 0.80 and 0.82.
HALF_A_DIGIT = 0.0005

Embed = Callable[[str], EmbeddedDataset]


@pytest.fixture(scope="session")
def embedded(labelled_photographs: Path) -> Embed:
    """The datasets by name, each embedded once per session."""
    encoder = load_encoder("efficientnet-lite2", precision="fp32")
    return cache(lambda name: embed_dataset(load_dataset(labelled_photographs / name), encoder))


def near(value: float) -> object:
    """Equal to the prototype's value."""
    return pytest.approx(value, abs=WITHIN)


def test_cats_and_dogs(embedded: Embed):
    """1,000 queries, none excluded; precision@1, precision@10 and mAP."""
    metrics = evaluate(embedded("catdog")).metrics
    assert (metrics.scored, metrics.excluded_count) == (1000, 0)
    assert metrics.micro["precision@1"] == near(0.994)
    assert metrics.micro["precision@10"] == near(0.985)
    assert metrics.micro["map"] == near(0.876)
    assert metrics.classes["cat"]["precision@10"] >= 0.98
    assert metrics.classes["dog"]["precision@10"] >= 0.965


def test_rail_by_group(embedded: Embed):
    """360 queries, and 21 excluded, all of one class that is a single scene; micro and macro metrics."""
    metrics = evaluate(embedded("rail"), junk="group").metrics
    assert (metrics.scored, metrics.excluded_count) == (360, 21)
    assert [(one.label, one.count) for one in metrics.excluded] == [("sleeper_poor", 21)]
    assert metrics.micro["precision@1"] == near(0.836)
    assert metrics.micro["precision@10"] == near(0.607)
    assert metrics.micro["map"] == near(0.596)
    assert metrics.macro["precision@1"] == pytest.approx(0.807, abs=WITHIN + HALF_A_DIGIT)


def test_rail_without_junk(embedded: Embed):
    """If images of the query's own scene count as relevant, metrics are higher, and no query is excluded."""
    metrics = evaluate(embedded("rail"), junk="none").metrics
    assert (metrics.scored, metrics.excluded_count) == (381, 0)
    assert metrics.micro["precision@1"] == near(0.913)
    assert metrics.micro["map"] == near(0.698)


def test_rail_intervals_contain_the_metrics(embedded: Embed):
    """117 groups give an interval of every metric, approximate since some defects have few of them."""
    metrics = evaluate(embedded("rail"), junk="group").metrics
    assert metrics.groups == 117
    for key, interval in metrics.intervals.items():
        assert interval is not None
        assert interval.approximate
        assert interval.low < metrics.micro[key] < interval.high
    first = metrics.intervals["precision@1"]
    assert first is not None
    assert 0.05 < first.high - first.low < 0.2
