"""Which images are relevant, wrong and junk for a query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.data.relevance import MISSING, Relevance, RowCodes, integer_codes


def rows(labels: str, groups: str = "", visits: str = "", contents: str = "") -> RowCodes:
    """A row for each letter; "." is a missing value, as are arguments not given (contents: all different)."""
    missing = "." * len(labels)
    given = [[None if letter == "." else letter for letter in text or missing] for text in (labels, groups, visits)]
    own = [letter + (str(place) if letter == "." else "") for place, letter in enumerate(contents or missing)]
    return RowCodes(*(integer_codes(values) for values in given), integer_codes(own))


def test_equal_values_have_equal_codes():
    """Equal values have equal codes, missing ones the code ``MISSING``."""
    assert integer_codes(["b", "", "a", None, "b"]).tolist() == [0, MISSING, 1, MISSING, 0]
    assert integer_codes([b"\x01", b"\x02", b"\x01"]).tolist() == [0, 1, 0]
    assert integer_codes([]).dtype == np.int64


def test_the_query_is_removed_from_its_own_gallery():
    """In leave-one-out, a row is removed for itself only."""
    relevance = Relevance(rows("aab"))
    assert [relevance.excluded(query).tolist() for query in range(3)] == [[0], [1], [2]]
    assert relevance.R.tolist() == [1, 1, 0]
    assert relevance.size.tolist() == [2, 2, 2]


def test_exact_copies_are_junk_regardless_of_label():
    """A copy of the query's file is junk, even with another label."""
    relevance = Relevance(rows("aaba", contents="xx.."), junk="none")
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.R.tolist() == [1, 1, 0, 2]
    other = Relevance(rows("aba", contents="xx."), junk="none")
    assert other.excluded(0).tolist() == [0, 1]
    assert other.size.tolist() == [1, 1, 2]


def test_only_the_same_class_of_the_scene_is_junk():
    """Images of the same group and label are removed; those of the same group and another label are wrong."""
    relevance = Relevance(rows("aabaa", groups="gggh."))
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.relevant(0).tolist() == [True, True, False, True, True]
    assert relevance.R[0] == 2
    assert relevance.size[0] == 3


def test_the_junk_rule_can_be_chosen():
    """Groups, visits or neither define junk besides the query itself."""
    table = rows("aaaa", groups="gg..", visits="v.v.")
    assert Relevance(table, junk="group").excluded(0).tolist() == [0, 1]
    assert Relevance(table, junk="visit").excluded(0).tolist() == [0, 2]
    assert Relevance(table, junk="none").excluded(0).tolist() == [0]
    with pytest.raises(ValueError, match="junk"):
        Relevance(table, junk="scene")


def test_rows_without_a_group_are_separate():
    """Two rows without a group are not junk for each other."""
    assert Relevance(rows("aa", groups="..")).excluded(0).tolist() == [0]


def test_rows_without_a_label_have_no_relevant_images():
    """A row without a label has R = 0 and is wrong for all others, including other rows without a label."""
    relevance = Relevance(rows("..a"))
    assert relevance.R.tolist() == [0, 0, 0]
    assert not relevance.relevant(0).any()
    assert relevance.size.tolist() == [2, 2, 2]


def test_a_split_separates_queries_and_gallery():
    """With a split, positions are those in the gallery, and junk is removed across the split."""
    relevance = Relevance(
        rows("aaba", groups="gg..", contents="...."), queries=np.array([0, 2]), gallery=np.array([3, 1])
    )
    assert relevance.excluded(0).tolist() == [1]
    assert relevance.R.tolist() == [1, 0]
    assert relevance.size.tolist() == [1, 2]


def test_extra_junk_is_removed():
    """Rows that the caller adds as junk for a query are removed if they are in the gallery."""
    relevance = Relevance(
        rows("aaab"), gallery=np.array([0, 1, 3]), extra_junk=lambda row: np.array([1, 2], np.intp)[: 2 * (row == 0)]
    )
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.R.tolist() == [0, 1, 2, 0]


def test_invalid_row_numbers_raise_errors():
    """Row numbers out of range, duplicate gallery rows, and columns of different length raise errors."""
    with pytest.raises(ValueError, match="0 to 1"):
        Relevance(rows("ab"), queries=np.array([2]))
    with pytest.raises(ValueError, match="0 to 1"):
        Relevance(rows("ab"), gallery=np.array([-1]))
    with pytest.raises(ValueError, match="unique"):
        Relevance(rows("ab"), gallery=np.array([1, 1]))
    with pytest.raises(ValueError, match="same length"):
        RowCodes(integer_codes(["a"]), integer_codes([]), integer_codes(["a"]), integer_codes(["a"]))


@given(
    st.lists(st.tuples(*(st.integers(-1, 3) for _ in range(4))), min_size=1, max_size=25),
    st.sampled_from(["group", "visit", "none"]),
)
def test_the_rules_hold_for_each_pair(table: list[tuple[int, ...]], junk: str):
    """Removed and relevant images and their counts follow the definition, pair by pair."""
    labels, groups, visits, contents = np.array(table, np.int64).T
    relevance = Relevance(RowCodes(labels, groups, visits, contents), junk=junk)
    unit = {"group": groups, "visit": visits, "none": np.full(len(labels), MISSING)}[junk]
    for q in range(len(table)):
        removed, right = set(), 0
        for g in range(len(table)):
            same_label = labels[q] == labels[g] != MISSING
            same_unit = unit[q] == unit[g] != MISSING and labels[q] == labels[g]
            if q == g or contents[q] == contents[g] != MISSING or same_unit:
                removed.add(g)
            else:
                right += same_label
        assert relevance.excluded(q).tolist() == sorted(removed)
        assert relevance.R[q] == right
        assert relevance.size[q] == len(table) - len(removed)
