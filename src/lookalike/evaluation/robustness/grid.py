"""Which cells a robustness run has: damaged versions of every picture, for the side that is asked about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import CORRUPTIONS, SEVERITIES, Corruption, find, generator_for, of_family

Side = Literal["query", "gallery", "both", "mixed"]
"""What is damaged: the queries, the gallery, both (drawn independently), or each gallery picture with p = 0.5."""

SIDES: Final[tuple[Side, ...]] = ("query", "gallery", "both", "mixed")

MIXED_SHARE: Final = 0.5
"""The probability with which a gallery picture is damaged where the side is ``mixed``."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of every picture: clean (severity 0), or damaged by ``corruption`` at ``severity``.

    ``draw`` tells apart damages of the same kind with random numbers of their own: 1, or 2 where the same picture needs
    another damage as a gallery picture than it has as a query.
    """

    corruption: str = ""
    severity: int = 0
    draw: int = 1

    @property
    def name(self) -> str:
        """What it is stored under: it changes with the corruption's parameters, so that old vectors aren't reused."""
        if not self.severity:
            return "clean"
        parameters = dict(CORRUPTIONS[self.corruption].parameters(self.severity))
        told = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:12]
        return f"{self.corruption} {self.severity} draw {self.draw} {told}"


CLEAN: Final = Version()


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid: a corruption at a severity."""

    corruption: str
    severity: int

    def queries(self, side: Side) -> Version:
        """The version that queries have in this cell (damaged ones, where the side is ``mixed``)."""
        return CLEAN if side == "gallery" else Version(self.corruption, self.severity)

    def gallery(self, side: Side) -> Version:
        """The version that gallery pictures have in this cell (damaged ones, where the side is ``mixed``).

        A query's own row is never in its gallery, so one damage for each picture leaves queries and gallery independent
        of one another; ``both`` still draws a second time, so that no two rankings share a damaged picture either.
        """
        if side == "query":
            return CLEAN
        return Version(self.corruption, self.severity, 2 if side == "both" else 1)


def chosen(names: Iterable[str] = (), families: Iterable[str] = (), *, controls: bool = True) -> tuple[Corruption, ...]:
    """The corruptions of these names and families, all if neither is given, in the catalogue's order.

    ``controls`` adds the controls of those named. Raises :class:`~lookalike.errors.UnknownCorruptionError`.
    """
    wanted = {find(name).name for name in names}
    wanted |= {corruption.name for family in families for corruption in of_family(family)}
    if not wanted:
        return tuple(CORRUPTIONS.values())
    return tuple(
        corruption
        for corruption in CORRUPTIONS.values()
        if corruption.name in wanted or (controls and corruption.control_of in wanted)
    )


def grid(corruptions: Sequence[Corruption], severities: Sequence[int] = SEVERITIES) -> tuple[Cell, ...]:
    """A cell for each corruption and each of the ``severities`` that it has.

    Raises :class:`~lookalike.errors.EvaluationError` for a severity that nothing has, and where nothing is left.
    """
    for severity in severities:
        if severity not in SEVERITIES:
            raise EvaluationError(f"there is no severity {severity}; there are {SEVERITIES[0]} to {SEVERITIES[-1]}")
    cells = tuple(
        Cell(corruption.name, severity)
        for corruption in corruptions
        for severity in sorted(set(severities))
        if severity in corruption.severities
    )
    if not cells:
        names = ", ".join(corruption.name for corruption in corruptions)
        raise EvaluationError(f"nothing to do: {names or 'no corruption'} at none of the severities asked for")
    return cells


def without_severities(corruptions: Sequence[Corruption], severities: Sequence[int]) -> list[str]:
    """What has none of the ``severities`` and is in no figure therefore, in words."""
    left = [one.name for one in corruptions if not set(severities) & set(one.severities)]
    return [f"left out, having none of the severities asked for: {', '.join(left)}"] if left else []


def versions_of(cells: Sequence[Cell], side: Side) -> tuple[Version, ...]:
    """All versions that these cells need, the clean one first, each once."""
    needed = [CLEAN]
    for cell in cells:
        needed += [cell.queries(side), cell.gallery(side)]
    return tuple(dict.fromkeys(needed))


def identity(digest: bytes, draw: int) -> bytes:
    """What a picture is known by when its damage is drawn: its content, and which of its draws."""
    return digest if draw == 1 else digest + f" draw {draw}".encode()


def damaged_of_mixed(digests: Sequence[bytes], corruption: str, *, seed: int) -> NDArray[np.bool_]:
    """Which gallery pictures are damaged where the side is ``mixed``: bool (n,), the same at all severities."""
    draws = (generator_for(digest + b" mixed", corruption, seed=seed).random() for digest in digests)
    return np.fromiter((draw < MIXED_SHARE for draw in draws), np.bool_, len(digests))
