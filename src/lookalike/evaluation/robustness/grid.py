"""The grid of a robustness run: its cells (corruption x severity), and the image versions that they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EvaluationError
from lookalike.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    STANDARD_SIDE,
    Corruption,
    corruptions_of_family,
    find_corruption,
    generator_for,
)
from lookalike.evaluation.corruptions.corruption import DonorKind
from lookalike.plugins import plugin_versions

Target = Literal["query", "gallery", "both", "mixed"]
"""What is corrupted: the queries, the gallery, both (with separate draws), or each gallery image with p = 0.5."""

TARGETS: Final[tuple[Target, ...]] = ("query", "gallery", "both", "mixed")

MIXED_PROBABILITY: Final = 0.5
"""The probability that a gallery image is corrupted when the target is ``mixed``."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of every image: clean (severity 0), or corrupted by ``corruption`` at ``severity``.

    ``draw`` selects the random numbers: 2 where an image is corrupted differently in the gallery than as a query,
    otherwise 1.
    """

    corruption: str = ""
    severity: int = 0
    draw: int = 1

    @property
    def donor(self) -> DonorKind | None:
        """Which image provides its background, None if none does."""
        return CORRUPTIONS[self.corruption].donor if self.severity else None

    def describe(self, seed: int) -> dict[str, Any]:
        """All that decides what becomes of an image, for JSON: the key that its embedding is kept under."""
        # Other versions of this package and of plug-ins may make other images from the same parameters.
        made = {"lookalike": version("lookalike"), "plugins": plugin_versions(), "side": STANDARD_SIDE}
        if not self.severity:
            return made
        parameters = dict(CORRUPTIONS[self.corruption].parameters(self.severity))
        return {**made, "corruption": self.corruption, "parameters": parameters, "draw": self.draw, "seed": seed}


CLEAN: Final = Version()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid: a corruption at a severity."""

    corruption: str
    severity: int

    def query_version(self, target: Target) -> Version:
        """The version of the queries in this cell; the corrupted one if the target is ``mixed``."""
        return CLEAN if target == "gallery" else Version(self.corruption, self.severity)

    def gallery_version(self, target: Target) -> Version:
        """The version of the gallery images in this cell; the corrupted one if the target is ``mixed``.

        A query's own row is never in its gallery, so one draw per image keeps queries and gallery independent. ``both``
        still uses a second draw, so that no two rankings share a corrupted image either.
        """
        if target == "query":
            return CLEAN
        return Version(self.corruption, self.severity, 2 if target == "both" else 1)


def select_corruptions(
    names: Iterable[str] = (), families: Iterable[str] = (), *, controls: bool = True
) -> tuple[Corruption, ...]:
    """The corruptions with these names and of these families, in catalogue order; all if neither is given.

    ``controls`` adds the controls of the selected ones. Raises :class:`~lookalike.errors.UnknownCorruptionError`.
    """
    selected = {find_corruption(name).name for name in names}
    selected |= {corruption.name for family in families for corruption in corruptions_of_family(family)}
    if not selected:
        return tuple(CORRUPTIONS.values())
    return tuple(
        corruption
        for corruption in CORRUPTIONS.values()
        if corruption.name in selected or (controls and corruption.control_of in selected)
    )


def grid(corruptions: Sequence[Corruption], severities: Sequence[int] = SEVERITIES) -> tuple[Cell, ...]:
    """A cell for each corruption and each of the ``severities`` that it has.

    Raises :class:`~lookalike.errors.EvaluationError` for an invalid severity, and if no cell remains.
    """
    for severity in severities:
        if severity not in SEVERITIES:
            raise EvaluationError(
                f"invalid severity {severity}: severities go from {SEVERITIES[0]} to {SEVERITIES[-1]}"
            )
    cells = tuple(
        Cell(corruption.name, severity)
        for corruption in corruptions
        for severity in sorted(set(severities))
        if severity in corruption.severities
    )
    if not cells:
        names = ", ".join(corruption.name for corruption in corruptions)
        raise EvaluationError(f"nothing to measure: {names or 'no corruption'} has none of the requested severities")
    return cells


@dataclass(frozen=True, slots=True)
class Grid:
    """What is measured: ``cells`` with one ``target``; ``notes`` say what was left out of what was requested."""

    cells: tuple[Cell, ...]
    target: Target
    notes: tuple[str, ...]

    @classmethod
    def of(cls, corruptions: Iterable[str], families: Iterable[str], severities: Sequence[int], target: Target) -> Grid:
        """The grid of :func:`select_corruptions` and :func:`grid`; raises their errors, and that for the target."""
        if target not in TARGETS:
            raise EvaluationError(f"unknown target {target!r}: choose from {', '.join(TARGETS)}")
        selected = select_corruptions(corruptions, families)
        return cls(grid(selected, severities), target, tuple(severity_notes(selected, severities)))

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities of all cells, sorted."""
        return tuple(sorted({cell.severity for cell in self.cells}))

    @property
    def versions(self) -> tuple[Version, ...]:
        """All versions of images that the cells need, each once, the clean one first."""
        return versions_of(self.cells, self.target)


def severity_notes(corruptions: Sequence[Corruption], severities: Sequence[int]) -> list[str]:
    """A note that names the corruptions left out because they have none of the ``severities``."""
    omitted = [one.name for one in corruptions if not set(severities) & set(one.severities)]
    return (
        [f"not measured, because they have none of the requested severities: {', '.join(omitted)}"] if omitted else []
    )


def versions_of(cells: Sequence[Cell], target: Target) -> tuple[Version, ...]:
    """All versions that these cells need, each once, the clean one first."""
    versions = [CLEAN]
    for cell in cells:
        versions += [cell.query_version(target), cell.gallery_version(target)]
    return tuple(dict.fromkeys(versions))


def image_key(digest: bytes, draw: int) -> bytes:
    """The key that seeds an image's random numbers: its content digest, and which draw it is."""
    return digest if draw == 1 else digest + f" draw {draw}".encode()


def mixed_gallery_mask(digests: Sequence[bytes], corruption: str, *, seed: int) -> NDArray[np.bool_]:
    """Which gallery images are corrupted when the target is ``mixed``: bool (n,), the same at all severities."""
    draws = (generator_for(digest + b" mixed", corruption, seed=seed).random() for digest in digests)
    return np.fromiter((draw < MIXED_PROBABILITY for draw in draws), np.bool_, len(digests))
