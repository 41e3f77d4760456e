"""What is right, wrong and junk for a query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.data.relevance import ALONE, Relevance, Rows, codes


def rows(labels: str, groups: str = "", visits: str = "", contents: str = "") -> Rows:
    """A letter a row; "." stands for what is missing, and what isn't given at all is missing (contents: all differ)."""
    missing = "." * len(labels)
    given = [[None if letter == "." else letter for letter in text or missing] for text in (labels, groups, visits)]
    own = [letter + (str(place) if letter == "." else "") for place, letter in enumerate(contents or missing)]
    return Rows(*(codes(values) for values in given), codes(own))


def test_codes_are_equal_where_values_are():
    """Equal values share a code, missing ones have the code that is shared by nobody."""
    assert codes(["b", "", "a", None, "b"]).tolist() == [0, ALONE, 1, ALONE, 0]
    assert codes([b"\x01", b"\x02", b"\x01"]).tolist() == [0, 1, 0]
    assert codes([]).dtype == np.int64


def test_the_query_is_not_among_its_own_hits():
    """Leaving one out, a row is removed for itself alone."""
    relevance = Relevance(rows("aab"))
    assert [relevance.excluded(query).tolist() for query in range(3)] == [[0], [1], [2]]
    assert relevance.R.tolist() == [1, 1, 0]
    assert relevance.size.tolist() == [2, 2, 2]


def test_exact_copies_are_junk_whatever_they_are_called():
    """A copy of the query's file is neither right nor wrong, even under another label."""
    relevance = Relevance(rows("aaba", contents="xx.."), junk="none")
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.R.tolist() == [1, 1, 0, 2]
    other = Relevance(rows("aba", contents="xx."), junk="none")
    assert other.excluded(0).tolist() == [0, 1]
    assert other.size.tolist() == [1, 1, 2]


def test_the_scene_of_the_query_is_junk_but_its_other_classes_are_not():
    """Same group and same label are removed; same group and another label stay, and are wrong."""
    relevance = Relevance(rows("aabaa", groups="gggh."))
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.relevant(0).tolist() == [True, True, False, True, True]
    assert relevance.R[0] == 2
    assert relevance.size[0] == 3


def test_the_unit_of_junk_can_be_chosen():
    """Groups, visits or neither say what is junk beside the query itself."""
    table = rows("aaaa", groups="gg..", visits="v.v.")
    assert Relevance(table, junk="group").excluded(0).tolist() == [0, 1]
    assert Relevance(table, junk="visit").excluded(0).tolist() == [0, 2]
    assert Relevance(table, junk="none").excluded(0).tolist() == [0]
    with pytest.raises(ValueError, match="junk"):
        Relevance(table, junk="scene")


def test_what_has_no_group_is_alone_in_it():
    """Two rows without a group aren't each other's junk."""
    assert Relevance(rows("aa", groups="..")).excluded(0).tolist() == [0]


def test_what_has_no_label_has_nothing_relevant():
    """A row without a label finds nothing, not even other rows without one; for others it is wrong."""
    relevance = Relevance(rows("..a"))
    assert relevance.R.tolist() == [0, 0, 0]
    assert not relevance.relevant(0).any()
    assert relevance.size.tolist() == [2, 2, 2]


def test_a_split_ranks_the_gallery_rows_for_the_query_rows():
    """With queries apart from the gallery places count within the gallery, and junk is removed across the split."""
    relevance = Relevance(
        rows("aaba", groups="gg..", contents="...."), queries=np.array([0, 2]), gallery=np.array([3, 1])
    )
    assert relevance.excluded(0).tolist() == [1]
    assert relevance.R.tolist() == [1, 0]
    assert relevance.size.tolist() == [1, 2]


def test_more_can_be_called_junk():
    """Rows that a caller names for a query (near copies, say) are removed too, if they are in the gallery."""
    relevance = Relevance(
        rows("aaab"), gallery=np.array([0, 1, 3]), also_junk=lambda row: np.array([1, 2], np.intp)[: 2 * (row == 0)]
    )
    assert relevance.excluded(0).tolist() == [0, 1]
    assert relevance.R.tolist() == [0, 1, 2, 0]


def test_row_numbers_have_to_exist_once():
    """Numbers of rows that don't exist, and gallery rows that stand there twice, are refused."""
    with pytest.raises(ValueError, match="0 to 1"):
        Relevance(rows("ab"), queries=np.array([2]))
    with pytest.raises(ValueError, match="0 to 1"):
        Relevance(rows("ab"), gallery=np.array([-1]))
    with pytest.raises(ValueError, match="twice"):
        Relevance(rows("ab"), gallery=np.array([1, 1]))
    with pytest.raises(ValueError, match="numbers of rows"):
        Rows(codes(["a"]), codes([]), codes(["a"]), codes(["a"]))


@given(
    st.lists(st.tuples(*(st.integers(-1, 3) for _ in range(4))), min_size=1, max_size=25),
    st.sampled_from(["group", "visit", "none"]),
)
def test_the_rules_hold_for_every_pair(table: list[tuple[int, ...]], junk: str):
    """What is removed, relevant and counted is what the definition says, pair by pair."""
    labels, groups, visits, contents = np.array(table, np.int64).T
    relevance = Relevance(Rows(labels, groups, visits, contents), junk=junk)
    unit = {"group": groups, "visit": visits, "none": np.full(len(labels), ALONE)}[junk]
    for q in range(len(table)):
        removed, right = set(), 0
        for g in range(len(table)):
            same_label = labels[q] == labels[g] != ALONE
            same_unit = unit[q] == unit[g] != ALONE and labels[q] == labels[g]
            if q == g or contents[q] == contents[g] != ALONE or same_unit:
                removed.add(g)
            else:
                right += same_label
        assert relevance.excluded(q).tolist() == sorted(removed)
        assert relevance.R[q] == right
        assert relevance.size[q] == len(table) - len(removed)
