"""Results that are kept until others were asked for more lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Keeps the ``most`` results that were asked for last; any number of threads may use it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[_Key, _Value] = OrderedDict()

    def find(self, key: _Key) -> _Value | None:
        """The result for ``key``; None if it isn't kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def find_or_make(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The result for ``key``, made and kept if there is none. Several threads may make it at the same time."""
        value = self.find(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value

    def keep(self, key: _Key, value: _Value) -> None:
        """Keep a result, instead of the one that was asked for least lately if there are too many."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
