"""Run a function on threads ahead of the consumer of its results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from lookalike.machine import processors

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_ahead(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    limit: int,
    *,
    threads: int | None = None,
    cancel: Callable[[], None] = lambda: None,
) -> Iterator[_Result]:
    """The results of ``function`` for all ``items``, in order, computed on threads ahead of the consumer.

    At most ``limit`` results wait for the consumer. ``threads`` defaults to one per processor. An exception is raised
    in the place of its result; then, and when the consumer stops, items that no thread has begun are dropped, and
    ``cancel`` is called, which may end those that have begun.
    """
    remaining = iter(items)
    pending: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads or processors(), thread_name_prefix="ahead")
    try:
        pending.extend(pool.submit(function, item) for item in islice(remaining, limit))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(remaining, 1))
    finally:
        cancel()
        pool.shutdown(cancel_futures=True)
