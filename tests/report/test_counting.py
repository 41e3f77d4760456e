"""Numbers with the word for what they count."""

from lookalike.text import plural


def test_one_is_told_from_several():
    """The word agrees with its number, in English's own way where it isn't an s."""
    assert [plural(number, "file") for number in (0, 1, 2, 1000)] == ["0 files", "1 file", "2 files", "1,000 files"]
    assert [plural(number, "query", "queries") for number in (1, 3)] == ["1 query", "3 queries"]
