"""Work that runs ahead of its consumer on threads."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedding.ahead import map_ahead


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(), max_size=40), st.integers(1, 9), st.integers(1, 5))
def test_results_keep_the_order_of_the_items(items: list[int], limit: int, threads: int):
    """Whatever the limit and the number of threads, results come in the order of the items."""
    assert list(map_ahead(lambda item: item * 2, items, limit, threads=threads)) == [item * 2 for item in items]


@pytest.mark.parametrize("threads", [1, 4])
def test_no_more_than_the_limit_runs_ahead(threads: int):
    """However slow the consumer, at most the limit of items has begun beyond what it has taken."""
    begun: list[int] = []
    results = map_ahead(lambda item: begun.append(item) or item, range(100), 5, threads=threads)
    for taken, _ in enumerate(results):
        time.sleep(0.001)
        assert len(begun) <= taken + 1 + 5


def test_an_exception_comes_in_its_place_and_ends_the_work():
    """Results before the failure arrive; after it no thread is left and later items are not begun."""
    begun = []

    def fail_at_three(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ZeroDivisionError
        return item

    results, received = map_ahead(fail_at_three, range(1000), 10, threads=2), list[int]()
    with pytest.raises(ZeroDivisionError):
        received.extend(results)
    assert received == [0, 1, 2]
    assert max(begun) < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_a_consumer_that_stops_ends_the_threads():
    """Closing the generator drops what has not begun and ends its threads."""
    begun = []
    results = map_ahead(begun.append, range(1000), 10, threads=2)
    next(results)
    results.close()
    assert len(begun) <= 11
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
