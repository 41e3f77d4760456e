"""Read files in processes of their own, so that none of them can stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from lookalike.embedding.limits import FileLimits, default_limits
from lookalike.embedding.load import Loaded, Loader
from lookalike.embedding.process import ReaderProcess
from lookalike.images.files import FoundFile, Skipped
from lookalike.search.query import Region

_CHECK_SECONDS: Final = 0.25
"""How often it is checked whether a file takes too long."""


class Reader(Protocol):
    """Reads files; any number of threads may share it."""

    def start(self, count: int) -> None:
        """Start ``count`` processes, if this reader has any, while other work is done; files start them otherwise."""
        ...

    def read(self, file: FoundFile, region: Region | None = None) -> Loaded | Skipped:
        """Read one file, or a ``region`` of it."""
        ...

    def close(self) -> None:
        """End what is being read, and release everything; may be called again."""
        ...


def open_reader(loader: Loader, root: Path, known: Callable[[bytes], bool], limits: FileLimits | None = None) -> Reader:
    """A reader of the files below ``root``; see :meth:`Loader.load`."""
    limits = limits or default_limits()
    return _IsolatedReader(loader, root, known, limits) if limits.isolate else _Reader(loader, root, known)


class _Reader:
    """Reads files in the thread that asks."""

    def __init__(self, loader: Loader, root: Path, known: Callable[[bytes], bool]) -> None:
        self._loader = loader
        self._root = root
        self._known = known

    def start(self, count: int) -> None:
        pass

    def read(self, file: FoundFile, region: Region | None = None) -> Loaded | Skipped:
        return self._loader.load(self._root, file, self._known, region)

    def close(self) -> None:
        pass


class _IsolatedReader:
    """Reads files in as many processes as there are threads that ask; one that ends is started again."""

    def __init__(self, loader: Loader, root: Path, known: Callable[[bytes], bool], limits: FileLimits) -> None:
        self._loader = loader
        self._root = root
        self._known = known
        self._limits = limits
        self._lock = threading.Lock()
        self._idle: list[ReaderProcess] = []
        self._all: list[ReaderProcess] = []
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._end_late_ones, name="reading time", daemon=True)
        self._watch.start()

    def start(self, count: int) -> None:
        for process in [self._borrow() for _ in range(count)]:
            self._give_back(process)

    def read(self, file: FoundFile, region: Region | None = None) -> Loaded | Skipped:
        process = self._borrow()
        try:
            return process.read(file, self._known, region)
        finally:
            self._give_back(process)

    def close(self) -> None:
        self._closed.set()
        self._watch.join()
        with self._lock:
            processes, self._all, self._idle = self._all, [], []
        for process in processes:
            process.kill()
        for process in processes:
            process.close()

    def _borrow(self) -> ReaderProcess:
        with self._lock:
            if self._closed.is_set():
                raise EOFError
            if self._idle:
                return self._idle.pop()
            process = ReaderProcess(self._loader, self._root, self._limits)
            self._all.append(process)
            return process

    def _give_back(self, process: ReaderProcess) -> None:
        with self._lock:
            if process not in self._all:
                return  # closed meanwhile
            if process.is_alive:
                self._idle.append(process)
                return
            self._all.remove(process)
        process.close()

    def _end_late_ones(self) -> None:
        while not self._closed.wait(_CHECK_SECONDS):
            with self._lock:
                processes = list(self._all)
            for process in processes:
                process.end_if_late()
