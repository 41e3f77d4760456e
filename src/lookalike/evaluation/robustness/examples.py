"""Example images under every corruption, exactly as the encoder receives them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from lookalike.evaluation.corruptions import CORRUPTIONS, Context
from lookalike.evaluation.data.dataset import Dataset
from lookalike.evaluation.data.sampling import seeded_key
from lookalike.evaluation.robustness.donors import DonorPlan
from lookalike.evaluation.robustness.jobs import LazyImage
from lookalike.evaluation.robustness.results import Robustness
from lookalike.images.files import Skipped


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One image under one corruption: pairs of severity and image, the clean image (severity 0) first."""

    corruption: str
    family: str
    images: tuple[tuple[int, Image.Image], ...]


def example_row(robustness: Robustness) -> int:
    """The row number of the image to show, drawn by the seed."""
    rows = robustness.rows
    return min(
        range(len(rows)), key=lambda number: seeded_key(robustness.seed, b"example", os.fsencode(rows[number].path))
    )


def examples(robustness: Robustness, row: int) -> Iterator[Example]:
    """The image of ``row`` under every measured corruption, in their order; nothing if it can no longer be read."""
    decoded = LazyImage(robustness.dataset, robustness.rows[row]).load()
    if isinstance(decoded, Skipped):
        return
    image, mask = decoded
    digest = robustness.digests[row]
    for result in robustness.results.corruptions:
        corruption = CORRUPTIONS[result.name]
        donor = None
        if corruption.donor is not None and robustness.donors is not None:
            number = robustness.donors.digests.index(digest)
            candidates = robustness.donors.candidates(number, corruption.donor, 1)
            donor = _first_readable(robustness.dataset, robustness.donors, candidates)
        corrupted = (
            (
                cell.severity,
                corruption.apply(
                    image, cell.severity, corruption.generator(digest, seed=robustness.seed), Context(donor, mask)
                ),
            )
            for cell in result.cells
        )
        yield Example(result.name, result.family, ((0, image), *corrupted))


def _first_readable(dataset: Dataset, donors: DonorPlan, numbers: Sequence[int]) -> Image.Image | None:
    """The first of these donors that can be read."""
    for number in numbers:
        decoded = LazyImage(dataset, donors.rows[number]).load()
        if not isinstance(decoded, Skipped):
            return decoded[0]
    return None
