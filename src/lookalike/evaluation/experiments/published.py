"""The accuracies published with the method, which state neither metric nor split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADING: Final = "Published (metric and split not stated; not comparable)"
"""The heading of these numbers in every report."""


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the published table: accuracy in % for cat queries and for dog queries.

    ``encoder`` is the name in the catalogue of the encoder that it is of; of CLIP's and VGG's, which are not stated
    further, the most usual one.
    """

    name: str
    encoder: str
    cat: int
    dog: int


PUBLISHED: Final = (
    Published("ResNet50", "resnet50", 85, 84),
    Published("ResNet152", "resnet152", 87, 86),
    Published("VGG", "vgg16", 90, 89),
    Published("CLIP-Retrieval", "clip-vit-b-32", 94, 92),
)
"""The rows of the published table, in order."""


def cats_and_dogs(labels: Sequence[str]) -> tuple[str, str] | None:
    """The label of cats and that of dogs, where these are the classes; None for other classes."""
    names = {label.casefold().removesuffix("s"): label for label in labels}
    return (names["cat"], names["dog"]) if len(labels) == len(names) and set(names) == {"cat", "dog"} else None
