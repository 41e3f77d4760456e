"""Only so much work is accepted at a time; what is beyond that is refused at once, and not queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.errors import OverloadedError


class Admission:
    """Counts the requests of one kind that are worked on or waiting; used on the thread of the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A context for one request; raises :class:`~lookalike.errors.OverloadedError` if there are too many."""
        if self.count >= self._most:
            raise OverloadedError("the server has too much to do at this moment; try again in a second", seconds=1)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
