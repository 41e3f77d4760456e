"""Use the library of ``system_calls.c`` in this process: fail, kill at or record system calls on files of a folder."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

LIBRARY: Final = "LOOKALIKE_TORTURE_LIBRARY"
"""The environment variable with the path of the library that this process was started with."""


class Kind(IntFlag):
    """Kinds of system calls."""

    READS = 1
    CHANGES = 2
    GROWS = 4
    """Calls that need space on the disk."""


class Action(IntEnum):
    """What happens at a system call."""

    NOTHING = 0
    KILL = 1
    FAIL_ONCE = 2
    FAIL_FROM_THEN_ON = 3
    MOVE_AWAY = 4


@dataclass(frozen=True)
class Plan:
    """``action`` happens at the ``at``-th system call of one of ``kinds``, from 1.

    ``error`` is the error number of calls that fail; a folder that is moved away goes from ``moved`` to the other path.
    """

    kinds: Kind
    action: Action = Action.NOTHING
    at: int = 0
    error: int = 0
    moved: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class Call:
    """A recorded system call.

    ``operation`` is c (create), t (truncate), w (write), s (sync), n (rename), u (unlink), m or r (make or remove a
    folder), or ! (a mark); ``data`` is what was written at ``offset``, the new path or the text of the mark.
    """

    operation: str
    path: str
    offset: int
    data: bytes


def start_with_library(folder: Path, module: str, arguments: list[str]) -> int:
    """Run a Python module with the library, which is compiled in ``folder``; returns the exit code."""
    library = folder / "system_calls.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), LIBRARY: str(library)}
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, check=False).returncode


def is_supported() -> bool:
    """Whether the library can be compiled and used here."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def watch(folder: Path) -> None:
    """Watch the system calls on files below ``folder``, and on no others."""
    _library().torture_watch(os.fsencode(folder.resolve()))


def arm(plan: Plan) -> None:
    """Count system calls from here on, and carry out ``plan``."""
    source, target = map(os.fsencode, plan.moved or ("", ""))
    _library().torture_arm(int(plan.kinds), int(plan.action), ctypes.c_long(plan.at), plan.error, source, target)


def count() -> int:
    """How many of the planned kinds of system calls there were."""
    return int(_library().torture_calls())


def mark(text: str) -> None:
    """Record that something has happened, such as that the user was told of a commit."""
    _library().torture_mark(text.encode())


@contextmanager
def recorded(log: Path) -> Iterator[None]:
    """Record the changes in the watched folder into the file ``log``."""
    with log.open("wb") as file:
        _library().torture_record(file.fileno())
        try:
            yield
        finally:
            _library().torture_record(-1)


def read_log(log: Path) -> list[Call]:
    """The recorded calls, in order."""
    content, place, calls = log.read_bytes(), 0, []
    header = struct.Struct("=cqII")
    while place < len(content):
        operation, offset, path_size, data_size = header.unpack_from(content, place)
        place += header.size
        path = os.fsdecode(content[place : place + path_size])
        place += path_size
        calls.append(Call(operation.decode(), path, offset, content[place : place + data_size]))
        place += data_size
    return calls


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ[LIBRARY])
    library.torture_calls.restype = ctypes.c_long
    return library
