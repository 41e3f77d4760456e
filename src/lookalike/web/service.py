"""What a server works with: its galleries, threads, and how much of what is going on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from lookalike.machine import processors
from lookalike.web.admission import Admission
from lookalike.web.galleries.served import Galleries, ServedGallery
from lookalike.web.galleries.watching import Watcher
from lookalike.web.settings import Settings
from lookalike.web.telemetry import Telemetry

_Result = TypeVar("_Result")


class Service:
    """One server. Open it with its galleries; close it when no request is worked on any more."""

    def __init__(self, settings: Settings) -> None:
        """Open the galleries. Raises what :meth:`~lookalike.Gallery.open` does."""
        self.settings = settings
        self.galleries = Galleries(settings)
        self.searches = Admission(settings.limits.searches)
        self.upload_bytes = Admission(settings.limits.waiting_bytes)
        self.files = Admission(settings.limits.files)
        self.comparisons = Admission(4)
        self.telemetry = Telemetry()
        self._watcher = Watcher(list(self.galleries), settings.limits.locked_seconds) if settings.watch else None
        self._search_threads = ThreadPoolExecutor(processors() + 2, thread_name_prefix="search")
        self._file_threads = ThreadPoolExecutor(processors(), thread_name_prefix="files")
        self._comparison_threads = ThreadPoolExecutor(1, thread_name_prefix="compare")

    def start(self) -> None:
        """Begin to watch folders, and load the encoders of all galleries, so that the first search doesn't have to.

        Raises :class:`~lookalike.errors.EncoderError`.
        """
        if self._watcher is not None:
            self._watcher.start()
        for served in self.galleries:
            served.query_encoder()

    async def on_search_thread(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run what reads galleries."""
        return await self._run(self._search_threads, function, *arguments)

    async def on_file_thread(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run what reads image files."""
        return await self._run(self._file_threads, function, *arguments)

    async def on_comparison_thread(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run what compares all images of a gallery, one after another."""
        return await self._run(self._comparison_threads, function, *arguments)

    def chosen(self, names: list[str]) -> list[ServedGallery]:
        """The galleries with these ``names``, or all; raises :class:`~lookalike.errors.QueryError`."""
        return [self.galleries[name] for name in dict.fromkeys(names)] if names else list(self.galleries)

    def work(self) -> dict[str, int]:
        """How many requests of each kind are worked on or waiting."""
        return {
            "search": self.searches.count,
            "file": self.files.count,
            "comparison": self.comparisons.count,
        }

    def close(self) -> None:
        """Close everything."""
        if self._watcher is not None:
            self._watcher.stop()
        for pool in (self._search_threads, self._file_threads, self._comparison_threads):
            pool.shutdown(wait=True, cancel_futures=True)
        self.galleries.close()

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, function: Callable[..., _Result], *arguments: Any) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(pool, partial(function, *arguments))
