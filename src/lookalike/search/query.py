"""Queries: images, texts and gallery images, each with a weight, and what limits the results."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import QueryError
from lookalike.search.match_words import MatchWord
from lookalike.text import printable

ImageLike = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""An image as a file path, a Pillow image, or a uint8 array of shape (height, width, 3), RGB, or (height, width),
greyscale."""

QueryImage = ImageLike | bytes
"""An image, also as the bytes of an image file."""

READ_PROPERTIES: Final = ("date", "camera", "width", "height")
"""The columns that are read from every image: by EXIF, and in upright pixels."""
PROPERTIES: Final = (*READ_PROPERTIES, "size", "path")
"""The columns that every image has; the size of its file is in bytes, and its path relative to the root."""

DEFAULT_K: Final = 10
"""How many hits a query asks for by default."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of an image, as shares of its upright width and height: 0 is left or top, 1 is right or bottom.

    Raises :class:`~lookalike.errors.QueryError` if it is empty or not inside the image.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise QueryError(
                f"region {self.left:g}, {self.top:g}, {self.right:g}, {self.bottom:g}: left, top, right and bottom "
                "must be shares of the image from 0 to 1, left below right and top below bottom"
            )


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image that was encoded already, by the encoder of the gallery that is searched.

    ``vector`` is its embedding, float32 (dimension,), of length 1. ``digest`` is the SHA-256 of the file's bytes
    (32 bytes), by which identical images are recognised; None if it is unknown, or if only a part was encoded.
    ``encoder`` is the fingerprint of the encoder's stamp, which is compared with that of the gallery if it is known.
    ``own`` is the id of the gallery image that it is, or a part of; that one is not among the hits.
    """

    vector: NDArray[np.float32] = field(hash=False, compare=False)
    digest: bytes | None = None
    encoder: str | None = None
    own: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One image or text of a query; a negative ``weight`` steers the results away from it.

    ``value`` is an image or the bytes of an image file for ``"image"``, a string for ``"text"``, for ``"id"`` the id of
    an image of the gallery that is searched, and an :class:`EmbeddedImage` for ``"embedding"``. ``region`` is the part
    of an image that is looked at, by default all of it. Raises :class:`~lookalike.errors.QueryError` for a region of a
    text or of an embedding.
    """

    kind: Literal["image", "text", "id", "embedding"]
    value: QueryImage | EmbeddedImage
    weight: float = 1.0
    region: Region | None = None

    def __post_init__(self) -> None:
        if self.kind in ("text", "embedding") and self.region is not None:
            raise QueryError(f"{self}: a text or an embedding has no region")

    @property
    def path(self) -> str | None:
        """The image's path; None for texts, ids and images in memory."""
        is_path = self.kind == "image" and isinstance(self.value, (str, os.PathLike))
        return os.fspath(self.value) if is_path else None  # type: ignore[arg-type]  # is_path has checked it

    @property
    def text(self) -> str | None:
        """The text; None for images."""
        return str(self.value) if self.kind == "text" else None

    @property
    def id(self) -> str | None:
        """The id of the gallery image; None for other images and texts."""
        return str(self.value) if self.kind == "id" else None

    def __str__(self) -> str:
        """The path, text or id."""
        return self.path or self.text or (f"image {self.id}" if self.kind == "id" else "an image")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries of a gallery are searched.

    ``under`` is a folder relative to the gallery's root, with ``/`` between its parts: only images in it and its
    subfolders are searched. It is normalised: ``"./a//b/"`` becomes ``"a/b"``; None and ``"."`` are the root itself.
    ``condition`` is one on the columns of images, such as ``km>=32 and label=joint``; see
    :mod:`~lookalike.search.conditions`. Raises :class:`~lookalike.errors.QueryError` if the folder is absolute or
    contains ``..``, or if the condition can't be parsed.
    """

    under: str | None = None
    condition: str | None = None

    def __post_init__(self) -> None:
        if self.condition is not None:
            from lookalike.search.grammar import parse_condition

            parse_condition(self.condition)
        if self.under is None:
            return
        if self.under.startswith("/"):
            raise QueryError(f"{printable(self.under)}: the folder to search must be relative to the gallery's root")
        parts = [part for part in self.under.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise QueryError(f"{printable(self.under)}: the folder to search must not contain '..'")
        object.__setattr__(self, "under", "/".join(parts) or None)


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: the weighted sum of the terms' embeddings, normalised to length 1, so scores are cosines.

    ``where`` limits which images are searched. Hits score at least ``min_score`` (a cosine), their match is at least
    ``min_match``, and there are at most ``k``. With ``fold``, near copies of a hit are not hits of their own but among
    its copies. Raises ValueError if there are no terms or ``k`` is less than 1, and
    :class:`~lookalike.errors.QueryError` if ``min_score`` is NaN.
    """

    terms: tuple[Term, ...]
    where: Filter = Filter()
    min_score: float | None = None
    k: int = DEFAULT_K
    min_match: MatchWord | None = None
    fold: bool = False

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a query needs at least one term")
        if self.k < 1:
            raise ValueError("k must be at least 1")
        if self.min_score is not None and math.isnan(self.min_score):
            raise QueryError("the minimum score must be a number from -1 to 1")

    @classmethod
    def image(cls, image: QueryImage, region: Region | None = None) -> Query:
        """Search for images similar to ``image``, or to its ``region``."""
        return cls((Term("image", image, region=region),))

    @classmethod
    def text(cls, text: str) -> Query:
        """Search for images that match ``text``; the gallery's encoder must be a CLIP encoder."""
        return cls((Term("text", text),))

    @classmethod
    def id(cls, id: str, region: Region | None = None) -> Query:  # noqa: A002  it is the word for it
        """Search for images similar to the gallery image with this id, or to its ``region``."""
        return cls((Term("id", id, region=region),))

    def plus(self, image: QueryImage, weight: float = 1.0) -> Query:
        """This query with ``image`` added: results are more like it."""
        return self.with_term(Term("image", image, weight))

    def minus(self, image: QueryImage, weight: float = 1.0) -> Query:
        """This query with ``image`` subtracted: results are less like it."""
        return self.plus(image, -weight)

    def plus_text(self, text: str, weight: float = 1.0) -> Query:
        """This query with ``text`` added: results match it more."""
        return self.with_term(Term("text", text, weight))

    def minus_text(self, text: str, weight: float = 1.0) -> Query:
        """This query with ``text`` subtracted: results match it less."""
        return self.plus_text(text, -weight)

    def with_term(self, term: Term) -> Query:
        """This query with another term."""
        return replace(self, terms=(*self.terms, term))

    def under(self, folder: str | None) -> Query:
        """This query, limited to images in ``folder`` and its subfolders, relative to the gallery's root."""
        return replace(self, where=replace(self.where, under=folder))

    def filtered(self, condition: str | None) -> Query:
        """This query, limited to images for which ``condition`` holds: ``km>=32 and date>=2023-05 and label=joint``.

        Its columns are those of the gallery's annotations, and ``date``, ``camera``, ``width``, ``height`` (pixels),
        ``size`` (bytes) and ``path`` of each image. Raises :class:`~lookalike.errors.QueryError` if it can't be parsed;
        a search raises it for unknown columns.
        """
        return replace(self, where=replace(self.where, condition=condition))

    def at_least(self, min_score: float | None = None, min_match: MatchWord | None = None) -> Query:
        """This query, limited to hits that score at least ``min_score`` and match at least as ``min_match``.

        Hits without a match, as of text queries, don't fulfil the latter.
        """
        return replace(self, min_score=min_score, min_match=min_match)

    def folded(self) -> Query:
        """This query, with near copies of a hit folded under it, so that ``k`` hits are ``k`` things."""
        return replace(self, fold=True)

    @classmethod
    def embedding(cls, vector: NDArray[np.float32], digest: bytes | None = None) -> Query:
        """Search for images similar to one that was encoded already: :class:`EmbeddedImage` says how."""
        return cls((Term("embedding", EmbeddedImage(vector, digest)),))

    @property
    def has_text(self) -> bool:
        """Whether any term is a text."""
        return any(term.kind == "text" for term in self.terms)

    def __str__(self) -> str:
        """The terms joined by their signs: ``joint.jpg + night - platform.jpg``."""
        first, *others = map(str, self.terms)
        signs = ("+" if term.weight >= 0 else "-" for term in self.terms[1:])
        return " ".join([first, *(f"{sign} {other}" for sign, other in zip(signs, others, strict=True))])
