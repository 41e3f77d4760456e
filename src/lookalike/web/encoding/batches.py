"""Encode the images of many requests together: those that arrive while a batch is encoded are the next batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

_Pixels = NDArray[np.uint8]
_Vector = NDArray[np.float32]
_Waiting = tuple[_Pixels, asyncio.Future[_Vector]]


class MicroBatches:
    """Encodes prepared images with ``encode``, at most ``size`` at a time, on a thread.

    No image waits for others: a batch is whatever has arrived when the one before it is done. Requests that are
    cancelled meanwhile are left out.
    """

    def __init__(self, encode: Callable[[Sequence[_Pixels]], NDArray[np.float32]], size: int) -> None:
        self._encode = encode
        self._size = size
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many images wait for a batch."""
        return len(self._waiting)

    async def embed(self, pixels: _Pixels) -> _Vector:
        """The embedding, float32 (dimension,), of one image, uint8 (v, S, S, 3)."""
        future: asyncio.Future[_Vector] = asyncio.get_running_loop().create_future()
        self._waiting.append((pixels, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while batch := self._next():
            try:
                vectors = await asyncio.to_thread(self._encode, [pixels for pixels, _ in batch])
            except Exception as error:  # noqa: BLE001  it is the answer to those who wait
                _fail(batch, error)
            else:
                for (_, future), vector in zip(batch, vectors, strict=True):
                    if not future.done():
                        future.set_result(vector)
        self._task = None

    def _next(self) -> list[_Waiting]:
        """The next images that somebody still waits for."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._size:
            item = self._waiting.popleft()
            if not item[1].done():
                batch.append(item)
        return batch


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
