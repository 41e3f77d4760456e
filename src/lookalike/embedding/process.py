"""A process that reads files, seen from the process that embeds them."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from lookalike.embedding.limits import FileLimits, reading_seconds
from lookalike.embedding.load import Loaded, Loader
from lookalike.embedding.messages import receive, send
from lookalike.errors import ImageError, ReadingProcessError
from lookalike.images import memory
from lookalike.images.decode import Properties
from lookalike.images.files import FileStat, FoundFile, SkipKind, Skipped
from lookalike.search.query import Region
from lookalike.text import printable

_LOG: Final = logging.getLogger(__name__)

_START: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from lookalike.embedding.worker import main; main()"
)
_ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1"}
"""Linear algebra is no work of these processes, and the threads that it starts cost a third of their start."""
_NEVER: Final = float("inf")
_LAST_WAIT: Final = 0.5
"""The seconds that a killed process has to end. One that hangs in a read from a lost disk doesn't."""


class ReaderProcess:
    """A process that reads one file at a time.

    It is started when it is made. :meth:`read` is for one thread; :meth:`end_if_late` and :meth:`kill` may be called on
    others.
    """

    def __init__(self, loader: Loader, root: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._deadline = _NEVER
        self._is_late = False
        self._was_killed = False
        self._is_ready = False
        self._process = _start()
        self._requests = cast("BinaryIO", self._process.stdin)
        self._answers = cast("BinaryIO", self._process.stdout)
        with suppress(OSError):  # if it has ended already, that is told when it is asked for a file
            send(self._requests, {"loader": loader.to_json(), "root": str(root.absolute())})

    def read(self, file: FoundFile, known: Callable[[bytes], bool], region: Region | None = None) -> Loaded | Skipped:
        """As :meth:`Loader.load`. When that ends the process, the file is skipped, and :attr:`is_alive` is false.

        Raises :class:`~lookalike.errors.ReadingProcessError` if the process didn't start, and ``EOFError`` if it was
        killed by :meth:`kill`.
        """
        was_read = False
        with ExitStack() as memory_taken:
            try:
                self._wait_until_ready()
                part = None if region is None else astuple(region)
                request = {"path": file.path, "stat": astuple(file.stat), "region": part}
                self._send(request, reading_seconds(file.stat.size))
                while True:
                    message, payload = receive(self._answers)
                    self._set_deadline(_NEVER)
                    if "digest" in message:
                        was_read = True
                        self._send({"answer": known(bytes.fromhex(message["digest"]))}, self._limits.seconds)
                    elif "memory" in message:
                        self._send({"answer": _take(message["memory"], memory_taken)}, self._limits.seconds)
                    else:
                        return _outcome(file, message, payload)
            except (EOFError, OSError) as error:
                if self._was_killed and not self._is_late:
                    raise EOFError from error
                if not self._is_ready:
                    raise _not_started_error(self._how_it_ended()) from error
                return self._lost(file, was_read=was_read)

    @property
    def is_alive(self) -> bool:
        """Whether the process can read another file."""
        return not self._was_killed and self._process.poll() is None

    def end_if_late(self) -> None:
        """Kill the process if it has taken too long for its file."""
        with self._lock:  # so that a process that has just answered isn't killed for it
            if time.monotonic() > self._deadline:
                self._is_late = True
                self.kill()

    def kill(self) -> None:
        """End the process at once, also in the middle of a file."""
        self._was_killed = True
        self._process.kill()

    def close(self) -> None:
        """End the process, and release what this one holds of it."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WAIT)
        for stream in (self._requests, self._answers):
            with suppress(OSError):
                stream.close()

    def _wait_until_ready(self) -> None:
        if not self._is_ready:
            receive(self._answers)
            self._is_ready = True

    def _send(self, message: dict[str, Any], seconds: float) -> None:
        self._set_deadline(time.monotonic() + seconds)
        send(self._requests, message)

    def _set_deadline(self, deadline: float) -> None:
        with self._lock:
            self._deadline = deadline

    def _lost(self, file: FoundFile, *, was_read: bool) -> Skipped:
        """What becomes of the file at which the process ended."""
        _LOG.info("the process that read %s ended", printable(file.path))
        self._set_deadline(_NEVER)
        if not self._is_late:
            return Skipped(file.path, SkipKind.CRASHED, f"its decoder crashed ({self._how_it_ended()})", file.stat)
        if was_read:
            reason = f"not decoded within {self._limits.seconds:g} s (--time-limit)"
            return Skipped(file.path, SkipKind.TIMED_OUT, reason, file.stat)
        reason = f"can't be read (no answer within {reading_seconds(file.stat.size):.0f} s)"
        return Skipped(file.path, SkipKind.UNREADABLE, reason, file.stat)

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WAIT)
        code = self._process.poll()
        if code is None or code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"


def _start() -> subprocess.Popen[bytes]:
    # What this process finds, but -P: not what happens to be in the current folder.
    folders = json.dumps([str(Path(folder).absolute()) for folder in sys.path])
    try:
        with tempfile.TemporaryFile() as printed:
            return subprocess.Popen(  # noqa: S603  this Python, and nothing from outside
                [sys.executable, "-P", "-c", _START, folders],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                env=os.environ | _ENVIRONMENT,
            )
    except OSError as error:
        raise _not_started_error(error.strerror or str(error)) from error


def _not_started_error(problem: str) -> ReadingProcessError:
    return ReadingProcessError(
        f"can't start a process that reads images ({problem}); to read them in this one: --no-isolate"
    )


def _take(count: int, memory_taken: ExitStack) -> str | None:
    """Take ``count`` bytes from this process's budget for the file, instead of what was taken for it before.

    Returns why that is refused, or None.
    """
    memory_taken.close()
    try:
        memory_taken.enter_context(memory.budget().taken(count))
    except ImageError as error:
        return error.reason
    return None


def _outcome(file: FoundFile, message: dict[str, Any], payload: bytes) -> Loaded | Skipped:
    stat = None if message["stat"] is None else FileStat(*message["stat"])
    if "skipped" in message:
        return Skipped(file.path, SkipKind(message["skipped"]), message["reason"], stat)
    shape = message["shape"]
    pixels = None if shape is None else np.frombuffer(payload, np.uint8).reshape(shape)
    current = FoundFile(file.path, stat or file.stat)
    properties = None if message["properties"] is None else Properties(*message["properties"])
    digest = bytes.fromhex(message["loaded"])
    return Loaded(current, digest, message["other_format"], pixels, message["share"], properties)
