"""Damaged pictures to look at, exactly as the encoder is given them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from lookalike.evaluation.corruptions import CORRUPTIONS, Context
from lookalike.evaluation.data.dataset import Dataset, Row
from lookalike.evaluation.data.sampling import drawn
from lookalike.evaluation.robustness.donors import Donors
from lookalike.evaluation.robustness.jobs import Source
from lookalike.evaluation.robustness.results import Robustness
from lookalike.images.files import Skipped


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One picture in one corruption: its clean form, then each of the severities that were measured."""

    corruption: str
    family: str
    pictures: tuple[tuple[int, Image.Image], ...]


def example_row(robustness: Robustness) -> int:
    """The number of the picture to show, the first by a seeded draw."""
    rows = robustness.rows
    return min(range(len(rows)), key=lambda number: drawn(robustness.seed, b"example", os.fsencode(rows[number].path)))


def examples(robustness: Robustness, row: int) -> Iterator[Example]:
    """The picture of ``row`` under every corruption that was measured, in their order; none if it can't be read now."""
    decoded = Source(robustness.dataset, robustness.rows[row]).get()
    if isinstance(decoded, Skipped):
        return
    image, mask = decoded
    digest = robustness.digests[row]
    for result in robustness.findings.corruptions:
        corruption = CORRUPTIONS[result.name]
        donor = None
        if corruption.donor is not None and robustness.donors is not None:
            place = robustness.donors.digests.index(digest)
            donor = _first(
                robustness.dataset, robustness.donors, robustness.donors.candidates(place, corruption.donor, 1)
            )
        damaged = (
            (
                cell.severity,
                corruption.apply(
                    image, cell.severity, corruption.generator(digest, seed=robustness.seed), Context(donor, mask)
                ),
            )
            for cell in result.cells
        )
        yield Example(result.name, result.family, ((0, image), *damaged))


def _first(dataset: Dataset, donors: Donors, places: Sequence[int]) -> Image.Image | None:
    """The first of the donors that can be read."""
    for place in places:
        row: Row = donors.rows[place]
        decoded = Source(dataset, row).get()
        if not isinstance(decoded, Skipped):
            return decoded[0]
    return None
