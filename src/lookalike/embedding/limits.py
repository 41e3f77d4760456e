"""What reading one file may cost before it is given up."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

DEFAULT_SECONDS: Final = 60.0
_READING_SECONDS: Final = 60.0
_LEAST_BYTES_A_SECOND: Final = 1_000_000
"""A disk or a share that takes longer than those seconds, and then delivers less than this, is taken to hang."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How files are read.

    With ``isolate``, in processes of their own: a file that takes more than ``seconds`` to decode is given up, and so
    is one whose decoder crashes. Otherwise in threads of this process, where neither is possible. (How much memory
    decoding may take is the matter of :func:`~lookalike.images.memory.limit_memory`.)
    """

    seconds: float = DEFAULT_SECONDS
    isolate: bool = True


class _Default:
    """The limits of the whole process, for callers that state none."""

    # A program frozen into one file can't start a Python that reads files for it.
    limits = FileLimits(isolate=bool(sys.executable) and not getattr(sys, "frozen", False))


def default_limits() -> FileLimits:
    """The limits for callers that state none."""
    return _Default.limits


def set_default_limits(limits: FileLimits) -> None:
    """Change the limits for callers that state none, in the whole process."""
    _Default.limits = limits


def reading_seconds(size: int) -> float:
    """The time in seconds in which a file of ``size`` bytes must be read, before it is decoded."""
    return _READING_SECONDS + size / _LEAST_BYTES_A_SECOND
