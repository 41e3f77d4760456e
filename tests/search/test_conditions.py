"""Conditions on columns: what can be written, what it means, and where a mistake is."""

import pytest

from lookalike.errors import QueryError
from lookalike.search.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Negation,
    comparable,
    comparisons,
    is_date,
    number,
)
from lookalike.search.grammar import parse_condition
from lookalike.search.query import Filter, Query

A, B, C = (Comparison(name, "=", "1") for name in "abc")

PARSED: dict[str, Condition] = {
    "km>=32 and date>=2023-05 and label=joint": AllOf(
        (Comparison("km", ">=", "32"), Comparison("date", ">=", "2023-05"), Comparison("label", "=", "joint"))
    ),
    "a=1 or b=1 and c=1": AnyOf((A, AllOf((B, C)))),
    "(a=1 or b=1) and c=1": AllOf((AnyOf((A, B)), C)),
    "a = 1 AND NOT b == 1": AllOf((A, Negation(B))),
    "not (a=1 and b!=1)": Negation(AllOf((A, Negation(B)))),
    "not not a=1": A,
    "a in (1, 'x y')": AnyOf((A, Comparison("a", "=", "x y"))),
    "a !~ 'x, (y)'": Negation(Comparison("a", "~", "x, (y)")),
    "[track no]<5MB": Comparison("track no", "<", "5MB"),
    "ünit.x-y:z=1": Comparison("ünit.x-y:z", "=", "1"),
    'a=""': Comparison("a", "=", ""),
    "label=and": Comparison("label", "=", "and"),
    "order=1": Comparison("order", "=", "1"),
    "date>2023-05-01T10:00": Comparison("date", ">", "2023-05-01T10:00"),
}

MISTAKES = {
    "km>=10 and date>>2023": (17, "a value"),
    "km>=": (None, "a value"),
    "": (None, "a column"),
    "km>=1 and": (None, "a column"),
    "(km>=1": (None, "and, or, or a closing parenthesis"),
    "km>=1)": (6, "the end"),
    "km>=1 label=x": (7, "and, or, or the end"),
    "label": (None, "=, !=, <, <=, >, >=, ~ or in"),
    "label is joint": (7, "=, !=, <, <=, >, >=, ~ or in"),
    "label in joint": (10, "a list of values in parentheses"),
    "label in (a b)": (13, "a comma or a closing parenthesis"),
    "label='joint": (7, "a value"),
    "3>km": (1, "a column"),
    "a=1 and\n b=>": (12, "a value"),
}
"""Conditions, the character at which each goes wrong, counted from 1, or None for its end; and what is expected."""


@pytest.mark.parametrize("text", PARSED)
def test_a_condition_is_parsed(text: str):
    """And binds more closely than or, not most closely; case of these words doesn't matter."""
    assert parse_condition(text) == PARSED[text]
    assert Filter(condition=text).condition == text


@pytest.mark.parametrize("text", MISTAKES)
def test_an_error_points_at_the_character(text: str):
    """It says where the mistake is and what is expected there, and shows the place."""
    character, expected = MISTAKES[text]
    with pytest.raises(QueryError) as caught:
        Query.image("query.jpg").filtered(text)
    first, shown, mark = str(caught.value).splitlines()
    place = "at the end" if character is None else f"at character {character}"
    assert first == f"{place}, {expected} is expected"
    assert shown == f"  {text.replace(chr(10), ' ')}"
    assert mark.index("^") - 2 == (len(text) if character is None else character - 1)


def test_a_condition_has_limits():
    """Very long conditions are refused; deep ones aren't deeper than they have comparisons."""
    with pytest.raises(QueryError, match="10,009 characters, more than 10,000"):
        parse_condition("a=1 or " + "b" * 10_000 + "=1")
    with pytest.raises(QueryError, match="more than 200 comparisons"):
        parse_condition(" or ".join(["a=1"] * 201))
    assert len(comparisons(parse_condition(" or ".join(["a=1"] * 200)))) == 200
    assert parse_condition("(" * 1000 + "a=1" + ")" * 1000) == A
    assert parse_condition("not " * 2001 + "a=1") == Negation(A)
    with pytest.raises(QueryError, match="nested more than 16 deep"):
        parse_condition("not (b=1 or " * 9 + "a=1" + ")" * 9)


def test_comparisons_know_their_place():
    """Each has the position of its column, so that an unknown one can be shown."""
    text = "a=1 and (not [b c]=2 or d in (3, 4))"
    assert [text[one.position :][:2] for one in comparisons(parse_condition(text))] == ["a=", "[b", "d ", "d "]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023:05:31 14:05:59", "2023-05-31 14:05:59"),
        ("2023-05-31T14:05:59", "2023-05-31 14:05:59"),
        ("2023-05-31", "2023-05-31"),
        ("2023-05", "2023-05"),
        ("31.05.2023", "2023-05-31"),
        ("1.5.2023 14:05", "2023-05-01 14:05"),
        (" Straße ", "strasse"),
        ("12-05-2023", "12-05-2023"),
        ("1.5", "1.5"),
    ],
)
def test_dates_are_compared_in_one_form(text: str, expected: str):
    """Dates of ISO 8601, of EXIF and with points become one form; other texts lose their case."""
    assert comparable(text) == expected
    assert is_date(comparable(text)) == expected.startswith("2023")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("32", 32), ("-1.50", -1.5), (".5", 0.5), ("007", 7), ("5MB", 5e6), ("1.5 GB", 1.5e9), ("3 kB", 3000)),
        *(("nan", None), ("inf", None), ("1e5", None), ("", None), ("5 m", None), ("٣", None), ("9" * 400, None)),
    ],
)
def test_numbers(text: str, expected: float | None):
    """Plain decimal numbers, with units of file sizes; nothing else."""
    assert number(text) == expected
