"""What a robustness run found: figures for every cell of the grid, their means, and what they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.encoders.spec import EncoderSpec
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.provenance import Provenance
from lookalike.evaluation.robustness.donors import Donors
from lookalike.evaluation.robustness.grid import Side
from lookalike.images.files import Skipped

if TYPE_CHECKING:
    from lookalike.evaluation.data.relevance import Junk
    from lookalike.evaluation.scoring.results import Exclusion
    from lookalike.evaluation.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure on damaged pictures, beside the same on clean ones.

    ``value`` is the mean over scored queries, 0 to 1, with its ``interval``. ``retention`` is (value - chance) /
    (clean - chance), None where clean - chance is below 0.05, with ``retained``, its interval from groups resampled for
    both together; ``raw`` is value / clean, None where clean is 0. Intervals are None with fewer than ten groups.
    """

    value: float
    interval: Interval | None
    retention: float | None
    retained: Interval | None
    raw: float | None


Measures = Mapping[str, Measure]
"""Measures by figure: ``precision@1``, ``precision@10``, ``map``."""


@dataclass(frozen=True, slots=True)
class FirstHits:
    """What comes first where half the gallery is damaged; shares 0 to 1, nan where there is nothing to count.

    ``gallery`` is the share of gallery pictures that are damaged. ``of_damaged`` and ``of_clean`` are the shares of
    first hits that are damaged, where the query is damaged and where it is clean. ``wrong_alike`` is the share of wrong
    first hits that are in the query's own condition.
    """

    gallery: float
    of_damaged: float
    of_clean: float
    wrong_alike: float

    @property
    def pull(self) -> float:
        """``of_damaged`` - ``of_clean``: 0 where condition doesn't matter, 1 where it alone decides."""
        return self.of_damaged - self.of_clean


@dataclass(frozen=True, slots=True)
class CellResult:
    """One corruption at one severity.

    ``first_hits`` is there only where the side is ``mixed``.
    """

    corruption: str
    severity: int
    parameters: Mapping[str, float]
    measures: Measures
    first_hits: FirstHits | None = None


@dataclass(frozen=True, slots=True)
class CorruptionResult:
    """One corruption: its cells, and ``measures`` of every query's mean over them.

    ``control_of`` names the corruption that it is the control of, if it is one.
    """

    name: str
    family: str
    summary: str
    control_of: str | None
    cells: tuple[CellResult, ...]
    measures: Measures


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """A family of corruptions, with the mean over them; controls stand among them, and don't count for it.

    ``measures`` is None where the family was measured by controls alone.
    """

    name: str
    corruptions: tuple[CorruptionResult, ...]
    measures: Measures | None


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """All figures under one junk rule.

    ``scored`` queries have figures, ``excluded`` have none, for nothing relevant is left to find (R = 0), which
    ``exclusions`` tell by class and reason. Intervals resample ``groups`` groups (visits where only they are known).
    ``clean`` and ``chance`` are what damaged figures are set against; ``overall`` is the mean over families, None where
    there are controls alone. ``tied_share`` is the greatest share of tied comparisons in any of the rankings.
    """

    junk: Junk
    scored: int
    excluded: int
    exclusions: tuple[Exclusion, ...]
    groups: int
    clean: Measures
    chance: Mapping[str, float]
    families: tuple[FamilyResult, ...]
    overall: Measures | None
    tied_share: float

    @property
    def corruptions(self) -> tuple[CorruptionResult, ...]:
        """All corruptions, controls included, family by family."""
        return tuple(corruption for family in self.families for corruption in family.corruptions)

    def ranked(self, key: str) -> tuple[CorruptionResult, ...]:
        """The corruptions without controls, the one that costs most of the figure ``key`` first."""
        measured = (corruption for corruption in self.corruptions if corruption.control_of is None)
        return tuple(sorted(measured, key=lambda corruption: corruption.measures[key].value))


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """How an encoder's retrieval holds when pictures are damaged.

    ``rows`` are the pictures that could be used; ``skipped`` the others; ``gallery`` is how many are searched.
    ``findings`` are under the junk rule asked for, ``others`` under the other rules that the dataset's columns allow;
    ``keys`` name the figures in them. ``donors`` says who lent a surround, None where none was needed. ``notes`` say
    what is left out or differs from the rule. Of the vectors, ``made`` were encoded for this run (in ``seconds``) and
    ``total`` are behind its figures; they are kept in ``folder``, where they take ``stored`` bytes.
    """

    encoder: EncoderSpec
    dataset: Dataset
    rows: tuple[Row, ...] = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    side: Side
    seed: int
    keys: tuple[str, ...]
    severities: tuple[int, ...]
    gallery: int
    findings: Findings
    others: tuple[Findings, ...]
    donors: Donors | None = field(repr=False)
    notes: tuple[str, ...]
    made: int
    total: int
    seconds: float
    folder: Path
    stored: int
    provenance: Provenance
