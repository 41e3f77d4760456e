"""Rank order, percentiles, and the words for matches."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.match_words import MatchWord, match_word
from lookalike.search.query import Query
from lookalike.search.ranking import Hit, Ranking, percentile, rank_order

FEW_VALUES = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), max_size=40)


def ranking(*words: MatchWord | None) -> Ranking:
    """A ranking whose hits have these matches."""
    hits = (Hit(n, "gallery", str(n), f"{n}.jpg", Path(), 0.5, 50.0, word) for n, word in enumerate(words, start=1))
    return Ranking(Query.image("query.jpg"), tuple(hits))


@given(FEW_VALUES)
def test_rank_order_is_a_stable_descending_sort(scores: list[float]):
    """Scores are sorted in decreasing order, and ties keep their order."""
    expected = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert rank_order(np.array(scores)).tolist() == expected


@given(st.floats(-1, 1), FEW_VALUES)
def test_a_percentile_is_the_share_of_the_sample_below(score: float, sample: list[float]):
    """A percentile is the percentage of the sample below the score, rounded to six digits."""
    result = percentile(score, sorted(sample))
    if not sample:
        assert result is None
    else:
        assert result == pytest.approx(100 * sum(other < np.round(score, 6) for other in sample) / len(sample))


def test_an_equal_score_is_not_below():
    """Sample scores equal to the hit's own are not counted as below it."""
    assert percentile(0.5, [0.25, 0.5, 0.5, 0.75]) == 25.0


@pytest.mark.parametrize(
    ("score", "percentile", "word"),
    [
        (0.95, None, "copy"),
        (0.95, 0.0, "copy"),
        (0.9499999, 100.0, "close"),
        (0.5, 25.0, "close"),
        (0.9, 24.99, "similar"),
        (0.1, 5.0, "similar"),
        (0.9, 4.99, "weak"),
        (-1.0, 0.0, "weak"),
        (0.9, None, None),
    ],
)
def test_a_match_is_told_in_a_word(score: float, percentile: float | None, word: MatchWord | None):
    """From the threshold of the encoder on it is a copy; below, the percentile decides."""
    assert match_word(score, percentile, 0.95) == word


@pytest.mark.parametrize(
    ("words", "expected"),
    [(("weak", "weak"), True), (("similar", "weak"), False), (("copy",), False), ((None,), False), ((), False)],
)
def test_a_ranking_is_weak_if_all_its_hits_are(words: tuple[MatchWord | None, ...], expected: bool):
    """A hit without a word doesn't count as weak, and neither does a ranking without hits."""
    assert ranking(*words).is_weak is expected
