"""The figures that the method was published with, which say neither their metric nor their split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEADING: Final = "Published (metric and split not stated; not comparable)"
"""What stands above these figures wherever they are shown."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the published table: accuracy in %, of queries that show cats and that show dogs."""

    name: str
    cat: int
    dog: int


PUBLISHED: Final = (
    Published("ResNet50", 85, 84),
    Published("ResNet152", 87, 86),
    Published("VGG", 90, 89),
    Published("CLIP-Retrieval", 94, 92),
)
"""The rows of the published table, in its order."""
