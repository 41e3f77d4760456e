"""The process that reads files: started by :mod:`lookalike.embedding.process`, it answers until its input ends."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from lookalike.embedding.load import Loaded, Loader
from lookalike.embedding.messages import receive, send
from lookalike.images import memory
from lookalike.images.decode import limit_frames
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped, image_error
from lookalike.images.messages import read_from
from lookalike.search.query import Region

_STDOUT, _STDERR = 1, 2
_ALLOWANCE: Final = 256_000_000
"""The bytes that this process may take beyond what it was given: for libraries, and for images that don't count."""
_SURPLUS: Final = 1.25
"""How much more than its estimate an image may take."""


def main() -> None:
    """Read the files that standard input asks for, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that embeds decides what happens then
    warnings.filterwarnings("ignore", module="PIL")
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    if hasattr(os, "pread"):  # not on Windows
        read_from(_STDERR)  # a file of this process alone
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    parent = _Parent(requests, answers)
    start = parent.next()
    loader, root = Loader.from_json(start["loader"]), Path(start["root"])
    limit_frames(loader.reading)
    given = _Memory(parent)
    memory.take_from(given.taken)
    parent.ready()
    while True:
        request = parent.next()
        given.begin()
        file = FoundFile(request["path"], FileStat(*request["stat"]))
        region = None if request["region"] is None else Region(*request["region"])
        parent.answer(loader.load(root, file, parent.is_known, region))


def _listen(stream: BinaryIO, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass on what the other process says. When it has ended, in whatever way, this one ends too, even in a decoder."""
    with suppress(EOFError, OSError):
        while True:
            requests.put(receive(stream)[0])
    os._exit(0)


class _Parent:
    """The process that asked for files."""

    def __init__(self, requests: queue.SimpleQueue[dict[str, Any]], answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers

    def ready(self) -> None:
        send(self._answers, {"ready": True})

    def next(self) -> dict[str, Any]:
        return self._requests.get()

    def ask(self, question: dict[str, Any]) -> Any:
        send(self._answers, question)
        return self.next()["answer"]

    def is_known(self, digest: bytes) -> bool:
        return bool(self.ask({"digest": digest.hex()}))

    def answer(self, outcome: Loaded | Skipped) -> None:
        if isinstance(outcome, Skipped):
            stat = outcome.stat and astuple(outcome.stat)
            send(self._answers, {"skipped": outcome.kind, "reason": outcome.reason, "stat": stat})
            return
        pixels = outcome.pixels
        message = {
            "loaded": outcome.digest.hex(),
            "stat": astuple(outcome.file.stat),
            "other_format": outcome.other_format,
            "share": outcome.share,
            "properties": outcome.properties and astuple(outcome.properties),
            "shape": None if pixels is None else pixels.shape,
        }
        send(self._answers, message, b"" if pixels is None else np.ascontiguousarray(pixels).data.cast("B"))


class _Memory:
    """Takes memory from the budget of the process that asked, and makes the system refuse more than that."""

    def __init__(self, parent: _Parent) -> None:
        self._parent = parent
        self._own = _data_bytes() + _ALLOWANCE

    def begin(self) -> None:
        """Begin another file, which has not been given anything."""
        _refuse_above(self._own)

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        refusal = self._parent.ask({"memory": count})
        if refusal is not None:
            raise image_error(SkipKind.OUT_OF_MEMORY, refusal)
        _refuse_above(self._own + round(count * _SURPLUS))
        yield  # and afterwards, until the image is small: the other process takes it back with the result


def _data_bytes() -> int:
    """The bytes that count for the limit on data: private, writable memory. 0 where the system doesn't tell."""
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(text.split("VmData:")[1].split()[0]) * 1024
    return 0


def _refuse_above(count: int) -> None:
    """Let allocations fail beyond ``count`` bytes in all, where the system can do that."""
    if sys.platform != "linux":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = count if hard == resource.RLIM_INFINITY else min(count, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
