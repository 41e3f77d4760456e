"""Only so much work is accepted at a time; what is beyond that is refused at once, and not queued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.errors import OverloadedError


class Admission:
    """Adds up what is worked on or waiting, such as requests of one kind; used on the thread of the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    @contextmanager
    def admitted(self, amount: int = 1) -> Iterator[None]:
        """A context for so much more; raises :class:`~lookalike.errors.OverloadedError` if that is too much."""
        if self.count + amount > self._most:
            raise OverloadedError("the server has too much to do at this moment; try again in a second", seconds=1)
        self.count += amount
        try:
            yield
        finally:
            self.count -= amount
