"""The accuracies published with the method, which state neither metric nor split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEADING: Final = "Published (metric and split not stated; not comparable)"
"""The heading of these numbers in every report."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the published table: accuracy in % for cat queries and for dog queries."""

    name: str
    cat: int
    dog: int


PUBLISHED: Final = (
    Published("ResNet50", 85, 84),
    Published("ResNet152", 87, 86),
    Published("VGG", 90, 89),
    Published("CLIP-Retrieval", 94, 92),
)
"""The rows of the published table, in order."""
