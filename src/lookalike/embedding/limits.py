"""What reading one file may cost before it is given up."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

DEFAULT_SECONDS: Final = 60.0
_LEAST_BYTES_A_SECOND: Final = 1_000_000
"""A disk or a share that delivers less than this is taken to hang."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How files are read.

    With ``isolate``, in processes of their own: a file that takes more than ``seconds`` to decode is given up, and so
    is one whose decoder crashes. Otherwise in threads of this process, where neither is possible. (How much memory
    decoding may take is the matter of :func:`~lookalike.images.memory.limit_memory`.)
    """

    seconds: float = DEFAULT_SECONDS
    isolate: bool = True

    def with_options(self, *, seconds: float | None, isolate: bool) -> FileLimits:
        """These limits with other ``seconds``, if they are given, and not isolated if either says so."""
        return FileLimits(self.seconds if seconds is None else seconds, self.isolate and isolate)

    def reading_seconds(self, size: int) -> float:
        """The time in which a file of ``size`` bytes must be read."""
        return self.seconds + size / _LEAST_BYTES_A_SECOND


class _Default:
    limits = FileLimits()


def default_limits() -> FileLimits:
    """The limits for callers that state none. A program frozen into one file can't start processes of itself."""
    return FileLimits(isolate=False) if getattr(sys, "frozen", False) else _Default.limits


def set_default_limits(limits: FileLimits) -> None:
    """Change the limits for callers that state none, in the whole process."""
    _Default.limits = limits
