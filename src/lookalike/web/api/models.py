"""What requests contain, and what the answers look like; the OpenAPI document is made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lookalike.gallery.records import Order
from lookalike.search.match_words import MatchWord

MOST_HITS = 10_000
"""The largest number of hits, and the last place at which they begin."""
MOST_FOLDED = 1_000
"""The largest number of hits if copies are folded."""
MOST_TERMS = 20
MOST_PICKS = 10_000

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{1,16}$", description="The id of an image, as hits have it.")]
GalleryName = Annotated[str, Field(max_length=200, description="The name of a gallery; see `GET /api/galleries`.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TermRequest(_Request):
    """An image or a text: exactly one of `id`, `text` and `upload`."""

    id: Id | None = None
    gallery: GalleryName | None = Field(
        default=None, description="The gallery that has this image, if several are searched."
    )
    text: str | None = Field(default=None, max_length=2_000, description="A text, for a CLIP encoder.")
    upload: int | None = Field(
        default=None, ge=0, lt=MOST_TERMS, description="The place of an uploaded image, from 0 on."
    )
    weight: float = Field(default=1, ge=-1000, le=1000, allow_inf_nan=False, description="Negative: away from it.")
    region: tuple[_Share, _Share, _Share, _Share] | None = Field(
        default=None, description="Only this part of the image: left, top, right and bottom as shares of its size."
    )

    @model_validator(mode="after")
    def _check_kind(self) -> TermRequest:
        if sum(value is not None for value in (self.id, self.text, self.upload)) != 1:
            raise ValueError("a term is exactly one of id, text and upload")
        if self.region is not None and self.text is not None:
            raise ValueError("a text has no region")
        return self


class FilterRequest(_Request):
    """Which images are looked at."""

    under: str | None = Field(default=None, max_length=4_096, description="Only this folder and those below it.")
    where: str | None = Field(
        default=None, max_length=10_000, description="A condition on columns, as that of `lookalike search --where`."
    )


class ImagesRequest(FilterRequest):
    """Which images are listed."""

    order: Order = Field(default="path", description="By path, or the latest first.")
    after: int = Field(default=0, ge=0, le=2**31, description="The number of images before these.")
    limit: int = Field(default=100, ge=1, le=1000, description="The largest number of images.")


class SearchRequest(FilterRequest):
    """What to search for, and where."""

    galleries: list[GalleryName] = Field(
        default=[], max_length=100, description="Searched together; by default all, if they have the same encoder."
    )
    terms: list[TermRequest] = Field(
        default=[], max_length=MOST_TERMS, description="Added up by their weights; by default the uploaded images."
    )
    k: int = Field(default=50, ge=1, le=MOST_HITS, description="The number of hits.")
    after: int = Field(default=0, ge=0, le=MOST_HITS, description="The number of hits before them.")
    min_score: float | None = Field(default=None, ge=-1, le=1, allow_inf_nan=False, description="Lowest cosine.")
    match: MatchWord | None = Field(default=None, description="The weakest match.")
    fold: bool = Field(
        default=True, description=f"Near copies of a hit are folded under it; up to {MOST_FOLDED:,} hits."
    )
    include_self: bool = Field(default=False, description="The image of a term itself can be a hit.")

    @model_validator(mode="after")
    def _check_fold(self) -> SearchRequest:
        if self.fold and self.k + self.after > MOST_FOLDED:
            raise ValueError(f"copies are folded in the first {MOST_FOLDED:,} hits only; use fold: false for more")
        return self


class PickRequest(_Request):
    """An image that is picked, and what was said of it as a hit."""

    gallery: GalleryName
    id: Id
    rank: int | None = Field(default=None, ge=1)
    match: MatchWord | None = None
    score: float | None = Field(default=None, ge=-1, le=1, allow_inf_nan=False)


class PicksRequest(_Request):
    """Images that are picked, in this order."""

    picks: list[PickRequest] = Field(min_length=1, max_length=MOST_PICKS)


class ErrorDetails(BaseModel):
    """What is wrong: `kind` for programs, `message` for people."""

    kind: str
    message: str


class ErrorAnswer(BaseModel):
    """Every error looks like this."""

    error: ErrorDetails


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class HitAnswer(_Answer):
    """One image that was found."""

    rank: int
    id: str
    path: str
    score: float
    percentile: float | None
    match: MatchWord | None
    offline: bool
    values: dict[str, str]


class ResultAnswer(_Answer):
    """A query and its hits, best first."""

    query: dict[str, Any]
    hits: list[HitAnswer]


class SearchAnswer(_Answer):
    """As `lookalike search --json` prints it."""

    version: Literal[1]
    encoder: str
    results: list[ResultAnswer]


class GalleryAnswer(_Answer):
    """A gallery; `text` tells whether it can be searched by text."""

    name: str
    gallery: str
    root: str
    images: int
    offline: int
    encoder: str
    text: bool


class GalleriesAnswer(_Answer):
    """All galleries that are served."""

    version: Literal[1]
    galleries: list[GalleryAnswer]
    local: bool


class StatusAnswer(_Answer):
    """As `lookalike status --json` prints it."""

    version: Literal[1]
    images: int


class ImageAnswer(_Answer):
    """An image of a gallery."""

    id: str
    path: str
    bytes: int
    modified: str
    offline: bool
    values: dict[str, str]


class ImagesAnswer(_Answer):
    """Images of a gallery, in order; `total` is how many there are in all."""

    version: Literal[1]
    total: int
    images: list[ImageAnswer]


class FacetAnswer(_Answer):
    """A column: its most frequent values with the number of images of each, and how many values there are in all."""

    name: str
    values: list[tuple[str, int]]
    distinct: int
    least: float | None
    greatest: float | None


class FacetsAnswer(_Answer):
    """What a part of a gallery contains."""

    version: Literal[1]
    count: int
    folders: dict[str, int]
    columns: list[FacetAnswer]
    months: dict[str, int]


class EvaluationAnswer(_Answer):
    """The last evaluation, as `lookalike evaluate --json` printed it; null if there is none."""

    version: Literal[1]
    measured: str | None
    evaluation: dict[str, Any] | None


class DuplicatesAnswer(_Answer):
    """As `lookalike duplicates --json` prints it."""

    version: Literal[1]
    threshold: float
    groups: list[dict[str, Any]]


class HealthAnswer(_Answer):
    """The server works."""

    status: Literal["ok"]
    version: str
