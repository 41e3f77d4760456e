"""The memory that decoding may take: an estimate for each image, and a budget that all images together keep to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from lookalike.images.files import SkipKind, image_error
from lookalike.machine import memory

_SMALL: Final = 64_000_000
"""Images that need no more bytes than this don't count."""
_SHARE: Final = 0.5
"""The share of the machine's memory that decoding may take, unless :func:`limit_memory` says otherwise."""

_BYTES_A_PIXEL: Final = {
    "JPEG": 12,
    "PNG": 20,
    "GIF": 16,
    "BMP": 8,
    "TIFF": 24,
    "WEBP": 20,
    "HEIF": 16,
    "AVIF": 16,
    "JPEG2000": 28,
    "JPEGXL": 28,
    "PPM": 16,
}
"""The bytes that decoding takes at most for each pixel of an image (docs/formats.md)."""
_OTHER_FORMATS: Final = 16


def decoding_bytes(form: str, size: tuple[int, int]) -> int:
    """How many bytes it takes at most to decode an image of ``size`` (width, height) in the format ``form``."""
    return _BYTES_A_PIXEL.get(form, _OTHER_FORMATS) * size[0] * size[1]


class MemoryBudget:
    """``total`` bytes that threads share: each takes what it needs, and waits until that is free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Take ``count`` bytes for the block; raises :class:`~lookalike.errors.ImageError` if there will never be."""
        if count > self.total:
            raise image_error(
                SkipKind.OUT_OF_MEMORY,
                f"decoding it may take {count / 1e9:.1f} GB of memory, above the limit of {self.total / 1e9:.1f} GB "
                "(--memory)",
            )
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()


class _Process:
    """The budget of this process, made when it is first needed, and how memory is taken from it."""

    budget: MemoryBudget | None = None
    take: Callable[[int], AbstractContextManager[None]] | None = None
    lock = threading.Lock()


def budget() -> MemoryBudget:
    """The budget of this process."""
    with _Process.lock:
        if _Process.budget is None:
            _Process.budget = MemoryBudget(round(memory() * _SHARE))
        return _Process.budget


def limit_memory(count: int) -> None:
    """Let decoding take ``count`` bytes at most, over all threads of this process and the processes it starts.

    Without this, it is half of what the machine, or the container, has. Raises ValueError if ``count`` is less than 1.
    """
    if count < 1:
        raise ValueError(f"the memory must be at least 1 byte, not {count}")
    with _Process.lock:
        _Process.budget = MemoryBudget(count)


def take_from(take: Callable[[int], AbstractContextManager[None]]) -> None:
    """Let ``take`` give memory instead of this process's own budget, as in a process that shares another one's."""
    _Process.take = staticmethod(take)


def taken(count: int) -> AbstractContextManager[None]:
    """Take ``count`` bytes from the budget for a block; see :meth:`MemoryBudget.taken`."""
    if count <= _SMALL:
        return nullcontext()
    return _Process.take(count) if _Process.take is not None else budget().taken(count)
