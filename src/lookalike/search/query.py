"""Queries: a picture, words, or several of both put together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ImageLike = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""What stands for a picture: a file's path, a Pillow image, or an array uint8 (height, width, 3) in RGB or
(height, width) in grey."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query: a picture, or words; ``weight`` is negative for what is not wanted."""

    kind: Literal["picture", "text"]
    value: ImageLike
    weight: float = 1.0

    @property
    def path(self) -> str | None:
        """The picture's path, where it was given as one."""
        is_path = self.kind == "picture" and isinstance(self.value, (str, os.PathLike))
        return os.fspath(self.value) if is_path else None  # type: ignore[arg-type]  # is_path has checked it

    @property
    def words(self) -> str | None:
        """The words, where it is words."""
        return str(self.value) if self.kind == "text" else None


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: the sum of the terms' embeddings times their weights, brought back to length 1.

    The scores are cosines therefore, whatever the terms. The first term gives the query its name. Raises ValueError
    where there is none.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a query has at least one term")

    @classmethod
    def picture(cls, image: ImageLike) -> Query:
        """Look for what is like a picture."""
        return cls((Term("picture", image),))

    @classmethod
    def text(cls, words: str) -> Query:
        """Look for what words describe; needs a gallery made with a CLIP encoder."""
        return cls((Term("text", words),))

    def plus(self, image: ImageLike, weight: float = 1.0) -> Query:
        """More like this picture, too."""
        return Query((*self.terms, Term("picture", image, weight)))

    def minus(self, image: ImageLike, weight: float = 1.0) -> Query:
        """Less like this picture."""
        return self.plus(image, -weight)

    def plus_text(self, words: str, weight: float = 1.0) -> Query:
        """More of what these words describe."""
        return Query((*self.terms, Term("text", words, weight)))

    def minus_text(self, words: str, weight: float = 1.0) -> Query:
        """Less of what these words describe."""
        return self.plus_text(words, -weight)

    @property
    def has_words(self) -> bool:
        """Whether any term is words."""
        return any(term.kind == "text" for term in self.terms)

    def __str__(self) -> str:
        """Its name for people: the first term, then what was added and taken away."""
        first, *others = (term.path or term.words or "a picture" for term in self.terms)
        signs = ("+" if term.weight >= 0 else "-" for term in self.terms[1:])
        return " ".join([first, *(f"{sign} {other}" for sign, other in zip(signs, others, strict=True))])
