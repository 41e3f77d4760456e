"""Queries: an image, a text, or a weighted combination of several."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ImageLike = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""An image as a file path, a Pillow image, or a uint8 array of shape (height, width, 3), RGB, or (height, width),
greyscale."""


@dataclass(frozen=True, slots=True)
class Term:
    """One image or text of a query; a negative ``weight`` steers the results away from it."""

    kind: Literal["image", "text"]
    value: ImageLike
    weight: float = 1.0

    @property
    def path(self) -> str | None:
        """The image's path; None for texts and images in memory."""
        is_path = self.kind == "image" and isinstance(self.value, (str, os.PathLike))
        return os.fspath(self.value) if is_path else None  # type: ignore[arg-type]  # is_path has checked it

    @property
    def text(self) -> str | None:
        """The text; None for images."""
        return str(self.value) if self.kind == "text" else None


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: the weighted sum of the terms' embeddings, normalised to length 1, so scores are cosines.

    Raises ValueError if there are no terms.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a query needs at least one term")

    @classmethod
    def image(cls, image: ImageLike) -> Query:
        """Search for images similar to ``image``."""
        return cls((Term("image", image),))

    @classmethod
    def text(cls, text: str) -> Query:
        """Search for images that match ``text``; the gallery's encoder must be a CLIP encoder."""
        return cls((Term("text", text),))

    def plus(self, image: ImageLike, weight: float = 1.0) -> Query:
        """This query with ``image`` added: results are more like it."""
        return Query((*self.terms, Term("image", image, weight)))

    def minus(self, image: ImageLike, weight: float = 1.0) -> Query:
        """This query with ``image`` subtracted: results are less like it."""
        return self.plus(image, -weight)

    def plus_text(self, text: str, weight: float = 1.0) -> Query:
        """This query with ``text`` added: results match it more."""
        return Query((*self.terms, Term("text", text, weight)))

    def minus_text(self, text: str, weight: float = 1.0) -> Query:
        """This query with ``text`` subtracted: results match it less."""
        return self.plus_text(text, -weight)

    @property
    def has_text(self) -> bool:
        """Whether any term is a text."""
        return any(term.kind == "text" for term in self.terms)

    def __str__(self) -> str:
        """The terms joined by their signs: ``joint.jpg + night - platform.jpg``."""
        first, *others = (term.path or term.text or "an image" for term in self.terms)
        signs = ("+" if term.weight >= 0 else "-" for term in self.terms[1:])
        return " ".join([first, *(f"{sign} {other}" for sign, other in zip(signs, others, strict=True))])
