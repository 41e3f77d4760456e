"""On the labelled photographs the figures are those that a prototype measured with the same encoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lookalike import load_encoder
from lookalike.evaluation.data.embedded import EmbeddedDataset, embed_dataset
from lookalike.evaluation.data.load import load_dataset
from lookalike.evaluation.experiments.evaluate import evaluate

pytestmark = pytest.mark.labelled

WITHIN = 0.01

# The prototype's figures are known to three digits. For one of ours, macro precision@1 on rail, the digits cut off
# decide: 0.8173 is 0.0103 from the printed 0.807, and 0.0099 from the 0.8074 that may be behind it. Two of 360 queries
# make the difference. How the crop's half pixel is rounded turns the first hit of one of them by itself, and such
# choices move this figure between 0.80 and 0.82.
HALF_A_DIGIT = 0.0005

Embed = Callable[[str], EmbeddedDataset]


@pytest.fixture(scope="session")
def embedded(labelled_photographs: Path) -> Embed:
    """The datasets by name, each embedded once a session."""
    encoder = load_encoder("efficientnet-lite2", precision="fp32")
    return cache(lambda name: embed_dataset(load_dataset(labelled_photographs / name), encoder))


def near(value: float) -> object:
    """Equal to the prototype's figure."""
    return pytest.approx(value, abs=WITHIN)


def test_cats_and_dogs(embedded: Embed):
    """1,000 queries, none excluded; precision@1, precision@10 and mAP."""
    figures = evaluate(embedded("catdog")).figures
    assert (figures.scored, figures.left_out) == (1000, 0)
    assert figures.micro["precision@1"] == near(0.994)
    assert figures.micro["precision@10"] == near(0.985)
    assert figures.micro["map"] == near(0.876)


def test_rail_by_group(embedded: Embed):
    """360 queries and 21 excluded, all of one class whose pictures are one scene; micro figures, and macro."""
    figures = evaluate(embedded("rail"), junk="group").figures
    assert (figures.scored, figures.left_out) == (360, 21)
    assert [(one.label, one.count) for one in figures.excluded] == [("sleeper_poor", 21)]
    assert figures.micro["precision@1"] == near(0.836)
    assert figures.micro["precision@10"] == near(0.607)
    assert figures.micro["map"] == near(0.596)
    assert figures.macro["precision@1"] == pytest.approx(0.807, abs=WITHIN + HALF_A_DIGIT)


def test_rail_without_junk(embedded: Embed):
    """Where pictures of the query's own scene count as right, figures are better, and no query is excluded."""
    figures = evaluate(embedded("rail"), junk="none").figures
    assert (figures.scored, figures.left_out) == (381, 0)
    assert figures.micro["precision@1"] == near(0.913)
    assert figures.micro["map"] == near(0.698)


def test_rail_intervals_surround_the_figures(embedded: Embed):
    """117 groups are enough for an interval of every figure, and too few for a narrow one."""
    figures = evaluate(embedded("rail"), junk="group").figures
    assert figures.groups == 117
    for key, interval in figures.intervals.items():
        assert interval is not None
        assert not interval.approximate
        assert interval.low < figures.micro[key] < interval.high
    first = figures.intervals["precision@1"]
    assert first is not None
    assert 0.05 < first.high - first.low < 0.2
